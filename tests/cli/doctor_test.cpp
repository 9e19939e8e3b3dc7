// SPDX-License-Identifier: Apache-2.0
// What `qfi doctor` says of networks that are fed in a wrong way, and of a machine.
#include "command.hpp"
#include "qfi/base/npy.hpp"

namespace qfi::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Doctor : public Command {
 protected:
  std::string diagnose(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"doctor", m_model, "--data", demo("images.npy"), "--images", "60"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessOutcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return outcome.output;
  }
  // The demo's labels, each changed.
  template <class Change>
  std::string labels(const Change& change) {
    NpyArray array = value_of(read_npy(demo("labels.npy")));
    const std::size_t bytes = array.data.size() / array.elements();
    for (std::size_t i = 0; i < array.elements(); ++i)
      array.data[i * bytes] = static_cast<char>(change(array.data[i * bytes], i));
    EXPECT_TRUE(write_file(folder() / "y.npy",
                           npy_bytes(array.type, array.shape, std::as_bytes(std::span(array.data)))));
    return "y.npy";
  }
};

TEST_F(Doctor, LeavesWhatIsRightAlone) {
  EXPECT_THAT(diagnose({"--labels", demo("labels.npy")}), HasSubstr("\nwhat is given fits best\n"));
}

TEST_F(Doctor, FindsAWrongScaling) {
  const std::vector<std::string> wrong = {"--labels", demo("labels.npy"), "--scale", "0.0001"};
  EXPECT_THAT(diagnose(wrong), HasSubstr("\nfits best: "));
  std::vector<std::string> as_json = wrong;
  as_json.emplace_back("--json");
  const json found = json::parse(diagnose(as_json));
  const auto given = std::ranges::find_if(found["trials"], [](const json& trial) {
    return trial["input"] == "as given" && trial["label_offset"] == 0;
  });
  EXPECT_GT(found["trials"][0]["accuracy"], 0.8);
  EXPECT_LT((*given)["accuracy"], 0.3);
  EXPECT_EQ(found["images"], 60);
}

TEST_F(Doctor, FindsAWrongLabelOffset) {
  const std::string shifted = labels([](char label, std::size_t) { return label + 1; });
  const std::string text = diagnose({"--labels", shifted});
  EXPECT_THAT(text, HasSubstr("fits best: no 'input'; label_offset: -1 in 'data'"));
}

TEST_F(Doctor, SaysThatNothingFits) {
  const std::string others = labels([](char, std::size_t i) { return i * 7 % 10; });
  EXPECT_THAT(diagnose({"--labels", others}), HasSubstr("none of them is better than chance"));
}

TEST_F(Doctor, WithoutAModelItSaysWhatIsInstalled) {
  const ProcessOutcome outcome = run({"doctor", "--cache", (folder() / "cache").string()});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* name : {"qfi  ", "CPU  ", "fast kernels  ", "GPU  ", "Yosys  ", "Verilator  ", "gnuplot  ",
                           "Verilator's models  ", "temporary files  ", "cache: not there yet", "GB free"})
    EXPECT_THAT(outcome.output, HasSubstr(name));
  // Without any other program it still answers.
  const ProcessOutcome alone = value_of(
      run_process({program(), "doctor"}, folder(), std::chrono::seconds(60), {"PATH=" + folder().string()}));
  EXPECT_EQ(alone.exit_code, 0) << alone.output;
  EXPECT_THAT(alone.output, HasSubstr("yosys: not installed (not found on PATH); qfi synth needs it"));
}

}  // namespace
}  // namespace qfi::test
