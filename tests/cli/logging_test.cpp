// SPDX-License-Identifier: Apache-2.0
// Messages that are no answer: what stderr shows of them, and what run.log keeps.
#include "command.hpp"

namespace qfi::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class Logging : public Command {
 protected:
  std::string run_log(const std::string& out) { return value_of(read_file(folder() / out / "run.log")); }

  // Without its answer on stdout.
  ProcessOutcome messages(std::vector<std::string> arguments,
                          const std::vector<std::string>& variables = {}) {
    std::vector<std::string> command = {"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1 >/dev/null", program()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return value_of(run_process(command, folder(), std::chrono::seconds(300), variables));
  }
};

TEST_F(Logging, ACampaignSaysNothingButItsAnswerAndKeepsARunLog) {
  const ProcessOutcome outcome = messages({"campaign", config("{count: 9}")});
  ASSERT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output, "");
  std::istringstream lines(run_log("out"));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "qfi run log, times are UTC");
  int count = 0;
  for (; std::getline(lines, line); ++count)
    EXPECT_THAT(line,
                testing::MatchesRegex("20..-..-..T..:..:..\\....Z (debug  |info   |warning|error  ) [^ ].*"));
  EXPECT_GT(count, 2);
}

TEST_F(Logging, WhatAResumedCampaignTakesFromItsJournalIsSaidUnlessQuiet) {
  ASSERT_EQ(run({"campaign", config("{count: 9}")}).exit_code, 0);
  const std::string bytes_before = bytes("out");
  EXPECT_THAT(messages({"campaign", "c.yaml"}).output,
              ContainsRegex("^[0-9]+ trials are taken from out/journal.sqlite\n$"));
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--quiet"}, {"-q"}, {"--log-level", "warning"}}) {
    std::vector<std::string> arguments = {"campaign", "c.yaml"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    EXPECT_EQ(messages(arguments).output, "") << options[0];
  }
  EXPECT_EQ(messages({"--quiet", "campaign", "c.yaml"}).output, "") << "before the command too";
  const std::string verbose = messages({"campaign", "c.yaml", "--verbose"}).output;
  EXPECT_THAT(verbose, HasSubstr("first trials\n"));
  EXPECT_EQ(messages({"campaign", "c.yaml", "--log-level", "debug"}).output, verbose);
  EXPECT_EQ(bytes("out"), bytes_before);
  // One file keeps all of these runs.
  const std::string log = run_log("out");
  std::size_t resumed = 0;
  for (std::size_t at = log.find("info    "); at != std::string::npos; at = log.find("info    ", at + 1))
    ++resumed;
  EXPECT_EQ(resumed, 7U);
}

TEST_F(Logging, ErrorsAreInTheRunLogToo) {
  ASSERT_EQ(run({"campaign", config("{count: 9}")}).exit_code, 0);
  const ProcessOutcome outcome = run({"campaign", config("{count: 9}", "", "seed: 2\n")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, testing::StartsWith("qfi: out/journal.sqlite: "));
  EXPECT_THAT(run_log("out"), HasSubstr("error   " + outcome.output.substr(5)));
}

TEST_F(Logging, TablesThatCannotBeCheckedAreAWarning) {
  std::string text = value_of(read_file(folder() / config("{count: 3}")));
  text.replace(text.find("verify: 0"), 9, "verify: 2");
  ASSERT_TRUE(write_file(folder() / "c.yaml", text));
  const ProcessOutcome outcome = messages({"campaign", "c.yaml"}, {"PATH=/nonexistent"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              ContainsRegex("^qfi: warning: no tables checked by Verilator: [^\n]*verilator[^\n]*\n$"));
  EXPECT_THAT(run_log("out"), HasSubstr("warning no tables checked by Verilator: "));
}

TEST_F(Logging, ShardsAndTheirMergeKeepRunLogs) {
  for (const char* i : {"1", "2"})
    ASSERT_EQ(run({"campaign", config("{count: 9}"), "--shard", std::string(i) + "/2", "-o", i}).exit_code,
              0);
  EXPECT_THAT(run_log("2"), HasSubstr("info    shard 2/2: the other shards' trials are not run"));
  ASSERT_EQ(run({"merge", "c.yaml", "1", "2", "-o", "all"}).exit_code, 0);
  EXPECT_THAT(run_log("all"), ContainsRegex("[0-9]+ trials are taken from 1/journal.sqlite"));
}

TEST_F(Logging, ARunLogOfOthersIsNotAddedTo) {
  std::filesystem::create_directory(folder() / "out");
  ASSERT_TRUE(write_file(folder() / "out/run.log", "mine\n"));
  const ProcessOutcome outcome = run({"campaign", config("{count: 3}")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("run.log: exists and was not written by qfi"));
  EXPECT_EQ(run_log("out"), "mine\n");
  EXPECT_FALSE(std::filesystem::exists(folder() / "out/journal.sqlite"));
}

TEST_F(Logging, ModelWarningsComeWithTheirText) {
  QFI_NEEDS_SHARED_DATA();
  const ProcessOutcome outcome =
      messages({"inspect", (shared_folder() / "data/models/person_detect.tflite").string()});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, testing::StartsWith("qfi: warning: tensor '"));
}

}  // namespace
}  // namespace qfi::test
