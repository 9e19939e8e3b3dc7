// SPDX-License-Identifier: Apache-2.0
// What is made of results: comparisons and tables.
#include "command.hpp"
#include "qfi/model/model.hpp"

namespace qfi::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Reports : public Command {
 protected:
  void bits_campaign(const std::string& out, const std::string& seed = "1") {
    const std::string text = "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                             ", labels: " + demo("labels.npy") +
                             ", select: {first: 60}}\nfaults:\n  - {kind: bit_flip, target: weights, sample: "
                             "{count: 120, scheme: layer, small: exhaustive}}\nseed: " +
                             seed + "\noutput: out\n";
    EXPECT_TRUE(write_file(folder() / "b.yaml", text));
    const ProcessOutcome outcome = run({"campaign", "b.yaml", "-o", out});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  }
  void expect_equal_to_itself(const std::string& results) {
    const ProcessOutcome compared = run({"compare", results, results});
    EXPECT_EQ(compared.exit_code, 0) << compared.output;
    EXPECT_THAT(compared.output, HasSubstr("equal to the baseline"));
    EXPECT_THAT(compared.output, testing::Not(HasSubstr("undecided")));
    const json record = json::parse(run({"compare", results, results, "--json"}).output);
    EXPECT_GE(record["checks"].size(), 2U);
    for (const json& check : record["checks"]) EXPECT_EQ(check["verdict"], "equal") << check;
  }
  // A model whose last layer lost some of its weights.
  void damage_model() {
    std::string bytes = value_of(read_file(m_model));
    const Model model = value_of(load_tflite(m_model));
    for (const Operator& op : model.operators) {
      if (op.kind != OperatorKind::fully_connected) continue;
      const auto weights = model.tensors[static_cast<std::size_t>(op.inputs[1])].data;
      const std::string found(reinterpret_cast<const char*>(weights.data()), weights.size());
      const std::size_t place = bytes.find(found);
      ASSERT_NE(place, std::string::npos);
      for (std::size_t i = 0; i < weights.size(); i += 2) bytes[place + i] = 0;
    }
    ASSERT_TRUE(write_file(folder() / "worse.tflite", bytes));
    m_model = (folder() / "worse.tflite").string();
  }
  std::string file(const std::string& name) { return value_of(read_file(folder() / name)); }
};

TEST_F(Reports, CompareCatchesAWorseModelAndDoesNotJudgeAnotherSeed) {
  bits_campaign("base");
  bits_campaign("seed", "2");
  const ProcessOutcome other = run({"compare", "base/results.json", "seed/results.json"});
  EXPECT_EQ(other.exit_code, 4) << other.output;
  EXPECT_THAT(other.output, HasSubstr("undecided: intervals are too wide to tell"));
  EXPECT_EQ(run({"compare", "base/results.json", "seed/results.json", "--undecided", "pass"}).exit_code, 0);
  const ProcessOutcome same = run({"compare", "base/results.json", "base/results.json"});
  EXPECT_EQ(same.exit_code, 0) << same.output;
  EXPECT_THAT(same.output, HasSubstr("equal to the baseline"));
  damage_model();
  bits_campaign("worse");
  expect_refused({"compare", "base/results.json", "worse/results.json"}, "--may-differ network");
  const ProcessOutcome worse = run({"compare", "base/results.json", "worse/results.json", "--may-differ",
                                    "network", "--golden", "100", "--junit", "j.xml", "--markdown", "m.md"});
  EXPECT_EQ(worse.exit_code, 3) << worse.output;
  EXPECT_THAT(worse.output, HasSubstr("worse than the baseline"));
  EXPECT_THAT(file("j.xml"), HasSubstr("<failure message=\""));
  EXPECT_THAT(file("m.md"), HasSubstr("**worse**"));
  const json record = json::parse(
      run({"compare", "base/results.json", "worse/results.json", "--may-differ", "network", "--json"})
          .output);
  EXPECT_EQ(record["fails"], true);
  EXPECT_EQ(record["verdict"], "worse");
  EXPECT_EQ(record["checks"][0]["metric"], "golden accuracy");
  EXPECT_EQ(record["checks"][0]["fails"], true);
  EXPECT_EQ(record["checks"][1]["paired"], true);
  const std::string parsed = "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])";
  EXPECT_EQ(
      value_of(run_process({"/usr/bin/python3", "-c", parsed, "j.xml"}, folder(), std::chrono::seconds(60)))
          .exit_code,
      0);
}

