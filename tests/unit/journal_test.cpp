// SPDX-License-Identifier: Apache-2.0
#include "qfi/journal/journal.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "draw.hpp"
#include "qfi/base/file.hpp"
#include "qfi/fault_sets/trial.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::Draw;
using test::value_of;
using testing::HasSubstr;

BitOutcome random_outcome(Draw& draw, bool has_matrix) {
  BitOutcome outcome;
  for (const CountField& field : k_count_fields) outcome.counts.*field.value = draw.wide() >> draw(0, 63);
  if (has_matrix)
    for (int i = 0; i < 9; ++i)
      outcome.counts.confusion.add(draw(0, 4), draw(-1, 4), static_cast<std::uint64_t>(draw(1, 900)));
  if (draw(0, 2) == 0) return outcome;
  for (TrialSums& sums : outcome.of_direction) sums = {draw.wide() >> 40U, draw.wide() >> 40U, 7};
  for (TrialSums& sums : outcome.of_magnitude) sums = {1, draw.wide() >> 60U, draw.wide() >> 2U};
  outcome.reads = draw.wide() >> 32U;
  outcome.detected = draw.wide() >> 50U;
  outcome.missed = 3;
  if (draw(0, 1) == 0) outcome.value = {static_cast<std::uint32_t>(draw.bits()), 0xFFFFFFFFU};
  outcome.has_mixed_values = !outcome.value;
  for (int i = -1; i < draw(-1, 3); ++i) outcome.equal_after.emplace_back(i, 64);
  return outcome;
}

std::vector<ImageEvents> random_events(Draw& draw, std::size_t count, const std::vector<ImageEvents>* from) {
  std::vector<ImageEvents> events(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (from != nullptr && draw(0, 3) > 0) {
      events[i] = (*from)[i];
      continue;
    }
    events[i].changed = static_cast<std::uint32_t>(draw(0, 1000));
    events[i].correct = static_cast<std::uint32_t>(draw(0, 1));
    events[i].top5 = static_cast<std::uint32_t>(draw(0, 1));
  }
  return events;
}

Trial random_trial(Draw& draw, const std::vector<ImageEvents>& golden) {
  Trial trial{random_outcome(draw, draw(0, 1) == 0), {}, random_events(draw, golden.size(), &golden)};
  if (draw(0, 1) == 0) trial.with_protection = random_outcome(draw, draw(0, 1) == 0);
  return trial;
}

FaultCounts without_matrix(FaultCounts counts) {
  counts.confusion = ConfusionMatrix(0);
  return counts;
}

TEST(Trial, DetailsGiveItBack) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Draw draw(seed);
    const auto golden = random_events(draw, static_cast<std::size_t>(draw(1, 70)), nullptr);
    const Trial trial = random_trial(draw, golden);
    const std::string details = encode_details(trial, golden);
    const auto decoded = decode_details(details, without_matrix(trial.outcome.counts), golden);
    ASSERT_TRUE(decoded) << seed;
    ASSERT_EQ(*decoded == trial, true) << seed;
  }
}

TEST(Trial, AHarmlessFaultTakesAFewBytes) {
  Trial trial;
  trial.events.resize(64);
  EXPECT_LE(encode_details(trial, trial.events).size(), 4U);
}

