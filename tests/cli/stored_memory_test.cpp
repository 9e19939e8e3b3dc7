// SPDX-License-Identifier: Apache-2.0
// What a model stores, counted and faulted: constants that share a buffer, and those of every operator that
// has some. The models and the right values are users' (shared data, cases).
#include <map>

#include "command.hpp"
#include "qfi/base/npy.hpp"

namespace qfi::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class StoredMemory : public Command {
 protected:
  std::filesystem::path of_case(const std::string& name, const std::string& file) const {
    return shared_folder() / "data/cases" / name / file;
  }
  json totals(const std::string& name) {
    const ProcessOutcome outcome = run({"inspect", of_case(name, "model.tflite").string(), "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return json_in(outcome)["totals"];
  }
  // The answer, without the warnings before it.
  static json json_in(const ProcessOutcome& outcome) {
    return json::parse(outcome.output.substr(std::min(outcome.output.find("{\n"), outcome.output.size())));
  }
};

TEST_F(StoredMemory, ATensorThatThreeOperatorsReadIsStoredOnce) {
  QFI_NEEDS_SHARED_DATA();
  const std::string name = "inspect_counts_shared_weights";
  EXPECT_EQ(totals(name)["weights"], 88);
  EXPECT_EQ(totals(name)["weight_bits"], 704);
  const ProcessOutcome table = run({"inspect", of_case(name, "model.tflite").string()});
  EXPECT_THAT(table.output, HasSubstr("88 values"));
  EXPECT_THAT(table.output, HasSubstr("of op ")) << "later readers name the first one";
  EXPECT_THAT(run({"plan", of_case(name, "c.yaml").string()}).output, HasSubstr(" of 704 "));
}

// LiteRT's scores for a file in which the bit of the shared buffer is flipped.
TEST_F(StoredMemory, AFlipInASharedBufferReachesEveryReader) {
  QFI_NEEDS_SHARED_DATA();
  const std::string name = "shared_buffer_weights";
  EXPECT_EQ(totals(name)["weights"], 144);
  EXPECT_EQ(totals(name)["weight_bits"], 1152);
  ASSERT_EQ(run({"campaign", of_case(name, "c.yaml").string(), "-o", "out", "--quiet"}).exit_code, 0);
  const std::vector<json> sets = results("out")["fault_sets"];
  EXPECT_EQ(sets.at(0)["values"].size(), 1U);
  EXPECT_EQ(sets.at(0)["stored_bits"], 1152);
  const NpyArray expected = value_of(read_npy(of_case(name, "expected_flipped_image0.npy")));
  // The list names the same bit by the first operator that reads it, and by the second one.
  for (const char* fault : {"0", "1"}) {
    const ProcessOutcome outcome =
        run({"replay", "out/results.json", "--fault", fault, "--image", "0", "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const json trial = json_in(outcome);
    ASSERT_EQ(trial["scores"].size(), expected.data.size());
    std::map<double, int> code_of;  // a score has one code
    for (std::size_t i = 0; i < expected.data.size(); ++i) {
      const auto code = static_cast<std::int8_t>(expected.data[i]);
      const double score = trial["scores"][i]["faulty"];
      EXPECT_EQ(code_of.emplace(score, code).first->second, code) << "value " << i;
    }
    for (auto a = code_of.begin(); a != code_of.end() && std::next(a) != code_of.end(); ++a)
      EXPECT_LT(a->second, std::next(a)->second) << "larger scores, larger codes";
  }
}

TEST_F(StoredMemory, ConstantOperandsOfMatrixProductsAreWeights) {
  QFI_NEEDS_SHARED_DATA();
  EXPECT_EQ(totals("batch_matmul_weights_not_counted")["weights"], 192);
}

TEST_F(StoredMemory, AllGatesOfAnLstmHoldWeightsAndBiases) {
  QFI_NEEDS_SHARED_DATA();
  EXPECT_EQ(totals("lstm_int8")["weights"], 4 * (3 * 2 + 3 * 3) + 36);
  EXPECT_EQ(totals("lstm_int8")["biases"], 4 * 3);
}

TEST_F(StoredMemory, PairsOfBitsAreDistinct) {
  QFI_NEEDS_SHARED_DATA();
  ASSERT_EQ(
      run({"campaign", of_case("simultaneous_with_replacement", "c.yaml").string(), "-o", "out", "--quiet"})
          .exit_code,
      0);
  const json set = first_set("out");
  EXPECT_EQ(set["sample"]["population"], 66);
  const json interval = set["summary"]["accuracy_drop"]["interval_these_images"];
  EXPECT_EQ(interval[0], interval[1]) << "all there are";
}

// Two networks whose bias tensors share buffers: later readers name the first one, which alone counts.
TEST_F(StoredMemory, SharedBiasesAreStoredOnce) {
  QFI_NEEDS_SHARED_DATA();
  const auto model = [](const char* name) {
    return (shared_folder() / "data/models" / (std::string(name) + ".tflite")).string();
  };
  const json inspected = json_in(run({"inspect", model("str_ww_ref_int8"), "--json"}));
  EXPECT_EQ(inspected["totals"]["biases"], 40 + 4 * 128 + 32 + 3);
  EXPECT_EQ(inspected["operators"][4]["biases"], 0);
  EXPECT_EQ(inspected["operators"][4]["biases_of"], 2);
  EXPECT_EQ(inspected["operators"][6]["biases_of"], 2);
  EXPECT_THAT(run({"inspect", model("alexnet_cifar10_int8")}).output, HasSubstr(" of op "));
}

}  // namespace
}  // namespace qfi::test
