// SPDX-License-Identifier: Apache-2.0
// A folder to run the program in, and configs over the demo's files.
#pragma once

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/base/process.hpp"
#include "support.hpp"

namespace qfi::test {

class Command : public testing::Test {
 protected:
  ProcessOutcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), test::program());
    return value_of(run_process(arguments, folder(), std::chrono::seconds(300)));
  }
  const std::filesystem::path& folder() const { return m_folder.path(); }
  std::string demo(const std::string& file) const {
    return (test::source_folder() / "campaigns/demo" / file).string();
  }
  std::string netlist(const std::string& name) const {
    return (test::source_folder() / "netlists" / name).string();
  }

  /// A config over the demo's files; extra lines may add keys.
  std::string config(const std::string& sample, const std::string& faults = "", const std::string& extra = "",
                     const std::string& data = "") {
    const std::string text = "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                             ", labels: " + demo("labels.npy") + ", select: {first: 40}" + data +
                             "}\nfaults:\n  - {kind: stuck_at, netlist: " + m_netlist +
                             ", operators: [conv_2d]" + faults + "}\nsample: " + sample +
                             "\nverify: 0\noutput: out\n" + extra;
    EXPECT_TRUE(write_file(folder() / "c.yaml", text));
    return "c.yaml";
  }
  nlohmann::json results(const std::string& out) {
    std::ifstream file(folder() / out / "results.json");
    return nlohmann::json::parse(file);
  }
  nlohmann::json first_set(const std::string& out) { return results(out)["fault_sets"][0]; }
  std::string bytes(const std::string& out) { return value_of(read_file(folder() / out / "results.json")); }

  /// Exit code 2, one line that starts with "qfi: " and holds `part`, and no output folder.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& part) {
    const ProcessOutcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    EXPECT_THAT(outcome.output, testing::StartsWith("qfi: "));
    EXPECT_THAT(outcome.output, testing::HasSubstr(part));
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1) << outcome.output;
    EXPECT_FALSE(std::filesystem::exists(folder() / "out"));
  }

  /// Every results.json that the test has left follows the published schema.
  void TearDown() override {
    std::vector<std::string> command = {
        "/usr/bin/python3", (source_folder() / "tests/cli/validate.py").string(),
        (source_folder() / "src/results/schema/results-2.schema.json").string()};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder()))
      if (entry.path().filename() == "results.json") command.push_back(entry.path().string());
    if (command.size() == 3) return;
    const ProcessOutcome outcome = value_of(run_process(command, folder(), std::chrono::seconds(300)));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  }

  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
  std::string m_model = demo("shapes.tflite");
  std::string m_netlist = netlist("mul_adders.json");
};

}  // namespace qfi::test