TEST(Trial, DamagedDetailsAreNoTrialOrSomeTrial) {
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Draw draw(seed);
    const auto golden = random_events(draw, static_cast<std::size_t>(draw(1, 70)), nullptr);
    std::string details = encode_details(random_trial(draw, golden), golden);
    if (draw(0, 3) == 0)
      details.resize(static_cast<std::size_t>(draw(0, static_cast<int>(details.size()) - 1)));
    else
      for (int i = draw(1, 5); i > 0; --i)
        details[draw.bits() % details.size()] = static_cast<char>(draw.bits());
    const auto decoded = decode_details(details, FaultCounts(), golden);
    refused += decoded ? 0 : 1;
    if (decoded) {
      EXPECT_EQ(decoded->events.size(), golden.size());
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(OutcomeStore, KeepsTheSumOfEveryFault) {
  Draw draw(4);
  std::vector<BitOutcome> few;  // so that faults share outcomes, and places get free again
  for (int i = 0; i < 3; ++i) few.push_back(random_outcome(draw, i == 0));
  std::vector<BitOutcome> plain(60);
  OutcomeStore store;
  store.resize(plain.size());
  for (int i = 0; i < 500; ++i) {
    const auto fault = static_cast<std::size_t>(draw(0, 59));
    const BitOutcome& outcome = few[static_cast<std::size_t>(draw(0, 2))];
    store.add(fault, outcome);
    plain[fault] += outcome;
  }
  for (std::size_t fault = 0; fault < plain.size(); ++fault) {
    EXPECT_EQ(store[fault] == plain[fault], true) << fault;
    EXPECT_EQ(store.counts(fault) == plain[fault].counts, true) << fault;
  }
}

class JournalFile : public testing::Test {
 protected:
  std::unique_ptr<Journal> open() { return value_of(Journal::open(file, count_columns())); }
  std::string message() {
    const auto opened = Journal::open(file, count_columns());
    return opened ? "" : opened.error().message;
  }
  static TrialRow row(std::uint64_t fault, std::uint64_t block) {
    TrialRow row;
    row.key = {fault % 3, fault, block};
    FaultCounts counts;
    counts.changed = fault * 7 + block;
    row.counts = count_numbers(counts);
    row.details = std::string(fault % 50, static_cast<char>(fault));
    return row;
  }
  void fill(std::uint64_t faults) {
    const auto journal = open();
    EXPECT_TRUE(journal->identify({{"config.seed", "1"}, {"model", "a"}}));
    for (std::uint64_t fault = 0; fault < faults; ++fault)
      for (std::uint64_t block = 0; block < 4; ++block) journal->add(row(fault, block));
    EXPECT_TRUE(journal->finish());
  }
  void execute(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  TemporaryFolder folder = value_of(TemporaryFolder::create());
  std::filesystem::path file = folder.path() / "journal.sqlite";
};

TEST_F(JournalFile, GivesBackWhatWasAddedInOrder) {
  fill(200);
  const auto journal = open();
  ASSERT_TRUE(journal->identity());
  EXPECT_EQ(value_of(journal->trials()), 800U);
  std::vector<TrialRow> rows;
  ASSERT_TRUE(journal->read(1, 10, 100, [&](TrialRow&& found) -> Result<void> {
    rows.push_back(std::move(found));
    return {};
  }));
  std::size_t place = 0;
  for (std::uint64_t fault = 10; fault < 100; ++fault)
    for (std::uint64_t block = 0; block < 4 && fault % 3 == 1; ++block)
      EXPECT_EQ(rows.at(place++) == row(fault, block), true);
  EXPECT_EQ(place, rows.size());
}

TEST_F(JournalFile, OneWriterAtATime) {
  const auto journal = open();
  EXPECT_THAT(message(), HasSubstr("in use by another run"));
}

TEST_F(JournalFile, KeepsNotesAndTellsWhatDiffers) {
  fill(1);
  const auto journal = open();
  ASSERT_TRUE(journal->set_note("budget", "12"));
  EXPECT_EQ(value_of(journal->note("budget")), "12");
  EXPECT_EQ(value_of(journal->note("none")), std::nullopt);
  EXPECT_TRUE(journal->identify({{"config.seed", "1"}, {"model", "a"}}));
  const auto other = journal->identify({{"config.seed", "2"}, {"cpu", "x"}});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message,
              HasSubstr("config.seed was 1, is 2; cpu was nothing, is x; model was a, is nothing"));
}

TEST_F(JournalFile, TheSameTrialTwiceIsToleratedADifferentOneRefused) {
  fill(5);
  const auto journal = open();
  journal->add(row(3, 2));
  EXPECT_TRUE(journal->finish());
  TrialRow other = row(3, 2);
  ++other.counts.front();
  journal->add(other);
  const auto finished = journal->finish();
  ASSERT_FALSE(finished);
  EXPECT_THAT(finished.error().message, HasSubstr("two different results of fault 3, block 2"));
  EXPECT_TRUE(journal->has_failed());
}

// A row of another campaign has another checksum.
TEST_F(JournalFile, RowsOfAnotherCampaignDoNotPass) {
  fill(5);
  {
    const auto other = value_of(Journal::open(folder.path() / "other.sqlite", count_columns()));
    ASSERT_TRUE(other->identify({{"config.seed", "9"}}));
    TrialRow foreign = row(30, 0);
    other->add(foreign);
    ASSERT_TRUE(other->finish());
  }
  execute(("ATTACH '" + (folder.path() / "other.sqlite").string() +
           "' AS o; INSERT INTO trials SELECT * FROM o.trials")
              .c_str());
  const auto journal = open();
  const auto read = journal->read(0, 0, 100, [](TrialRow&&) -> Result<void> { return {}; });
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("a checksum is wrong"));
}

TEST_F(JournalFile, HasNoTablesViewsOrTriggersOfItsOwn) {
  for (const char* sql : {"CREATE VIEW more AS SELECT 1", "CREATE TABLE more(x)",
                          "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END",
                          "CREATE INDEX i ON trials(block)",
                          "DROP TABLE trials; CREATE VIEW trials AS SELECT 1 AS fault_set"}) {
    fill(2);
    execute(sql);
    EXPECT_THAT(message(), HasSubstr("its tables are not those of a journal")) << sql;
    std::filesystem::remove(file);
  }
  execute("CREATE TABLE mine(x)");
  EXPECT_THAT(message(), HasSubstr("no journal of qfi"));
  EXPECT_FALSE(Journal::remove(file));
}

// Whatever is damaged: an error, or rows that are the right ones.
TEST_F(JournalFile, DamageIsFoundOrHarmless) {
  fill(150);
  const std::string whole = value_of(read_file(file));
  int refused = 0, rows = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Draw draw(seed);
    std::string damaged = whole;
    if (draw(0, 2) == 0) damaged.resize(draw.bits() % damaged.size());
    else
      for (int i = draw(1, 40); i > 0; --i)
        damaged[draw.bits() % damaged.size()] = static_cast<char>(draw.bits());
    std::filesystem::remove(file.string() + "-wal");
    ASSERT_TRUE(write_file(file, damaged));
    const auto journal = Journal::open(file, count_columns());
    bool is_good = journal.has_value();
    for (std::uint64_t set = 0; set < 3 && is_good; ++set)
      is_good = (*journal)
                    ->read(set, 0, 1000,
                           [&](TrialRow&& found) -> Result<void> {
                             EXPECT_EQ(found == row(found.key.fault, found.key.block), true) << seed;
                             ++rows;
                             return {};
                           })
                    .has_value();
    refused += is_good ? 0 : 1;
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(rows, 1000);
}

}  // namespace
}  // namespace qfi
