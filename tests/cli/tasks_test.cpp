// SPDX-License-Identifier: Apache-2.0
// Campaigns whose networks or data are not those of a plain classification: no labels, one value, no scores.
#include "command.hpp"
#include "qfi/base/npy.hpp"

namespace qfi::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class Tasks : public Command {
 protected:
  // A config of the demo's first images.
  void write_config(const std::string& name, bool has_labels, const std::string& rest,
                    const std::string& data = "") {
    EXPECT_TRUE(write_file(
        folder() / name, "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                             (has_labels ? ", labels: " + demo("labels.npy") : "") + ", select: {first: 12}" +
                             data + "}\nverify: 0\noutput: out\n" + rest));
  }
  json campaign(const std::string& config, const std::string& out) {
    const ProcessOutcome outcome = run({"campaign", config, "-o", out});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    m_printed = outcome.output;
    return results(out);
  }
  static std::filesystem::path user_case(const std::string& name) {
    return shared_folder() / "data/cases" / name;
  }

  std::string m_printed;
};

const std::string k_both_kinds =
    "faults:\n  - {kind: stuck_at, netlist: NETLIST, name: unit, sample: {count: 12}}\n"
    "  - {kind: bit_flip, target: weights, name: bits, sample: {count: 60}}\n";

TEST_F(Tasks, WithoutLabelsTheSameFaultsChangeTheSameClasses) {
  std::string faults = k_both_kinds;
  faults.replace(faults.find("NETLIST"), 7, m_netlist);
  write_config("with.yaml", true, faults);
  write_config("without.yaml", false, faults);
  const json with = campaign("with.yaml", "with");
  const json without = campaign("without.yaml", "without");
  EXPECT_THAT(m_printed, HasSubstr("no labels: compared with the golden run"));
  EXPECT_THAT(m_printed, Not(HasSubstr("top-1")));
  EXPECT_EQ(without["task"], "classification_without_labels");
  EXPECT_EQ(without["inputs"]["data"]["labels_sha256"], nullptr);
  EXPECT_EQ(without["golden"].size(), 2U) << "images and due";
  for (std::size_t set = 0; set < 2; ++set) {
    const json& has = with["fault_sets"][set]["summary"];
    const json& lacks = without["fault_sets"][set]["summary"];
    EXPECT_EQ(lacks["sdc_rate"], has["sdc_rate"]);
    EXPECT_EQ(lacks["critical_fault_rate"], has["critical_fault_rate"]);
    EXPECT_EQ(lacks["output_identical"], has["output_identical"]);
    for (const char* key : {"faulty_top1", "faulty_top5", "accuracy_drop", "harmless", "collapsed",
                            "histogram_faulty_accuracy_5_percent"}) {
      EXPECT_TRUE(has.contains(key)) << key;
      EXPECT_FALSE(lacks.contains(key)) << key;
    }
  }
  const json& fault = without["fault_sets"][0]["faults"][0];
  for (const char* key : {"class", "faulty_accuracy", "faulty_correct"})
    EXPECT_FALSE(fault.contains(key)) << key;
  EXPECT_EQ(fault["top1_changed"], with["fault_sets"][0]["faults"][0]["top1_changed"]);
  EXPECT_GT(with["fault_sets"][1]["summary"]["sdc_rate"]["mean"], 0.0) << "something changes";
}

