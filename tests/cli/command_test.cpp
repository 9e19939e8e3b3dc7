// SPDX-License-Identifier: Apache-2.0
// The program as its users meet it: exit codes, messages, files.
#include "command.hpp"

#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "qfi/base/npy.hpp"

namespace qfi::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(Command, CampaignWritesResultsThatAddUp) {
  const ProcessOutcome outcome = run({"campaign", config("{count: 30}"), "--threads", "2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("30 of 3526 stuck-at faults"));
  const json r = results("out");
  const json set = first_set("out");
  EXPECT_EQ(set["faults"].size(), 30U);
  EXPECT_EQ(set["sample"]["population"], 3526);
  std::uint64_t correct = 0;
  int harmless = 0;
  for (const json& fault : set["faults"]) {
    EXPECT_EQ(fault["images"], 40);
    EXPECT_EQ(fault["golden_correct"], r["golden"]["top1_correct"]);
    EXPECT_EQ(fault["faulty_correct"].get<int>(), fault["golden_correct"].get<int>() -
                                                      fault["correct_to_wrong"].get<int>() +
                                                      fault["wrong_to_correct"].get<int>());
    EXPECT_EQ(fault["images"].get<int>(), fault["output_identical"].get<int>() +
                                              fault["tolerable"].get<int>() +
                                              fault["top1_changed"].get<int>());
    EXPECT_LE(fault["top5_lost"].get<int>(), fault["top1_changed"].get<int>());
    correct += fault["faulty_correct"].get<std::uint64_t>();
    harmless += fault["class"] == "harmless" ? 1 : 0;
  }
  EXPECT_NEAR(set["summary"]["faulty_top1"]["mean"].get<double>(),
              static_cast<double>(correct) / (30.0 * 40.0), 1e-9);
  EXPECT_EQ(set["summary"]["harmless"]["faults"], harmless);
  EXPECT_EQ(set["proof"]["table_path_equals_golden_path_images"], 16);
  EXPECT_EQ(r["config"].contains("threads"), false);
  EXPECT_EQ(r["config"].contains("output"), false);
}

// Two fault lists, two netlists, both encodings: the bytes do not depend on threads or kernels.
TEST_F(Command, ResultsAreTheSameBytesForAnyThreadsAndKernels) {
  for (const char* operands : {", operands: raw", ", operands: offset, padding: multiply, rs1: input"}) {
    config("{count: 24}", operands);
    ASSERT_EQ(run({"campaign", "c.yaml", "--threads", "1", "-o", "one", "--restart"}).exit_code, 0);
    ASSERT_EQ(run({"campaign", "c.yaml", "--threads", "2", "-o", "two", "--restart"}).exit_code, 0);
    ASSERT_EQ(
        run({"campaign", "c.yaml", "--threads", "3", "--kernels", "reference", "-o", "ref", "--restart"})
            .exit_code,
        0);
    EXPECT_EQ(bytes("one") == bytes("two"), true);
    EXPECT_EQ(bytes("one") == bytes("ref"), true);
  }
}

TEST_F(Command, FaultListsRunInTheFilesOrderAndMaskedFaultsEqualTheGoldenRun) {
  ASSERT_TRUE(
      write_file(folder() / "faults.csv", "site,stuck_at\nop_b[31],1\nop_a[0],0\nop_a[0],0\nresult[0],1\n"));
  ASSERT_EQ(run({"campaign", config("{list: faults.csv}", ", operands: offset")}).exit_code, 0);
  const json set = first_set("out");
  ASSERT_EQ(set["faults"].size(), 4U);
  EXPECT_EQ(set["faults"][1]["site"], "op_a[0]");
  EXPECT_EQ(set["faults"][2]["fate"], "equal_table");
  EXPECT_EQ(set["faults"][2]["same_as"], 1);
  EXPECT_EQ(set["faults"][2]["faulty_correct"], set["faults"][1]["faulty_correct"]);
  EXPECT_TRUE(set["summary"]["faulty_top1"]["interval_these_images"].is_null())
      << "a list is no random sample";
}

// Pins in a list while the population is nets: Verilator must know their wires.
TEST_F(Command, ListedPinsAreVerifiedToo) {
  ASSERT_TRUE(write_file(folder() / "faults.csv", "site,stuck_at\ng10/A,1\ng10/B,0\n"));
  std::string text = value_of(read_file(folder() / config("{list: faults.csv}")));
  text.replace(text.find("verify: 0"), 9, "verify: 2");
  ASSERT_TRUE(write_file(folder() / "c.yaml", text));
  const ProcessOutcome outcome = run({"campaign", "c.yaml", "--cache",
                                      (std::filesystem::temp_directory_path() / "qfi-test-cache").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("2 tables checked by Verilator, no difference"));
}

TEST_F(Command, ChannelFirstImagesAreRefusedForAChannelLastModel) {
  QFI_NEEDS_SHARED_DATA();
  const std::array<std::uint64_t, 4> shape{1, 3, 32, 32};
  const std::array<std::uint64_t, 1> label_shape{1};
  ASSERT_TRUE(write_file(folder() / "i.npy", npy_bytes("u1", shape, bytes_of(std::string(3072, 'x')))));
  ASSERT_TRUE(write_file(folder() / "l.npy", npy_bytes("u1", label_shape, bytes_of("\1"))));
  const std::string text =
      "model: " + (test::shared_folder() / "data/models/ic_resnet8_int8.tflite").string() +
      "\ndata: {format: npy, images: i.npy, labels: l.npy}\nfaults:\n  - {kind: stuck_at, netlist: " +
      m_netlist + "}\nsample: {count: 3}\noutput: out\n";
  ASSERT_TRUE(write_file(folder() / "c.yaml", text));
  expect_refused({"campaign", "c.yaml"}, "image 0 has the shape 3x32x32, the model's input 1x32x32x3");
}

TEST_F(Command, SamplesContinueEachOther) {
  ASSERT_EQ(run({"campaign", config("{count: 5}"), "-o", "five"}).exit_code, 0);
  ASSERT_EQ(run({"campaign", config("{count: 9}"), "-o", "nine"}).exit_code, 0);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(first_set("five")["faults"][i], first_set("nine")["faults"][i]);
}

TEST_F(Command, PlanTellsPopulationSampleAndTables) {
  const std::string file = config("{margin: 0.03, t: 2.58, rounding: nearest}");
  const ProcessOutcome text = run({"plan", file});
  EXPECT_EQ(text.exit_code, 0) << text.output;
  EXPECT_THAT(
      text.output,
      HasSubstr("1213 of 3526 stuck-at faults (1763 sites x 2), n = 1213.17 before rounding to nearest"));
  const json plan = json::parse(run({"plan", file, "--json"}).output)["fault_sets"][0];
  EXPECT_EQ(plan["sample"]["n"], 1213);
  const json& fates = plan["fates"];
  EXPECT_EQ(fates["distinct_tables"].get<int>() + fates["equal_tables"].get<int>() +
                fates["table_masked"]["faults"].get<int>() + fates["use_masked"]["faults"].get<int>(),
            1213);
  EXPECT_FALSE(std::filesystem::exists(folder() / "out"));
}

TEST_F(Command, BadInputIsOneLineAndExitCode2) {
  const std::string good = "{count: 3}";
  expect_refused({"campaign", config("{count: 99999}")}, "99999 faults asked for, the population has 3526");
  expect_refused({"campaign", config(good, "", "sede: 1\n")},
                 "c.yaml:8:1: unknown key 'sede' in 'config'; did you mean 'seed'?");
  expect_refused({"campaign", config(good, "", "", ", label_offset: 7")}, "the model's classes are 0 to 9");
  expect_refused({"campaign", config(good, ", layers: [99]")}, "no operator is number '99'");
  expect_refused({"campaign", config(good, "", "metric: {tensor: logits}\n")},
                 "the model has no tensor 'logits'");
  expect_refused({"campaign", "nowhere.yaml"}, "nowhere.yaml: cannot open: No such file");

  const std::string model = value_of(read_file(demo("shapes.tflite")));
  m_model = "m.tflite";
  expect_refused({"campaign", config(good)}, "m.tflite: cannot open");
  ASSERT_TRUE(write_file(folder() / "m.tflite", model.substr(0, model.size() / 2)));
  expect_refused({"campaign", config(good)}, "m.tflite: damaged .tflite file");
  ASSERT_TRUE(write_file(folder() / "m.tflite", std::string(100, 'x')));
  expect_refused({"campaign", config(good)}, "m.tflite: not a .tflite file");
  m_model = demo("shapes.tflite");

  m_netlist = "n.json";
  json damaged = json::parse(value_of(read_file(netlist("mul_adders.json"))));
  json& cells = damaged["modules"]["qfi_mul"]["cells"];
  const json first = cells.begin().value();
  cells.begin().value()["type"] = "sky130_fd_sc_hd__nand2_1";
  ASSERT_TRUE(write_file(folder() / "n.json", damaged.dump()));
  expect_refused({"campaign", config(good)}, "type sky130_fd_sc_hd__nand2_1 is not known");
  cells.begin().value() = first;
  // A cell that reads its own output.
  for (auto& [name, cell] : cells.items())
    if (cell["type"] == "$_AND_") {
      cell["connections"]["A"] = cell["connections"]["Y"];
      break;
    }
  ASSERT_TRUE(write_file(folder() / "n.json", damaged.dump()));
  expect_refused({"campaign", config(good)}, "combinational loop");
}

// A netlist that is read but does not multiply.
TEST_F(Command, ANetlistThatDoesNotMultiplyIsRefused) {
  json damaged = json::parse(value_of(read_file(netlist("mul_adders.json"))));
  for (auto& [name, cell] : damaged["modules"]["qfi_mul"]["cells"].items())
    if (cell["type"] == "$_AND_") {
      std::swap(cell["connections"]["A"], cell["connections"]["B"]);  // harmless: AND is symmetric
      cell["type"] = "$_OR_";
      break;
    }
  ASSERT_TRUE(write_file(folder() / "n.json", damaged.dump()));
  m_netlist = "n.json";
  expect_refused({"campaign", config("{count: 3}")}, "the netlist is no multiplier of these operands");
}

TEST_F(Command, OperatorsWithoutATableAreRefusedByName) {
  QFI_NEEDS_SHARED_DATA();
  const std::string data = (test::shared_folder() / "data/mnist/t10k-").string();
  m_model = (test::shared_folder() / "data/models/lenet5_mnist_int16x8.tflite").string();
  std::string text = value_of(read_file(folder() / config("{count: 3}", "", "input: {scale: 0.0039}\n")));
  text.replace(text.find("{format"), text.find("}\nfaults") - text.find("{format"),
               "{format: idx, images: " + data + "images-idx3-ubyte.gz, labels: " + data +
                   "labels-idx1-ubyte.gz, select: {first: 5}");
  ASSERT_TRUE(write_file(folder() / "c.yaml", text));
  expect_refused({"campaign", "c.yaml"}, "has no 8-bit weights; kinds with 8-bit weights: none");
}

TEST_F(Command, AForeignOutputFolderIsNotOverwritten) {
  std::filesystem::create_directory(folder() / "out");
  ASSERT_TRUE(write_file(folder() / "out/results.json", "mine"));
  const ProcessOutcome outcome = run({"campaign", config("{count: 3}")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("was not written by qfi"));
  EXPECT_EQ(bytes("out"), "mine");
  std::filesystem::remove(folder() / "out/results.json");
  ASSERT_TRUE(write_file(folder() / "out/faults_3.csv", "mine"));
  EXPECT_THAT(run({"campaign", config("{count: 3}")}).output,
              HasSubstr("faults_3.csv: exists and was not written"));
  EXPECT_EQ(value_of(read_file(folder() / "out/faults_3.csv")), "mine");
}

TEST_F(Command, TableWritesTheProductsOfBothEngines) {
  ASSERT_EQ(run({"table", netlist("mul_adders.json"), "--fault", "op_a[1]:1", "-o", "s.npy"}).exit_code, 0);
  ASSERT_EQ(
      run({"table", netlist("mul_adders.json"), "--fault", "op_a[1]:1", "--engine", "verilator", "--cache",
           (std::filesystem::temp_directory_path() / "qfi-test-cache").string(), "-o", "v.npy"})
          .exit_code,
      0);
  EXPECT_EQ(value_of(read_file(folder() / "s.npy")) == value_of(read_file(folder() / "v.npy")), true);
  const NpyArray table = value_of(read_npy(folder() / "s.npy"));
  EXPECT_THAT(table.shape, testing::ElementsAre(256, 256));
  const auto* products = reinterpret_cast<const std::int32_t*>(table.data.data());
  for (int w = -128; w < 128; ++w)
    for (int x = -128; x < 128; ++x)
      ASSERT_EQ(products[(w + 128) * 256 + x + 128], (w | 2) * x) << "bit 1 of the weight stuck at 1";
  EXPECT_EQ(run({"table", netlist("mul_adders.json"), "--fault", "op_a[1]", "-o", "x.npy"}).exit_code, 2);
  EXPECT_EQ(run({"table", netlist("mul_adders.json"), "--fault", "op_z[1]:0", "-o", "x.npy"}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder() / "x.npy"));
}

// offset: operands are codes minus zero points, and rs1 may hold the input.
TEST_F(Command, TableOperandsFollowTheOptions) {
  ASSERT_EQ(run({"table", netlist("mul_adders.json"), "--fault", "op_a[0]:0", "--operands", "offset",
                 "--type", "uint8", "--weight-zero-point", "100", "--input-zero-point", "7", "--rs1-operand",
                 "input", "-o", "t.npy"})
                .exit_code,
            0);
  const NpyArray table = value_of(read_npy(folder() / "t.npy"));
  const auto* products = reinterpret_cast<const std::int32_t*>(table.data.data());
  for (int w = 0; w < 256; ++w)
    for (int x = 0; x < 256; ++x) ASSERT_EQ(products[w * 256 + x], (w - 100) * ((x - 7) & ~1));
}

TEST_F(Command, SynthShowsYosysOwnMessage) {
  ASSERT_TRUE(write_file(folder() / "bad.sv",
                         "module m(input [7:0] op_a, input [7:0] op_b, output [7:0] result);\nassign result "
                         "= op_a ** ;\nendmodule\n"));
  const ProcessOutcome outcome = run({"synth", "bad.sv", "--top", "m", "-o", "n"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("bad.sv:2: ERROR: syntax error"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "n.json"));
}

TEST_F(Command, WrongUsageIsExitCode2AndHelpIs0) {
  EXPECT_EQ(run({}).exit_code, 2);
  EXPECT_EQ(run({"campain"}).exit_code, 2);
  EXPECT_EQ(run({"campaign"}).exit_code, 2);
  EXPECT_EQ(run({"campaign", "x.yaml", "--kernels", "magic"}).exit_code, 2);
  EXPECT_EQ(run({"--version"}).exit_code, 0);
  for (const char* command : {"campaign", "plan", "synth", "table"}) {
    const ProcessOutcome help = run({command, "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.output, HasSubstr("Example: qfi ")) << command;
  }
}

TEST_F(Command, RunMeasuresADataSetWhateverTheThreadsAndMemory) {
  const std::vector<std::string> data = {"run",      demo("shapes.tflite"), "--data", demo("images.npy"),
                                         "--labels", demo("labels.npy")};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), data.begin(), data.end());
    const ProcessOutcome outcome = run(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return outcome.output;
  };
  const std::string table = with({});
  EXPECT_THAT(table, HasSubstr("shapes.tflite on images.npy, fault-free"));
  EXPECT_THAT(table, HasSubstr("true class by predicted class"));
  const std::string text = with({"--json", "--output", "a.npy", "--threads", "1"});
  const json result = json::parse(text);
  EXPECT_EQ(result["task"], "classification");
  std::uint64_t counted = 0;
  std::uint64_t correct = 0;
  for (std::size_t t = 0; t < result["classes"].size(); ++t) {
    for (const json& count : result["confusion_true_by_predicted"][t]) counted += count.get<std::uint64_t>();
    correct += result["confusion_true_by_predicted"][t][t].get<std::uint64_t>();
  }
  EXPECT_EQ(counted, result["images"]);
  EXPECT_EQ(correct, result["top1_correct"]);
  // As the campaign counts them.
  ASSERT_EQ(run({"campaign", config("{count: 1}")}).exit_code, 0);
  EXPECT_EQ(json::parse(with({"--json", "--select", "first:40"}))["top1_correct"],
            results("out")["golden"]["top1_correct"]);
  EXPECT_EQ(with({"--json", "--output", "b.npy", "--threads", "3", "--memory", "900KB"}), text);
  EXPECT_EQ(with({"--json", "--output", "c.npy", "--kernels", "reference"}), text);
  const std::string output = value_of(read_file(folder() / "a.npy"));
  EXPECT_EQ(value_of(read_file(folder() / "b.npy")), output);
  EXPECT_EQ(value_of(read_file(folder() / "c.npy")), output);
  EXPECT_EQ(value_of(read_npy(folder() / "a.npy")).shape[0], result["images"]);
}

TEST_F(Command, RunWithAFaultGivesTheCampaignsCounts) {
  ASSERT_TRUE(write_file(folder() / "list.csv", "site,stuck_at\nop_a[1],1\n"));
  ASSERT_EQ(run({"campaign", config("{list: list.csv}")}).exit_code, 0);
  const ProcessOutcome outcome =
      run({"run", demo("shapes.tflite"), "--data", demo("images.npy"), "--labels", demo("labels.npy"),
           "--select", "first:40", "--netlist", m_netlist, "--fault", "op_a[1]:1", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const json fault = first_set("out")["faults"][0];
  EXPECT_EQ(json::parse(outcome.output)["top1_correct"], fault["faulty_correct"]);
  EXPECT_EQ(json::parse(outcome.output)["top5_correct"], fault["faulty_top5_correct"]);
  EXPECT_NE(fault["faulty_correct"], fault["golden_correct"]) << "the fault does something";
}

TEST_F(Command, RunDumpsAnyTensorAndReadsDataFromAConfig) {
  const std::string yaml = config("{count: 1}");
  const json model = json::parse(run({"inspect", demo("shapes.tflite"), "--json"}).output);
  const std::string name = model["operators"][0]["outputs"][0]["name"];
  const ProcessOutcome outcome =
      run({"run", demo("shapes.tflite"), "--data", yaml, "--dump", name + "=t.npy", "--dump", "0=in.npy"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const NpyArray dumped = value_of(read_npy(folder() / "t.npy"));
  EXPECT_EQ(dumped.shape[0], 40U);
  EXPECT_EQ(dumped.elements() / 40, model["operators"][0]["outputs"][0]["values"]);
}

TEST_F(Command, RunRefusesWhatDoesNotFit) {
  const auto refused = [&](std::vector<std::string> more, const std::string& part) {
    more.insert(more.begin(), {"run", demo("shapes.tflite"), "--data", demo("images.npy")});
    expect_refused(more, part);
  };
  refused({"--resize", "8x8"}, "image 0 has the shape 8x8");
  refused({"--resize", "8"}, "--resize: '8' is not HEIGHTxWIDTH");
  refused({"--crop", "1.5"}, "a share is at most 1");
  refused({"--select", "last:3"}, "--select last:3: all, first:N, random:N, stratified:N or list:I,J,..");
  refused({"--select", "stratified:3"}, "a stratified selection needs a class per image");
  refused({"--dump", "nothing=x.npy"}, "--dump: the model has no tensor 'nothing'");
  refused({"--dump", "nothing"}, "write it as TENSOR=FILE.npy");
  refused({"--fault", "op_a[0]:1"}, "--fault and --netlist need each other");
  refused({"--netlist", m_netlist, "--fault", "nowhere:1"}, "nowhere");
  refused({"--memory", "1KB"}, "raise --memory");
  refused({"--format", "idx"}, "not an idx file");
  refused({"--labels", "missing.npy"}, "missing.npy: cannot open");
  expect_refused({"run", demo("shapes.tflite"), "--data", "x.bin"},
                 "its name does not tell the format; say --format");
  expect_refused({"run", demo("labels.npy"), "--data", demo("images.npy")}, "not a .tflite file");
}

TEST_F(Command, InspectShowsModelsAndNetlists) {
  const ProcessOutcome model = run({"inspect", demo("shapes.tflite")});
  ASSERT_EQ(model.exit_code, 0) << model.output;
  EXPECT_THAT(model.output, HasSubstr("CONV_2D"));
  EXPECT_THAT(model.output, HasSubstr("Fault populations"));
  const json counted = json::parse(run({"inspect", demo("shapes.tflite"), "--json"}).output);
  std::uint64_t weight_bits = 0;
  for (const json& op : counted["operators"]) weight_bits += op["weight_bits"].get<std::uint64_t>();
  EXPECT_EQ(weight_bits, counted["totals"]["weight_bits"]);
  EXPECT_EQ(weight_bits, 8 * counted["totals"]["weights"].get<std::uint64_t>());
  const json gates = json::parse(run({"inspect", m_netlist, "--json"}).output);
  EXPECT_EQ(gates["stuck_at"]["nets"]["faults"], 3526);
  EXPECT_EQ(gates["cells"]["QFI_FA"].get<int>() > 0, true);
  expect_refused({"inspect", demo("labels.npy")}, "neither a .tflite model nor a netlist in JSON");
}

// What bit-flip campaigns write, and one of their trials again.
TEST_F(Command, AProductTableGivesWhatItsFaultGives) {
  ASSERT_EQ(run({"table", netlist("mul_gates.json"), "--fault", "op_a[2]:1", "-o", "t.npy"}).exit_code, 0);
  ASSERT_TRUE(write_file(folder() / "faults.csv", "site,stuck_at\nop_a[2],1\n"));
  ASSERT_EQ(run({"campaign", config("{list: faults.csv}"), "-o", "fault"}).exit_code, 0);
  json fault = first_set("fault")["faults"][0];

  // The same numbers in the other order, and turned round.
  const NpyArray array = value_of(read_npy(folder() / "t.npy"));
  std::vector<std::int32_t> products(65536), by_byte(65536), turned(65536);
  std::memcpy(products.data(), array.data.data(), array.data.size());
  for (std::size_t w = 0; w < 256; ++w)
    for (std::size_t x = 0; x < 256; ++x) {
      by_byte[(w ^ 128U) * 256 + (x ^ 128U)] = products[w * 256 + x];
      turned[x * 256 + w] = products[w * 256 + x];
    }
  const auto text = [](const std::vector<std::int32_t>& numbers) {
    return std::string_view(reinterpret_cast<const char*>(numbers.data()), numbers.size() * 4);
  };
  ASSERT_TRUE(write_file(folder() / "b.bin", text(by_byte)));
  ASSERT_TRUE(write_file(folder() / "r.bin", text(turned)));
  const std::string begin = "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                            ", labels: " + demo("labels.npy") +
                            ", select: {first: 40}}\noutput: out\nfaults:\n";
  const auto entry = [](const std::string& more) {
    return "  - {kind: product_table, operators: [conv_2d], " + more + "}\n";
  };
  ASSERT_TRUE(write_file(folder() / "t.yaml", begin + entry("file: t.npy") +
                                                  entry("file: b.bin, order: twos_complement") +
                                                  entry("file: r.bin, rows: input")));
  const ProcessOutcome outcome = run({"campaign", "t.yaml"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("wrong products     32640 of 65536 pairs"));
  const json all = results("out");
  for (const json& set : all["fault_sets"]) {
    const json& table = set["product_table"];
    EXPECT_EQ(table["worst_case_error"], 512);
    EXPECT_EQ(table["mean_error_distance"], 128.0) << "4 |x| for every other weight";
    EXPECT_EQ(table["golden_products_wrong"], fault["golden_products_changed"]);
    for (const auto& [key, value] : set["counts"].items()) EXPECT_EQ(value, fault[key]) << key;
  }
  EXPECT_EQ(run({"replay", "out/results.json", "--fault", "0", "--image", "3"}).exit_code, 0);
  EXPECT_EQ(run({"plan", "t.yaml"}).exit_code, 0);

  std::filesystem::remove_all(folder() / "out");
  const auto refused = [&](const std::string& more, const std::string& message) {
    EXPECT_TRUE(write_file(folder() / "x.yaml", begin + entry(more)));
    expect_refused({"campaign", "x.yaml"}, message);
  };
  ASSERT_TRUE(write_file(folder() / "short.bin", "\1\2\3"));
  refused("file: short.bin", "neither an .npy file, nor 65,536 int32 or uint16 numbers");
  refused("file: " + demo("images.npy"), "has the shape (256, 256)");
  refused("file: t.npy, layers: [nowhere]", "no operator is number 'nowhere'");
  refused("file: t.npy, order: falling", "'order' cannot be 'falling'");
}

// Where the library's sums are not exact it is not used; the bytes stay the same.
TEST_F(Command, ResultsAreTheSameBytesWithFewerInstructions) {
  const std::string file = config("{count: 12}");
  ASSERT_EQ(run({"campaign", file, "-o", "all"}).exit_code, 0);
  for (const char* most : {"AVX512_CORE", "AVX2", "SSE41"}) {
    const std::vector<std::string> arguments = {"/usr/bin/env",
                                                std::string("DNNL_MAX_CPU_ISA=") + most,
                                                test::program(),
                                                "campaign",
                                                file,
                                                "-o",
                                                most};
    const ProcessOutcome outcome = value_of(run_process(arguments, folder(), std::chrono::seconds(300)));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_EQ(bytes(most) == bytes("all"), true) << most;
  }
}

TEST_F(Command, OnlyTablesOfTheEarlierRunAreReplaced) {
  const std::string begin = "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                            ", labels: " + demo("labels.npy") +
                            ", select: {first: 2}}\nsample: {count: 5}\noutput: out\nfaults:\n";
  const std::string entry = "  - {kind: bit_flip, target: weights, simultaneous: 2}\n";
  ASSERT_TRUE(write_file(folder() / "one.yaml", begin + entry));
  ASSERT_TRUE(write_file(folder() / "two.yaml", begin + entry + entry));
  ASSERT_EQ(run({"campaign", "two.yaml"}).exit_code, 0);
  const auto exists = [&](const char* name) { return std::filesystem::exists(folder() / "out" / name); };
  EXPECT_TRUE(exists("faults_1.csv") && exists("faults_1_bits.csv"));
  ASSERT_EQ(run({"campaign", "one.yaml", "--restart"}).exit_code, 0);
  EXPECT_TRUE(exists("faults.csv") && exists("faults_bits.csv"));
  EXPECT_FALSE(exists("faults_0.csv") || exists("faults_1.csv") || exists("faults_1_bits.csv"));

  ASSERT_TRUE(write_file(folder() / "out/faults_bits.csv", "fault,layer,element,stored_bit\n0,0,0,0\n"));
  const ProcessOutcome outcome = run({"campaign", "one.yaml"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("faults_bits.csv: exists and was not written by qfi"));
}

TEST_F(Command, ABitFlipCampaignWritesItsFaultsAndReplayShowsOne) {
  const std::string faults =
      "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
      ", labels: " + demo("labels.npy") +
      ", select: {first: 20}}\nfaults:\n  - {kind: bit_flip, target: weights, bits: [7]}\n"
      "  - {kind: stuck_at, target: data, simultaneous: 2}\nsample: {count: 60}\noutput: out\n";
  ASSERT_TRUE(write_file(folder() / "b.yaml", faults));
  const ProcessOutcome outcome = run({"campaign", "b.yaml", "--compare-naive"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("by layer"));
  EXPECT_THAT(outcome.output, HasSubstr("run in three ways, no difference"));
  const json set = first_set("out");
  EXPECT_EQ(set["faults_file"]["name"], "faults_0.csv");
  EXPECT_EQ(set["faults_file"]["rows"], 60);
  std::ifstream file(folder() / "out/faults_0.csv");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 61U);
  for (const std::string& line : lines)
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), std::count(lines[0].begin(), lines[0].end(), ','))
        << line;

  // Every image under every fault of the first set, summed: the campaign's count.
  std::uint64_t changed = 0;
  for (int image = 0; image < 20; ++image) {
    const ProcessOutcome replayed =
        run({"replay", "out/results.json", "--fault", "5", "--image", std::to_string(image), "--json"});
    ASSERT_EQ(replayed.exit_code, 0) << replayed.output;
    const json trial = json::parse(replayed.output);
    changed += trial["changed"].get<std::uint64_t>();
    std::uint64_t different = 0;
    for (const json& op : trial["operators"]) different += op["different"].get<std::uint64_t>();
    EXPECT_EQ(different > 0 || trial["changed"] == 0, true);
  }
  std::vector<std::string> fields(1);
  for (const char c : lines[6])
    if (c == ',') fields.emplace_back();
    else fields.back().push_back(c);
  EXPECT_EQ(std::to_string(changed), fields[17]) << "column 'changed' of fault 5";

  // The second set's bits, as a list, are the same faults.
  ASSERT_TRUE(write_file(
      folder() / "l.yaml",
      faults.substr(0, faults.find("  - {kind: bit_flip")) +
          "  - {kind: bit_flip, target: data, sample: {list: out/faults_1_bits.csv}}\noutput: again\n"));
  ASSERT_EQ(run({"campaign", "l.yaml"}).exit_code, 0);
  const json bits = results("out")["fault_sets"][1]["summary"];
  const json again = first_set("again")["summary"];
  EXPECT_EQ(bits["sdc_rate"]["mean"], again["sdc_rate"]["mean"]);
  EXPECT_EQ(bits["critical_fault_rate"]["faults"], again["critical_fault_rate"]["faults"]);

  EXPECT_EQ(run({"replay", "out/results.json", "--set", "1", "--fault", "3", "--image", "2"}).exit_code, 0);
  EXPECT_THAT(run({"replay", "out/results.json", "--fault", "60", "--image", "2"}).output,
              HasSubstr("holds no fault 60"));
  EXPECT_THAT(run({"replay", "out/results.json", "--fault", "5"}).output, HasSubstr("say which image"));
  ASSERT_TRUE(write_file(folder() / "b.yaml", faults + "seed: 2\n"));
  EXPECT_THAT(run({"replay", "out/results.json", "--fault", "5", "--image", "2"}).output,
              HasSubstr("is not the config of these results"));
}

// In the table the names' quotes are doubled, and all of them stand in quotes.
TEST_F(Command, ReplayFindsTensorsWithQuotesCommasAndLineEndsInTheirNames) {
  std::string model = value_of(read_file(m_model));
  for (std::size_t place = 0; (place = model.find("sequential_1/conv2d", place)) != std::string::npos;
       ++place)
    model.replace(place, 19, "\"equ\"\",tial\n1/conv2");
  ASSERT_TRUE(write_file(folder() / "odd.tflite", model));
  ASSERT_TRUE(write_file(folder() / "b.yaml",
                         "model: odd.tflite\ndata: {format: npy, images: " + demo("images.npy") +
                             ", labels: " + demo("labels.npy") +
                             ", select: {first: 2}}\nfaults:\n  - {kind: bit_flip, target: weights}\n"
                             "sample: {count: 4}\noutput: out\n"));
  ASSERT_EQ(run({"campaign", "b.yaml"}).exit_code, 0);
  EXPECT_THAT(value_of(read_file(folder() / "out/faults.csv")), HasSubstr("\"\"\"equ\"\"\"\",tial\n1/conv"));
  const ProcessOutcome replayed =
      run({"replay", "out/results.json", "--fault", "3", "--image", "1", "--json"});
  ASSERT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_THAT(json::parse(replayed.output)["fault"].get<std::string>(), HasSubstr("\"equ\"\",tial"));
}

// Sets of bits are drawn again: each the one of its line.
TEST_F(Command, ReplayOfASetOfBitsGivesTheCampaignsCounts) {
  for (const std::string design : {"crossed", "paired", "{nested: 2}"}) {
    const std::string output = design.substr(design.find_first_not_of('{'), 6);
    ASSERT_TRUE(write_file(folder() / "b.yaml",
                           "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                               ", labels: " + demo("labels.npy") +
                               ", select: {first: 8}}\nfaults:\n  - {kind: bit_flip, target: weights, bits: "
                               "[7], simultaneous: 24}\nsample: {count: 5}\ndesign: " +
                               design + "\noutput: " + output + "\n"));
    const ProcessOutcome outcome = run({"campaign", "b.yaml"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    std::ifstream file(folder() / output / "faults.csv");
    std::string line;
    std::getline(file, line);
    std::vector<std::uint64_t> seen;
    while (std::getline(file, line)) {
      std::vector<std::string> fields(1);
      for (const char c : line)
        if (c == ',') fields.emplace_back();
        else fields.back().push_back(c);
      std::uint64_t changed = 0;
      for (int image = 0; image < 8; ++image) {
        const std::string met = " " + fields[2] + " ";  // which of 0 .. 7; none are named where it is all
        if (met != "  " && met.find(fmt::format(" {} ", image)) == std::string::npos) continue;
        const ProcessOutcome replayed = run({"replay", output + "/results.json", "--fault", fields[0],
                                             "--image", std::to_string(image), "--json"});
        ASSERT_EQ(replayed.exit_code, 0) << replayed.output;
        changed += json::parse(replayed.output)["changed"].get<std::uint64_t>();
      }
      EXPECT_EQ(std::to_string(changed), fields[17]) << design << " fault " << fields[0];
      seen.push_back(changed);
    }
    EXPECT_NE(*std::ranges::min_element(seen), *std::ranges::max_element(seen)) << design;
  }
}

TEST_F(Command, ReplayOfANetlistsFaultGivesTheCampaignsCounts) {
  ASSERT_EQ(run({"campaign", config("{count: 9}")}).exit_code, 0);
  const json set = first_set("out");
  for (const json& fault : set["faults"]) {
    if (fault["top1_changed"] == 0) continue;
    std::uint64_t changed = 0;
    for (int image = 0; image < 40; ++image)
      changed +=
          json::parse(run({"replay", "out/results.json", "--fault", std::to_string(fault["index"].get<int>()),
                           "--image", std::to_string(image), "--json"})
                          .output)["changed"]
              .get<std::uint64_t>();
    EXPECT_EQ(changed, fault["top1_changed"]);
    return;
  }
  FAIL() << "no fault changed a class";
}

// Published sizes: IOLTS 2025 (AlexNet), AICAS 2023 (MLP-7, LeNet-5, rounded there to 6,750 and 7,650).
TEST_F(Command, PlanGivesThePublishedSampleSizes) {
  QFI_NEEDS_SHARED_DATA();
  const std::string data = (test::shared_folder() / "data").string();
  const auto plan = [&](const std::string& model, const std::string& images, const std::string& faults,
                        const std::string& sample) {
    const std::string text = "model: " + data + "/models/" + model + ".tflite\ndata: {" + images +
                             ", select: {first: 2}}\ninput: {scale: 0.0039215686, mean: 0}\nfaults:\n  - " +
                             faults + "\nsample: " + sample + "\noutput: out\n";
    EXPECT_TRUE(write_file(folder() / "p.yaml", text));
    const ProcessOutcome outcome = run({"plan", "p.yaml", "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return json::parse(outcome.output)["fault_sets"][0]["sample"];
  };
  const std::string cifar = "format: cifar10, images: " + data + "/cifar10/test_batch_0000-4999.bin";
  const std::string mnist = "format: idx, images: " + data +
                            "/mnist/t10k-images-idx3-ubyte.gz, labels: " + data +
                            "/mnist/t10k-labels-idx1-ubyte.gz";
  for (const auto& [rounding, n] : {std::pair{"up", 1469}, {"nearest", 1434}})
    EXPECT_EQ(
        plan("alexnet_cifar10_int8", cifar, "{kind: bit_flip, target: weights}",
             std::string("{scheme: data_aware, margin: 0.1, t: 1.645, rounding: ") + rounding + "}")["n"],
        n);
  const json mlp =
      plan("mlp7_mnist_int8", mnist, "{kind: bit_flip, target: data, layers: [4, 5, 6, 7, 8, 9]}",
           "{margin: 0.01, t: 1.96}");
  EXPECT_EQ(mlp["population"], 2816 * 8);
  EXPECT_NEAR(mlp["n_before_rounding"].get<double>(), 6733.7, 0.05);
  const json lenet = plan("lenet5_valid_mnist_int8", mnist,
                          "{kind: bit_flip, target: data, layers: [0, 2, 5, 6]}", "{margin: 0.01, t: 1.96}");
  EXPECT_EQ(lenet["population"], 4684 * 8);
  EXPECT_NEAR(lenet["n_before_rounding"].get<double>(), 7644.8, 0.05);
}

TEST_F(Command, NvfWritesNeuronsThatACampaignProtects) {
  const std::vector<std::string> command = {
      "nvf",     m_model, "--data", demo("images.npy"), "--labels", demo("labels.npy"), "--select",
      "first:1", "-o",    "n.csv"};
  const ProcessOutcome outcome = run(command);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("of 8064 pairs of neuron and image"));
  EXPECT_THAT(outcome.output, HasSubstr("8064 neurons, 1 images"));
  const std::string neurons = value_of(read_file(folder() / "n.csv"));
  EXPECT_THAT(neurons, testing::StartsWith("layer,element,nvf,flip_share,rises_0,"));
  EXPECT_EQ(std::count(neurons.begin(), neurons.end(), '\n'), 8065);
  std::vector<std::string> again = command;
  again.insert(again.end(), {"--threads", "3", "--json"});
  EXPECT_EQ(json::parse(run(again).output)["neurons"], 8064) << "a file of its own is replaced";
  EXPECT_EQ(value_of(read_file(folder() / "n.csv")), neurons);
  std::vector<std::string> part = command;
  part.insert(part.end(), {"--shard", "1/1"});
  part[9] = "part.csv";
  EXPECT_EQ(run(part).exit_code, 0);
  EXPECT_EQ(run({"nvf-merge", "part.csv", "-o", "merged.csv"}).exit_code, 0);
  EXPECT_EQ(value_of(read_file(folder() / "merged.csv")), neurons);
  part.back() = "0/3";
  expect_refused(part, "--shard 0/3: write it as I/N");
  ASSERT_TRUE(write_file(folder() / "n.csv", "mine"));
  EXPECT_EQ(run(command).exit_code, 2);
  ASSERT_TRUE(write_file(folder() / "n.csv", neurons));

  const auto campaign = [&](const std::string& protection, const std::string& threshold) {
    const std::string text = "model: " + m_model + "\ndata: {format: npy, images: " + demo("images.npy") +
                             ", labels: " + demo("labels.npy") +
                             ", select: {first: 8}}\nfaults:\n  - {kind: bit_flip, target: data, " +
                             "operators: [conv_2d], storage: {protection: " + protection +
                             ", neurons: \"${FILE=n.csv}\", threshold: " + threshold +
                             "}, compare: unprotected}\nsample: {count: 3000}\noutput: out\n";
    EXPECT_TRUE(write_file(folder() / "c.yaml", text));
    EXPECT_EQ(run({"campaign", "c.yaml", "-o", protection + threshold}).exit_code, 0);
    return first_set(protection + threshold);
  };
  const json tripled = campaign("tmr", "0");
  EXPECT_EQ(tripled["values"][0]["protected_values"], 4608);
  EXPECT_EQ(tripled["protection"]["changed_with"], 0);
  EXPECT_GT(tripled["protection"]["changed_without"], 0);
  const json some = campaign("split_lcu", "0.02");
  EXPECT_LT(some["values"][0]["protected_values"], 4608);
  EXPECT_EQ(some["protection"]["changed_without"], tripled["protection"]["changed_without"])
      << "the same faults";
}

}  // namespace
std::string user_case(const std::string& file) { return (shared_folder() / "data/cases" / file).string(); }

TEST_F(Command, RunTakesTheOrderOfNumbersFromAnOption) {
  QFI_NEEDS_SHARED_DATA();
  const std::string model = user_case("flat_images_accepted/model.tflite");
  const auto output = [&](const std::string& data, std::vector<std::string> more) {
    more.insert(more.begin(), {"run", model, "--data", user_case("flat_images_accepted/" + data), "--output",
                               "o.npy", "--force"});
    const ProcessOutcome outcome = run(more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return value_of(read_npy(folder() / "o.npy")).data;
  };
  const std::string expected = output("nhwc.npy", {});
  EXPECT_EQ(output("nchw.npy", {"--layout", "nchw"}), expected);
  EXPECT_EQ(output("flat_chw.npy", {"--layout", "nchw"}), expected);
  EXPECT_NE(output("flat_chw.npy", {"--layout", "flat"}), expected);
  for (const char* data : {"nchw.npy", "flat_chw.npy"})
    expect_refused({"run", model, "--data", user_case(std::string("flat_images_accepted/") + data)},
                   "say it: layout nchw (channel by channel) or flat");
}

TEST_F(Command, RunReadsLabelsAsSpreadsheetsWriteThem) {
  QFI_NEEDS_SHARED_DATA();
  const auto arguments = [](const std::string& labels) {
    return std::vector<std::string>{"run",      user_case("csv_with_bom/model.tflite"),
                                    "--data",   user_case("csv_with_bom/images"),
                                    "--labels", user_case("csv_with_bom/" + labels)};
  };
  for (const char* labels : {"labels.csv", "quoted.csv"}) {
    const ProcessOutcome outcome = run(arguments(labels));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("3 images in")) << labels;
  }
  expect_refused(arguments("first_line.csv"),
                 "first_line.csv:1: '0.png;0' is not a file name and a class number");
}

TEST_F(Command, RunFeedsSeveralInputsFromAnArchive) {
  QFI_NEEDS_SHARED_DATA();
  const NpyArray x = value_of(read_npy(user_case("two_inputs/input0.npy")));
  const NpyArray other = value_of(read_npy(user_case("two_inputs/input1.npy")));
  ASSERT_TRUE(write_file(folder() / "x.npy", value_of(read_file(user_case("two_inputs/input0.npy")))));
  ASSERT_TRUE(write_file(folder() / "unused.npy", value_of(read_file(user_case("two_inputs/input1.npy")))));
  const std::string script =
      "import zipfile; z = zipfile.ZipFile('i.npz', 'w'); z.write('x.npy'); z.write('unused.npy')";
  ASSERT_EQ(
      value_of(run_process({"/usr/bin/python3", "-c", script}, folder(), std::chrono::seconds(60))).exit_code,
      0);
  const std::string model = user_case("two_inputs/model.tflite");
  const ProcessOutcome outcome = run({"run", model, "--data", "i.npz", "--output", "o.npy"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_TRUE(value_of(read_npy(folder() / "o.npy")).data ==
              value_of(read_npy(user_case("two_inputs/expected.npy"))).data);
  expect_refused(
      {"run", model, "--data", "x.npy"},
      "x.npy: the model has 2 inputs ('x', 'unused'); give an .npz archive with an array for each");
}

TEST_F(Command, ASignatureIsChosenByName) {
  QFI_NEEDS_SHARED_DATA();
  const std::string model = user_case("two_signatures/model.tflite");
  const ProcessOutcome first =
      run({"run", model, "--data", user_case("two_signatures/input.npy"), "--output", "o.npy"});
  ASSERT_EQ(first.exit_code, 0) << first.output;
  EXPECT_THAT(first.output,
              HasSubstr("qfi: warning: 2 graphs, with the signatures 'classify', 'embed'; 'classify' is"));
  EXPECT_TRUE(value_of(read_npy(folder() / "o.npy")).data ==
              value_of(read_npy(user_case("two_signatures/expected.npy"))).data);
  const ProcessOutcome other = run({"inspect", model, "--signature", "embed"});
  ASSERT_EQ(other.exit_code, 0) << other.output;
  EXPECT_THAT(other.output, Not(HasSubstr("warning")));
  EXPECT_THAT(other.output, HasSubstr("PartitionedCall_1:01"));
  expect_refused({"inspect", model, "--signature", "detect"},
                 "no signature 'detect'; the model has 'classify', 'embed'");
}

TEST_F(Command, PointersOfGitLfsAreNamed) {
  QFI_NEEDS_SHARED_DATA();
  const std::string pointer = user_case("git_lfs_pointer/model.tflite");
  const std::string told = "a Git LFS pointer, not the file itself; fetch it with git lfs pull";
  expect_refused({"inspect", pointer}, told);
  expect_refused({"run", pointer, "--data", demo("images.npy")}, told);
  expect_refused({"run", demo("shapes.tflite"), "--data", pointer, "--format", "npy"}, told);
  expect_refused(
      {"run", demo("shapes.tflite"), "--data", demo("images.npy"), "--netlist", pointer, "--fault", "x:1"},
      told);
  expect_refused({"campaign", pointer}, told);
}

// Where there is a GPU, the campaign runs on it.
TEST_F(Command, ADeviceThatIsNotThereIsOneClearLine) {
  const auto file = config("{count: 3}");
  const ProcessOutcome asked = run({"campaign", file, "--device", "cuda"});
  if (asked.exit_code == 0) GTEST_SKIP() << "there is a GPU";
  EXPECT_EQ(asked.exit_code, 1) << asked.output;
  EXPECT_THAT(asked.output, testing::StartsWith("qfi: --device cuda: "));
  EXPECT_EQ(std::count(asked.output.begin(), asked.output.end(), '\n'), 1) << asked.output;
  EXPECT_FALSE(std::filesystem::exists(folder() / "out"));

  const ProcessOutcome either = run({"campaign", file, "--device", "auto"});
  EXPECT_EQ(either.exit_code, 0) << either.output;
  EXPECT_THAT(either.output, testing::HasSubstr("--device auto: runs on the CPU: "));
  const std::string on_either = bytes("out");
  EXPECT_EQ(run({"campaign", file, "--restart"}).exit_code, 0);
  EXPECT_EQ(bytes("out"), on_either);
}

TEST_F(Command, MemoryOfADeviceThatIsNotUsedIsRefused) {
  expect_refused({"campaign", config("{count: 3}"), "--device-memory", "100"}, "--device-memory is of a GPU");
}

}  // namespace qfi::test
