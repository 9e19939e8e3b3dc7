// SPDX-License-Identifier: Apache-2.0
// Campaigns that are killed, stopped, split, damaged and merged.
#include "qfi/journal/journal.hpp"

#include <algorithm>
#include <map>

#include "command.hpp"
#include "qfi/base/random.hpp"
#include "qfi/fault_sets/trial.hpp"

namespace qfi::test {
namespace {

using testing::HasSubstr;

// Kinds of campaigns that keep different things of a trial.
const std::map<std::string, std::string>& fault_entries() {
  static const std::map<std::string, std::string> entries = {
      {"netlist",
       "design: crossed\nsample: {count: 60}\nfaults:\n  - {kind: stuck_at, netlist: NETLIST, operators: "
       "[conv_2d]}\n"},
      {"bits",
       "design: crossed\nsample: {count: 90}\nfaults:\n"
       "  - {kind: bit_flip, target: weights, storage: {protection: vandor}, compare: unprotected}\n"
       "  - {kind: stuck_at, target: data, simultaneous: 2}\n"},
      {"search",
       "design: crossed\nsample: {genetic: 12, flips: 6, generations: 6}\nfaults:\n"
       "  - {kind: bit_flip, target: weights}\n"},
      {"nested",
       "design: {nested: auto}\nsample: {count: 120}\nfaults:\n  - {kind: stuck_at, netlist: NETLIST, "
       "operators: "
       "[conv_2d]}\n  - {kind: bit_flip, target: weights}\n"},
      {"paired", "design: paired\nsample: {count: 90}\nfaults:\n  - {kind: bit_flip, target: weights}\n"}};
  return entries;
}

class JournalOf : public Command, public testing::WithParamInterface<std::string> {
 protected:
  std::string campaign(int images) {
    std::string entry = fault_entries().at(GetParam());
    if (const auto place = entry.find("NETLIST"); place != std::string::npos)
      entry.replace(place, 7, netlist("mul_adders.json"));
    const std::string text = "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                             ", labels: " + demo("labels.npy") +
                             ", select: {first: " + std::to_string(images) + "}}\nverify: 0\noutput: out\n" +
                             entry;
    EXPECT_TRUE(write_file(folder() / "c.yaml", text));
    return "c.yaml";
  }
  ProcessOutcome run_program(std::vector<std::string> command) {
    return value_of(run_process(command, folder(), std::chrono::seconds(300)));
  }
  void expect_success(const std::vector<std::string>& arguments) {
    const ProcessOutcome outcome = run(arguments);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }
};

std::uint64_t kills() {
  const char* text = std::getenv("QFI_KILLS");
  return text == nullptr ? 3 : std::strtoull(text, nullptr, 10);
}

TEST_P(JournalOf, KilledRunsGoOnToTheSameBytes) {
  const std::string file = campaign(150);
  const auto start = std::chrono::steady_clock::now();
  expect_success({"campaign", file, "-o", "whole"});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (std::uint64_t i = 0; i < kills(); ++i) {
    const double share = static_cast<double>(random_below(7, GetParam(), i, 1000)) / 1000.0;
    run_program({"timeout", "-s", "KILL", std::to_string(seconds * share), test::program(), "campaign", file,
                 "-o", "killed"});
    expect_success({"campaign", file, "-o", "killed"});
    ASSERT_EQ(bytes("killed") == bytes("whole"), true)
        << "kill " << i << " after " << seconds * share << " s";
    std::filesystem::remove_all(folder() / "killed");
  }
}

TEST_P(JournalOf, ShardsMergeToTheSameBytes) {
  const std::string file = campaign(70);
  if (GetParam() == "search") {
    expect_refused({"campaign", file, "--shard", "1/2"}, "cannot be split");
    return;
  }
  expect_success({"campaign", file, "-o", "whole"});
  for (const int count : {2, 5, 16}) {
    std::vector<std::string> merge = {"merge", file};
    for (int i = 1; i <= count; ++i) {
      const std::string part = std::to_string(i) + "of" + std::to_string(count);
      expect_success(
          {"campaign", file, "--shard", std::to_string(i) + "/" + std::to_string(count), "-o", part});
      EXPECT_FALSE(std::filesystem::exists(folder() / part / "results.json"));
      merge.push_back(part);
    }
    merge.insert(merge.end(), {"-o", "merged", "--restart"});
    expect_success(merge);
    EXPECT_EQ(bytes("merged") == bytes("whole"), true) << count;
  }
}

// Rows that are lost are run again, rows that are damaged are not taken.
TEST_P(JournalOf, DamagedJournalsNeverGiveWrongResults) {
  const std::string file = campaign(70);
  expect_success({"campaign", file, "-o", "whole"});
  const std::string journal = value_of(read_file(folder() / "whole/journal.sqlite"));
  int refused = 0;
  for (std::uint64_t i = 0; i < 2 * kills(); ++i) {
    std::string damaged = journal;
    if (i % 2 == 0) damaged.resize(random_below(3, GetParam() + " length", i, journal.size()));
    for (std::uint64_t k = 0; i % 2 == 1 && k < 1 + i; ++k)
      damaged[random_below(3, GetParam() + " place", 100 * i + k, journal.size())] =
          static_cast<char>(random_below(3, GetParam() + " byte", 100 * i + k, 256));
    std::filesystem::create_directory(folder() / "damaged");
    ASSERT_TRUE(write_file(folder() / "damaged/journal.sqlite", damaged));
    const ProcessOutcome outcome = run({"campaign", file, "-o", "damaged"});
    if (outcome.exit_code == 0) {
      EXPECT_EQ(bytes("damaged") == bytes("whole"), true) << i;
    } else {
      ++refused;
      EXPECT_LE(outcome.exit_code, 2) << outcome.output;
      EXPECT_THAT(outcome.output, HasSubstr("journal.sqlite")) << outcome.output;
    }
    std::filesystem::remove_all(folder() / "damaged");
  }
  RecordProperty("refused", refused);
}

TEST_P(JournalOf, SignalsStopBetweenTrials) {
  const std::string file = campaign(400);
  const auto start = std::chrono::steady_clock::now();
  expect_success({"campaign", file, "-o", "whole"});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  int stopped = 0;
  for (const auto& [signal, code] : std::map<std::string, int>{{"INT", 130}, {"TERM", 143}})
    for (const double share : {0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6}) {
      const ProcessOutcome outcome =
          run_program({"timeout", "--preserve-status", "-s", signal, std::to_string(seconds * share),
                       test::program(), "campaign", file, "-o", "stopped"});
      const bool says_so = outcome.output.find("the same command goes on") != std::string::npos;
      EXPECT_EQ(says_so, says_so && outcome.exit_code == code) << outcome.output;
      stopped += says_so ? 1 : 0;
    }
  expect_success({"campaign", file, "-o", "stopped"});
  EXPECT_EQ(bytes("stopped") == bytes("whole"), true);
  EXPECT_GT(stopped, 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, JournalOf, testing::Values("netlist", "bits", "paired", "search"),
                         [](const auto& info) { return info.param; });

class Journals : public Command {};

TEST_F(Journals, AnotherCampaignIsRefusedWithWhatDiffers) {
  const std::string file = config("{count: 12}");
  ASSERT_EQ(run({"campaign", file}).exit_code, 0);
  config("{count: 12}", "", "seed: 2\n");
  const ProcessOutcome seed = run({"campaign", file});
  EXPECT_EQ(seed.exit_code, 2);
  EXPECT_THAT(seed.output, HasSubstr("of another campaign: config.seed was 1, is 2"));
  EXPECT_THAT(seed.output, HasSubstr("--restart"));
  config("{count: 12}", ", operands: offset");
  EXPECT_THAT(run({"campaign", file}).output,
              HasSubstr("config.faults.0.operands was \"raw\", is \"offset\""));
  const std::string model = value_of(read_file(m_model));
  ASSERT_TRUE(write_file(folder() / "other.tflite", model + "x"));
  m_model = (folder() / "other.tflite").string();
  config("{count: 12}");
  EXPECT_THAT(run({"campaign", file}).output, HasSubstr("inputs.model.sha256 was"));
  EXPECT_EQ(run({"campaign", file, "--restart"}).exit_code, 0);
}

TEST_F(Journals, MergeRefusesWhatIsNotWhole) {
  const std::string file = config("{count: 40}");
  const auto refuses = [&](std::vector<std::string> folders, const std::string& part) {
    folders.insert(folders.begin(), {"merge", file});
    folders.insert(folders.end(), {"-o", "out"});
    expect_refused(folders, part);
  };
  for (const char* shard : {"1/3", "2/3", "3/3", "1/2"})
    ASSERT_EQ(
        run({"campaign", file, "--shard", shard, "-o", std::string("s") + shard[0] + shard[2]}).exit_code, 0);
  refuses({"s13", "s33"}, "shards missing, of 3: 2");
  refuses({"s13", "s23", "s23"}, "s23: given twice");
  refuses({"s13", "s23", "s12"}, "s12: one of 2 shards, s13 is one of 3");
  refuses({"s13", "s23", "nowhere"}, "nowhere: no journal.sqlite in it");
  // The same shard from two places: tolerated, as all its trials are the same.
  std::filesystem::copy(folder() / "s23", folder() / "copy");
  std::map<std::string, std::filesystem::file_time_type> shard_times;
  for (const char* shard : {"s13", "s23", "copy", "s33"})
    shard_times[shard] = std::filesystem::last_write_time(folder() / shard);
  EXPECT_EQ(run({"merge", file, "s13", "s23", "copy", "s33", "-o", "merged"}).exit_code, 0);
  EXPECT_EQ(run({"campaign", file, "-o", "whole"}).exit_code, 0);
  EXPECT_EQ(bytes("merged") == bytes("whole"), true);
  // Nothing was written where the shards are.
  for (const char* shard : {"s13", "s23", "copy", "s33"}) {
    EXPECT_LT(std::filesystem::last_write_time(folder() / shard / "journal.sqlite"),
              std::filesystem::last_write_time(folder() / "merged/journal.sqlite"));
    EXPECT_EQ(std::filesystem::last_write_time(folder() / shard), shard_times[shard]);
    EXPECT_FALSE(std::filesystem::exists(folder() / shard / "journal.sqlite-wal"));
  }
  // A merge goes over nothing.
  EXPECT_EQ(run({"merge", file, "s13", "s23", "s33", "-o", "merged"}).exit_code, 2);
  // A shard of another campaign.
  config("{count: 40}", "", "seed: 2\n");
  ASSERT_EQ(run({"campaign", file, "--shard", "2/3", "-o", "other"}).exit_code, 0);
  config("{count: 40}");
  refuses({"s13", "other", "s33"}, "of another campaign: config.seed was 2, is 1");
  // One that was stopped before its first trial.
  const std::vector<std::string> limited = {"/bin/sh", "-c",
                                            "ulimit -f 40; exec \"$0\" campaign \"$1\" --shard 2/3 -o half",
                                            test::program(), file};
  ASSERT_EQ(value_of(run_process(limited, folder(), std::chrono::seconds(60))).exit_code, 1);
  refuses({"s13", "half", "s33"}, "half/journal.sqlite: shard 2/3 is not finished");
}

TEST_F(Journals, SamplesThatAreDecidedByResultsAreNotSplit) {
  const std::string file = config("{half_width: 0.06, metric: sdc_rate, minimum: 30}");
  expect_refused({"campaign", file, "--shard", "1/2"}, "cannot be split");
  for (const char* shard : {"0/2", "3/2", "1", "1/", "a/b", "1/2x", "-1/2"})
    expect_refused({"campaign", file, "--shard", shard}, "write it as I/N");
  // They are resumed.
  ASSERT_EQ(run({"campaign", file, "-o", "whole"}).exit_code, 0);
  for (const char* seconds : {"0.1", "0.2"})
    run_process({"timeout", "-s", "KILL", seconds, test::program(), "campaign", file, "-o", "killed"},
                folder(), std::chrono::seconds(60));
  ASSERT_EQ(run({"campaign", file, "-o", "killed"}).exit_code, 0);
  EXPECT_EQ(bytes("killed") == bytes("whole"), true);
}

// A limit of the file size stands in for a full disk.
TEST_F(Journals, AFullDiskLosesNothing) {
  const std::string file = config("{count: 400}");
  const std::vector<std::string> limited = {
      "/bin/sh", "-c", "ulimit -f 64; exec \"$0\" campaign \"$1\" -o full", test::program(), file};
  const ProcessOutcome outcome = value_of(run_process(limited, folder(), std::chrono::seconds(60)));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("full/journal.sqlite"));
  ASSERT_EQ(run({"campaign", file, "-o", "full"}).exit_code, 0);
  ASSERT_EQ(run({"campaign", file, "-o", "whole"}).exit_code, 0);
  EXPECT_EQ(bytes("full") == bytes("whole"), true);
}

// Packs numbers as trial.cpp does: two bits of each, and what is 3 or more behind every four.
std::string packed(std::vector<std::uint64_t> numbers) {
  std::string bytes;
  numbers.resize((numbers.size() + 3) / 4 * 4);
  for (std::size_t i = 0; i < numbers.size(); i += 4) {
    unsigned codes = 0;
    for (std::size_t k = 0; k < 4; ++k)
      codes |= static_cast<unsigned>(std::min<std::uint64_t>(numbers[i + k], 3)) << (2 * k);
    bytes.push_back(static_cast<char>(codes));
    for (std::size_t k = 0; k < 4; ++k) {
      if (numbers[i + k] < 3) continue;
      std::uint64_t rest = numbers[i + k] - 3;
      for (; rest >= 128; rest >>= 7U) bytes.push_back(static_cast<char>((rest & 127U) | 128U));
      bytes.push_back(static_cast<char>(rest));
    }
  }
  return bytes;
}

// Checksums keep damage out, not forgery: what no trial can count is refused.
TEST_F(Journals, ForgedTrialsThatCannotBeAreRefused) {
  const std::string file = config("{count: 12}");
  ASSERT_EQ(run({"campaign", file, "-o", "whole"}).exit_code, 0);
  const std::vector<std::string> columns = count_columns();
  const auto whole = value_of(Journal::open(folder() / "whole/journal.sqlite", columns));
  const auto count = [&](TrialRow& row, const char* name) -> std::uint64_t& {
    return row.counts.at(static_cast<std::size_t>(std::ranges::find(columns, name) - columns.begin()));
  };
  const std::vector<std::function<void(TrialRow&)>> forgeries = {
      [](TrialRow&) {}, [&](TrialRow& row) { count(row, "changed") = 1'000'000; },
      [&](TrialRow& row) { count(row, "faulty_correct") ^= 1; },
      [&](TrialRow& row) { count(row, "output_identical") = std::uint64_t{1} << 63U; },
      [](TrialRow& row) { row.details = row.details.substr(0, row.details.size() - 1); },
      // An operator that the model does not have, of a fault of stored bits: 15 sums, 5 reads, no value.
      [](TrialRow& row) {
        std::vector<std::uint64_t> numbers(28);
        numbers[1] = numbers[23] = numbers[25] = 1;
        numbers[24] = 16383;
        row.details = packed(numbers);
      }};
  for (std::size_t k = 0; k < forgeries.size(); ++k) {
    const std::string out = "forged" + std::to_string(k);
    std::filesystem::create_directory(folder() / out);
    {
      const auto forged = value_of(Journal::open(folder() / out / "journal.sqlite", columns));
      ASSERT_TRUE(forged->identify(*whole->identity()));
      ASSERT_TRUE(whole->read(0, 0, 1000, [&](TrialRow&& row) -> Result<void> {
        forgeries[k](row);
        forged->add(std::move(row));
        return {};
      }));
      ASSERT_TRUE(forged->finish());
    }
    const ProcessOutcome outcome = run({"campaign", file, "-o", out});
    EXPECT_EQ(outcome.exit_code, k == 0 ? 0 : 2) << k << outcome.output;
    if (k > 0) {
      EXPECT_THAT(outcome.output, HasSubstr("a trial that does not fit"));
    }
  }
}

TEST_F(Journals, RestartKeepsTheJournalUntilThePlanIsMade) {
  const std::string file = config("{count: 12}");
  ASSERT_EQ(run({"campaign", file}).exit_code, 0);
  const std::string journal = value_of(read_file(folder() / "out/journal.sqlite"));
  m_model = (folder() / "none.tflite").string();
  config("{count: 12}");
  EXPECT_EQ(run({"campaign", file, "--restart"}).exit_code, 2);
  EXPECT_EQ(value_of(read_file(folder() / "out/journal.sqlite")) == journal, true);
}

TEST_F(Journals, WhatIsNoJournalStays) {
  const std::string file = config("{count: 3}");
  std::filesystem::create_directory(folder() / "taken");
  ASSERT_TRUE(write_file(folder() / "taken/journal.sqlite", "some notes of mine, and not few of them"));
  for (const char* option : {"--threads=1", "--restart"}) {
    const ProcessOutcome outcome = run({"campaign", file, "-o", "taken", option});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.output, HasSubstr("taken/journal.sqlite"));
  }
  EXPECT_EQ(value_of(read_file(folder() / "taken/journal.sqlite")),
            "some notes of mine, and not few of them");
  std::filesystem::create_directory(folder() / "linked");
  std::filesystem::create_symlink(folder() / "elsewhere", folder() / "linked/journal.sqlite");
  EXPECT_THAT(run({"campaign", file, "-o", "linked"}).output, HasSubstr("a link"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "elsewhere"));
}

}  // namespace
}  // namespace qfi::test