TEST_F(Tasks, WithoutLabelsEveryRenderingSaysNoAccuracy) {
  write_config("c.yaml", false, "faults: [{kind: bit_flip, target: weights, sample: {count: 60}}]\n");
  campaign("c.yaml", "out");
  const ProcessOutcome csv = run({"export", "out/results.json", "--format", "jsonl"});
  ASSERT_EQ(csv.exit_code, 0) << csv.output;
  const json row = json::parse(csv.output.substr(0, csv.output.find('\n')));
  EXPECT_EQ(row["faulty_correct"], nullptr);
  EXPECT_EQ(row["golden_correct"], nullptr);
  EXPECT_EQ(row["images"], 12);
  ASSERT_EQ(run({"report", "out/results.json", "-o", "r.html"}).exit_code, 0);
  const std::string page = value_of(read_file(folder() / "r.html"));
  EXPECT_THAT(page, HasSubstr("images change their class"));
  EXPECT_THAT(page, Not(HasSubstr("golden top-1")));
  EXPECT_THAT(page, Not(HasSubstr("points lost")));
  EXPECT_THAT(page, Not(HasSubstr("mean accuracy")));
  const ProcessOutcome compared = run({"compare", "out/results.json", "out/results.json"});
  EXPECT_EQ(compared.exit_code, 0) << compared.output;
  EXPECT_THAT(compared.output, HasSubstr("note: no labels: no accuracies are compared"));
  EXPECT_THAT(compared.output, HasSubstr("changed classes  "));
  const ProcessOutcome plan = run({"plan", "c.yaml"});
  EXPECT_THAT(plan.output, HasSubstr("12 of 400, no labels: compared with the golden run"));
  const ProcessOutcome replayed = run({"replay", "out/results.json", "--fault", "0", "--image", "0"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_THAT(replayed.output, HasSubstr("(no label)"));
  // A second run takes every trial from the journal.
  const std::string before = bytes("out");
  campaign("c.yaml", "out");
  EXPECT_EQ(bytes("out"), before);
}

TEST_F(Tasks, WhatNeedsLabelsIsRefusedWithoutThem) {
  const std::string faults = "faults: [{kind: bit_flip, target: weights, sample: ";
  write_config("search.yaml", false, faults + "{genetic: 4, flips: 3, generations: 2}}]\n");
  expect_refused({"campaign", "search.yaml"},
                 "the sample is decided by accuracy, and the data have no labels");
  write_config("until.yaml", false, faults + "{half_width: 0.1, metric: faulty_accuracy, maximum: 100}}]\n");
  expect_refused({"campaign", "until.yaml"},
                 "the sample is decided by accuracy, and the data have no labels");
  write_config("golden.yaml", false, faults + "{count: 2}}]\n", ", golden: 0.9");
  expect_refused({"campaign", "golden.yaml"}, "'golden' states an accuracy, and there are no labels");
}

TEST_F(Tasks, AGoldenRunThatLooksWrongIsWarnedOf) {
  const std::string faults = "faults: [{kind: bit_flip, target: weights, sample: {count: 2}}]\n";
  write_config("right.yaml", true, faults, ", golden: 0.95");
  EXPECT_FALSE(campaign("right.yaml", "right").contains("warnings"));
  EXPECT_THAT(m_printed, Not(HasSubstr("warning")));
  // All pixels become one code, so that every image gets the same class.
  write_config("wrong.yaml", true, faults + "input: {scale: 1e-9}\n", ", golden: 0.95");
  const json wrong = campaign("wrong.yaml", "wrong");
  ASSERT_EQ(wrong["warnings"].size(), 2U) << wrong["golden"];
  EXPECT_THAT(wrong["warnings"][0].get<std::string>(),
              testing::AllOf(HasSubstr("chance"), HasSubstr("label_offset"), HasSubstr("colour channels")));
  EXPECT_THAT(wrong["warnings"][1].get<std::string>(),
              HasSubstr("far below the 95.0 % that 'golden' states"));
  EXPECT_THAT(m_printed, HasSubstr("qfi: warning: " + wrong["warnings"][0].get<std::string>()));
  ASSERT_EQ(run({"report", "wrong/results.json", "-o", "r.html"}).exit_code, 0);
  EXPECT_THAT(value_of(read_file(folder() / "r.html")), HasSubstr("<b>Warning.</b> golden top-1 accuracy"));
}

// Cases of users.

// A map of boxes has no classes that labels could be compared with: a campaign says so and counts what
// changes.
TEST_F(Tasks, OfAMapOfBoxesACampaignCountsChangedOutputs) {
  QFI_NEEDS_SHARED_DATA();
  const std::filesystem::path at = user_case("campaign_on_box_output");
  const std::string wrong = "has no score per class of an image";
  expect_refused({"run", at / "detector.tflite", "--data", at / "x.npy", "--labels", at / "y.npy"}, wrong);
  const json found = campaign(at / "c.yaml", "out");
  EXPECT_THAT(m_printed, HasSubstr(wrong));
  EXPECT_THAT(m_printed, HasSubstr("counted is whether the output changes, without labels"));
  EXPECT_EQ(found["task"], "outputs");
  const json& summary = found["fault_sets"][0]["summary"];
  EXPECT_FALSE(summary.contains("faulty_top1"));
  EXPECT_GT(summary["output_change_rate"]["mean"], 0.0);
  EXPECT_LT(summary["output_change_rate"]["mean"], 1.0);
  EXPECT_THAT(run({"campaign", at / "c.yaml", "-o", "other"}).output, HasSubstr("output changes"));
}

TEST_F(Tasks, ACampaignRunsWithoutLabels) {
  QFI_NEEDS_SHARED_DATA();
  const json found = campaign(user_case("labels_required") / "c.yaml", "out");
  const json& summary = found["fault_sets"][0]["summary"];
  EXPECT_TRUE(summary.contains("sdc_rate"));
  EXPECT_TRUE(summary.contains("critical_fault_rate"));
  EXPECT_FALSE(summary.contains("faulty_top1"));
}

TEST_F(Tasks, AProbabilityAboveOneHalfIsClassOne) {
  QFI_NEEDS_SHARED_DATA();
  const std::filesystem::path at = user_case("one_value_output");
  const std::vector<std::string> command = {"run", at / "binary.tflite", "--data", at / "x.npy"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), command.begin(), command.end());
    const ProcessOutcome outcome = run(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return outcome.output;
  };
  with({"--output", "o.npy"});
  const NpyArray values = value_of(read_npy(folder() / "o.npy"));
  const NpyArray labels = value_of(read_npy(at / "y.npy"));
  ASSERT_EQ(values.type, "i1");
  const std::size_t label_bytes = labels.data.size() / labels.elements();
  const auto right_above = [&](int code) {  // a sigmoid's codes stand for (code + 128) / 256
    std::uint64_t right = 0;
    for (std::size_t i = 0; i < values.data.size(); ++i)
      right +=
          (static_cast<std::int8_t>(values.data[i]) > code ? 1 : 0) == labels.data[i * label_bytes] ? 1 : 0;
    return right;
  };
  const json run_of = json::parse(with({"--labels", at / "y.npy", "--json"}));
  EXPECT_EQ(run_of["task"], "binary_classification");
  EXPECT_EQ(run_of["correct"], right_above(0));
  EXPECT_EQ(json::parse(with({"--labels", at / "y.npy", "--json", "--threshold", "0.75"}))["correct"],
            right_above(64));
  const json found = campaign(at / "c.yaml", "out");
  EXPECT_EQ(found["golden"]["correct"], right_above(0));
  EXPECT_TRUE(found["fault_sets"][0]["summary"].contains("faulty_accuracy"));
  EXPECT_FALSE(found["fault_sets"][0]["summary"].contains("faulty_top5"));
  ASSERT_EQ(run({"report", "out/results.json", "-o", "r.html"}).exit_code, 0);
  EXPECT_THAT(value_of(read_file(folder() / "r.html")),
              HasSubstr("collapsed: accuracy at most twice chance, of two classes 75 %"));
  EXPECT_EQ(run({"compare", "out/results.json", "out/results.json"}).exit_code, 0);
}

}  // namespace
}  // namespace qfi::test