// Fault lists, searches and thin strata have no intervals or wide ones, and still nothing has changed.
TEST_F(Reports, AResultIsEqualToItselfWhateverTheCampaign) {
  ASSERT_TRUE(write_file(folder() / "l.csv", "fault,layer,element,stored_bit\n0,0,3,7\n1,6,5,7\n"));
  ASSERT_EQ(run({"table", m_netlist, "--fault", "op_a[7]:1", "-o", "t.npy"}).exit_code, 0);
  const std::string crossed =
      "  - {name: rates, kind: bit_flip, target: weights, sample: {ber: [1e-4, 1e-2], draws: 4}}\n"
      "  - {name: search, kind: bit_flip, target: weights, sample: {genetic: 4, flips: 3, generations: 3}}\n"
      "  - {name: list, kind: bit_flip, target: weights, sample: {list: l.csv}}\n"
      "  - {name: all, kind: bit_flip, target: biases, layers: [0], bits: [20], sample: exhaustive}\n"
      "  - {name: thin, kind: stuck_at, target: weights, sample: {count: 1, scheme: bit}}\n"
      "  - {name: together, kind: bit_flip, target: data, simultaneous: 3, sample: {count: 6}}\n"
      "  - {name: unit, kind: stuck_at, netlist: " +
      m_netlist +
      ", sample: {count: 5}}\n"
      "  - {name: table, kind: product_table, file: t.npy}\n";
  const std::string paired =
      "  - {name: rates, kind: bit_flip, target: weights, sample: {ber: 1e-3, draws: 2}}\n"
      "  - {name: data, kind: bit_flip, target: data, sample: {count: 2}}\n";
  for (const auto& [design, faults] : {std::pair{"crossed", crossed}, {"paired", paired}}) {
    ASSERT_TRUE(write_file(folder() / "k.yaml",
                           "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                               ", labels: " + demo("labels.npy") + ", select: {first: 6}}\nfaults:\n" +
                               faults + "verify: 0\noutput: out\ndesign: " + design + "\n"));
    const ProcessOutcome done = run({"campaign", "k.yaml", "-o", design});
    ASSERT_EQ(done.exit_code, 0) << done.output;
    expect_equal_to_itself(design + std::string("/results.json"));
    std::filesystem::copy(folder() / design / "results.json", folder() / "alone.json",
                          std::filesystem::copy_options::overwrite_existing);
    expect_equal_to_itself("alone.json");
  }
}

TEST_F(Reports, AResultOfASegmentationIsEqualToItself) {
  QFI_NEEDS_SHARED_DATA();
  const std::string shared = (test::shared_folder() / "data").string();
  ASSERT_TRUE(write_file(folder() / "s.yaml",
                         "model: " + shared + "/models/unet_relu_int8.tflite\ndata: {format: npy, images: " +
                             shared + "/scenes/test_images.npy, labels: " + shared +
                             "/scenes/test_labels.npy, select: {first: 2}}\ninput: {scale: 0.0078125, mean: "
                             "128}\nfaults:\n  - {kind: bit_flip, target: weights}\nsample: {count: "
                             "4}\noutput: out\n"));
  const ProcessOutcome done = run({"campaign", "s.yaml", "-o", "scenes"});
  ASSERT_EQ(done.exit_code, 0) << done.output;
  expect_equal_to_itself("scenes/results.json");
}

TEST_F(Reports, CompareNamesWhatItCannotRead) {
  bits_campaign("base");
  ASSERT_TRUE(write_file(folder() / "text.json", "no JSON"));
  expect_refused({"compare", "base/results.json", "text.json"}, "text.json: no JSON");
  json broken = results("base");
  broken["fault_sets"][0]["summary"]["faulty_top1"]["mean"] = "high";
  ASSERT_TRUE(write_file(folder() / "broken.json", broken.dump()));
  expect_refused({"compare", "broken.json", "base/results.json"},
                 "broken.json: results.fault_sets[0].summary.faulty_top1.mean: no number");
  broken = results("base");
  broken["schema"] = "qfi-results-1";
  ASSERT_TRUE(write_file(folder() / "old.json", broken.dump()));
  expect_refused({"compare", "old.json", "base/results.json"}, "schema 'qfi-results-1'");
  expect_refused({"compare", "nowhere.json", "base/results.json"}, "nowhere.json");
  // Without its table of faults a set is compared by its intervals.
  std::filesystem::create_directory(folder() / "alone");
  std::filesystem::copy(folder() / "base/results.json", folder() / "alone/results.json");
  const json alone =
      json::parse(run({"compare", "base/results.json", "alone/results.json", "--json"}).output);
  EXPECT_EQ(alone["checks"][1]["paired"], false);
}

TEST_F(Reports, ExportGivesALineForEachFault) {
  ASSERT_EQ(run({"campaign", config("{count: 9}"), "-o", "net"}).exit_code, 0);
  bits_campaign("bits");
  const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  const auto exported = [&](const std::string& out, const std::string& format) {
    const std::string name = out + "." + format;
    const ProcessOutcome outcome = run({"export", out + "/results.json", "--format", format, "-o", name});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return file(name);
  };
  const auto first_line = [](const std::string& text) {
    return json::parse(text.substr(0, text.find('\n')));
  };
  const std::string csv = exported("net", "csv");
  EXPECT_EQ(lines(csv), 10);
  EXPECT_THAT(csv, testing::StartsWith(
                       "index,fault,site,stuck_at,cell,pin,sources,region,level,lowest_result_bit,fate,"));
  EXPECT_EQ(run({"export", "net/results.json"}).output, csv);
  EXPECT_EQ(lines(exported("net", "jsonl")), 9);
  EXPECT_EQ(first_line(exported("net", "jsonl")), first_set("net")["faults"][0]);
  EXPECT_EQ(exported("bits", "csv"), file("bits/faults.csv"));
  const json row = first_line(exported("bits", "jsonl"));
  EXPECT_EQ(row["images"], 60);
  EXPECT_EQ(row["model"], "flip");
  EXPECT_EQ(row["image"], nullptr);
  expect_refused({"export", "bits/results.json", "--set", "other"},
                 "choose a fault set with --set: weights 0");
  ASSERT_TRUE(write_file(folder() / "bits/faults.csv", "other\n"));
  expect_refused({"export", "bits/results.json"}, "faults.csv is not the table that results.json is about");
}

}  // namespace
}  // namespace qfi::test
