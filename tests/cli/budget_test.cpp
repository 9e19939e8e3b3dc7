// SPDX-License-Identifier: Apache-2.0
// Samples that the clock ends, and what a plan says of time.
#include "command.hpp"

namespace qfi::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Budget : public Command {
 protected:
  void write_config(const std::string& sample) {
    ASSERT_TRUE(write_file(folder() / "b.yaml",
                           "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                               ", labels: " + demo("labels.npy") +
                               "}\nfaults: [{kind: bit_flip, target: weights}]\nsample: " + sample +
                               "\nverify: 0\noutput: out\n"));
  }
  // A Verilator that is there and compiles nothing.
  std::vector<std::string> with_verilator() {
    fs::create_directories(folder() / "bin");
    EXPECT_TRUE(write_file(folder() / "bin/verilator",
                           "#!/bin/sh\n[ \"$1\" = --version ] && echo Verilator 5.006\n"));
    fs::permissions(folder() / "bin/verilator", fs::perms::owner_all);
    return {"PATH=" + (folder() / "bin").string() + ":" + std::getenv("PATH")};
  }
  ProcessOutcome run_with_verilator(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program());
    arguments.insert(arguments.end(), {"--cache", (folder() / "cache").string()});
    return value_of(run_process(arguments, folder(), std::chrono::seconds(300), with_verilator()));
  }
  void write_config_of_tables(const std::string& sample) {
    config(sample);
    std::string text = value_of(read_file(folder() / "c.yaml"));
    text.replace(text.find("verify: 0"), 9, "verify: 8");
    ASSERT_TRUE(write_file(folder() / "c.yaml", text));
  }
};

TEST_F(Budget, EndsByTheClockAndIsRepeatedToTheByte) {
  write_config("{budget: 4s}");
  const auto start = std::chrono::steady_clock::now();
  const ProcessOutcome outcome = run({"campaign", "b.yaml", "--threads", "1"});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_LT(seconds, 1.5 * 4) << outcome.output;
  const json set = first_set("out");
  EXPECT_EQ(set["stopped"]["reason"], "the time of the budget is over");
  EXPECT_GT(set["sample"]["n"], 16U) << "more than the first round";
  // The same number of faults, whatever the clock says now: all trials are there.
  const std::string before = bytes("out");
  ASSERT_EQ(run({"campaign", "b.yaml", "--threads", "2"}).exit_code, 0);
  EXPECT_EQ(bytes("out"), before);
  ASSERT_EQ(run({"merge", "b.yaml", "out", "-o", "merged"}).exit_code, 0);
  EXPECT_EQ(bytes("merged"), before);
}

TEST_F(Budget, BuysWhatAFixedSampleOfThatSizeDraws) {
  write_config("{budget: 2s}");
  ASSERT_EQ(run({"campaign", "b.yaml"}).exit_code, 0);
  const json bought = first_set("out");
  write_config("{count: " + bought["sample"]["n"].dump() + "}");
  ASSERT_EQ(run({"campaign", "b.yaml", "-o", "fixed"}).exit_code, 0);
  EXPECT_EQ(first_set("fixed")["summary"], bought["summary"]);
}

TEST_F(Budget, IsNotSpentOnCompiling) {
  write_config_of_tables("{budget: 2s}");
  const ProcessOutcome outcome = run_with_verilator({"campaign", "c.yaml"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              HasSubstr("no tables checked by Verilator: compiling Verilator's model takes about"));
}

TEST_F(Budget, APlanCountsCompilingUntilTheCacheHasTheModel) {
  write_config_of_tables("{count: 4}");
  const auto expected = [&] {
    const ProcessOutcome outcome = run_with_verilator({"plan", "c.yaml", "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return json::parse(outcome.output);
  };
  const json plan = expected();
  EXPECT_GT(plan["expected"]["compiling_seconds"], 0.5);
  EXPECT_GT(plan["expected"]["planning_seconds"], 0.0);
  EXPECT_DOUBLE_EQ(plan["expected_seconds"], plan["expected"]["compiling_seconds"].get<double>() +
                                                 plan["expected"]["planning_seconds"].get<double>() +
                                                 plan["expected"]["verifying_seconds"].get<double>() +
                                                 plan["expected"]["trials_seconds"].get<double>());
  EXPECT_EQ(plan["fault_sets"][0]["expected_faults"], 4);
  EXPECT_THAT(run_with_verilator({"plan", "c.yaml"}).output, HasSubstr(" compiling and "));
}

}  // namespace
}  // namespace qfi::test
