// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <fstream>
#include <set>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/base/parallel.hpp"
#include "qfi/base/process.hpp"
#include "qfi/base/random.hpp"
#include "qfi/base/similar.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256_hex(bytes_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(xxh64({}), 0xef46db3751d8e999U);
  DigestBuilder one, two;
  one.add(bytes_of("ab"));
  one.add(bytes_of("c"));
  two.add(bytes_of("abc"));
  EXPECT_EQ(one.digest(), two.digest());
}

TEST(Random, DrawsWithoutReplacementAreDistinctAndLongerOnesContinueShorterOnes) {
  const auto longer = draw_without_replacement(1000, 300, 7, "test");
  EXPECT_EQ(std::set<std::uint64_t>(longer.begin(), longer.end()).size(), 300U);
  const auto shorter = draw_without_replacement(1000, 50, 7, "test");
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  const auto all = draw_without_replacement(20, 20, 7, "test");
  EXPECT_EQ(std::set<std::uint64_t>(all.begin(), all.end()).size(), 20U);
  EXPECT_NE(draw_without_replacement(1000, 50, 8, "test"), shorter);
  EXPECT_NE(draw_without_replacement(1000, 50, 7, "other"), shorter);
}

// Chi-square over the members of small draws, 20,000 repetitions with fixed seeds: the 99.99 %
// quantile for 19 degrees of freedom is 50.8.
TEST(Random, EveryMemberIsDrawnEquallyOftenAtEveryPlace) {
  constexpr std::uint64_t k_population = 20;
  constexpr std::uint64_t k_repetitions = 20'000;
  std::array<std::array<double, k_population>, 5> seen{};
  for (std::uint64_t seed = 0; seed < k_repetitions; ++seed) {
    const auto drawn = draw_without_replacement(k_population, 5, seed, "chi");
    for (std::size_t place = 0; place < 5; ++place) ++seen[place][drawn[place]];
  }
  const double expected = double{k_repetitions} / k_population;
  for (const auto& place : seen) {
    double chi_square = 0;
    for (const double count : place) chi_square += (count - expected) * (count - expected) / expected;
    EXPECT_LT(chi_square, 50.8);
  }
}

TEST(Random, BoundsAreKeptAndReached) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) seen.insert(random_below(3, "bound", i, 7));
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(*seen.rbegin(), 6U);
}

TEST(Parallel, EveryIndexRunsOnceAndErrorsComeBack) {
  std::vector<std::atomic<int>> runs(1000);
  parallel_for(runs.size(), 4, [&](std::size_t i, unsigned worker) {
    ASSERT_LT(worker, 4U);
    ++runs[i];
  });
  for (const auto& count : runs) EXPECT_EQ(count, 1);
  EXPECT_THROW(parallel_for(10, 2,
                            [](std::size_t i, unsigned) {
                              if (i == 3) throw std::runtime_error("x");
                            }),
               std::runtime_error);
}

TEST(Npy, WrittenArraysAreReadBack) {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  const std::array<std::int32_t, 6> data{1, -2, 3, -4, 5, -6};
  for (const std::vector<std::uint64_t>& shape : {std::vector<std::uint64_t>{6}, {2, 3}, {1, 2, 3}}) {
    ASSERT_TRUE(write_file(folder.path() / "a.npy", npy_bytes("i4", shape, std::as_bytes(std::span(data)))));
    const NpyArray read = value_of(read_npy(folder.path() / "a.npy"));
    EXPECT_EQ(read.shape, shape);
    EXPECT_EQ(read.type, "i4");
    EXPECT_EQ(std::memcmp(read.data.data(), data.data(), sizeof data), 0);
  }
}

TEST(Npy, EveryTruncationAndHeaderDamageIsAnErrorOrAnArray) {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  const std::array<std::uint64_t, 2> shape{2, 3};
  const std::array<std::uint8_t, 6> data{};
  const std::string good = npy_bytes("u1", shape, std::as_bytes(std::span(data)));
  const auto path = folder.path() / "a.npy";
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_TRUE(write_file(path, good.substr(0, size)));
    EXPECT_FALSE(read_npy(path)) << size;
  }
  for (std::size_t i = 0; i < good.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = good;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      ASSERT_TRUE(write_file(path, damaged));
      const auto read = read_npy(path);
      EXPECT_TRUE(!read ||
                  read->data.size() == read->elements() * static_cast<std::uint64_t>(read->type[1] - '0'))
          << i;
    }
}

TEST(File, MissingFilesFoldersAndLimitsAreErrors) {
  EXPECT_THAT(read_file("/nonexistent/x").error().message, HasSubstr("cannot open"));
  EXPECT_THAT(read_file("/").error().message, HasSubstr("not a regular file"));
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  ASSERT_TRUE(write_file(folder.path() / "x", "12345"));
  EXPECT_THAT(read_file(folder.path() / "x", 4).error().message, HasSubstr("limit"));
  EXPECT_EQ(value_of(read_file(folder.path() / "x", 5)), "12345");
  EXPECT_FALSE(write_file(folder.path() / "no" / "x", "1"));
}

TEST(Process, ExitCodeOutputAndTimeLimit) {
  const auto here = std::filesystem::current_path();
  const ProcessOutcome outcome =
      value_of(run_process({"sh", "-c", "echo out; echo err >&2; exit 3"}, here, std::chrono::seconds(10)));
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.output, "out\nerr\n");
  EXPECT_THAT(run_process({"qfi-no-such-program"}, here, std::chrono::seconds(10)).error().message,
              HasSubstr("not installed"));
  EXPECT_THAT(run_process({"sleep", "60"}, here, std::chrono::seconds(1)).error().message,
              HasSubstr("stopped after 1 s"));
  EXPECT_THAT(run_process({"sh", "-c", "exec >&- 2>&-; exec sleep 60"}, here, std::chrono::seconds(1))
                  .error()
                  .message,
              HasSubstr("stopped after 1 s"))
      << "without an output, too";
  // No shell: the argument stays one word.
  EXPECT_EQ(value_of(run_process({"echo", "a; echo b $(id)"}, here, std::chrono::seconds(10))).output,
            "a; echo b $(id)\n");
}

TEST(Similar, SlipsAreRecognizedAndStrangersAreNot) {
  const std::vector<std::string> names = {"operands", "operators", "netlist"};
  EXPECT_EQ(most_similar("operand", names), "operands");
  EXPECT_EQ(most_similar("netlst", names), "netlist");
  EXPECT_EQ(most_similar("zzzzzz", names), std::nullopt);
}

}  // namespace
}  // namespace qfi
