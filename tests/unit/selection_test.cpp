// SPDX-License-Identifier: Apache-2.0
// Every key of an entry of `faults` that selects something says what it could select where it selects
// nothing. Which keys those are is what the tables of config keys say.
#include "qfi/base/selection.hpp"

#include <gmock/gmock.h>
#include <zip.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "config/key_doc.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/campaign/plan.hpp"
#include "qfi/fault_sets/bit_population.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;
using testing::Not;

TEST(Selection, ListsAreShortAndNumbersAreRanges) {
  EXPECT_EQ(name_list({}), "none");
  EXPECT_EQ(name_list(number_names({9, 3, 2, 1, 3, 7, 6})), "1 to 3, 6, 7, 9");
  EXPECT_EQ(name_list(number_names_below(1000)), "0 to 999");
  EXPECT_EQ(name_list(number_names_below(2)), "0, 1");
  std::vector<std::string> many;
  for (int i = 0; i < 40; ++i) many.push_back("t" + std::to_string(i));
  EXPECT_THAT(name_list(many), testing::EndsWith("t11, .. (40 in all)"));
  EXPECT_EQ(
      selects_nothing("layers", "conv_l", "why", {"layers", {"conv_1", "conv_1", "pool"}}).value().message,
      "layers: why; layers: conv_1, pool; did you mean 'conv_1'?");
  EXPECT_EQ(selects_nothing("layers", "3", "why", {"layers", {"2"}}).value().message,
            "layers: why; layers: 2")
      << "another number is no slip";
}

enum class Network : std::uint8_t { demo, without_weights };

// An entry in which a key selects nothing, whole or in part, and a value that the error offers instead.
struct Case {
  std::string kind;  ///< the key that tells the kinds of entries apart
  std::string key;   ///< below `faults`
  std::string entry;
  std::string selectable;
  Network network = Network::demo;
};

const std::vector<Case> k_cases = {
    {"netlist", "operators", "netlist: NETLIST, operators: [depthwise_conv_2d]", "conv_2d, fully_connected"},
    {"netlist", "operators", "netlist: NETLIST, operators: [conv_2d, transpose_conv]", "fully_connected"},
    {"netlist", "operators", "netlist: NETLIST, operators: [conv_2d, fully_connected], layers: [0, 2]",
     "conv_2d"},
    {"netlist", "layers", "netlist: NETLIST, layers: [1]", "operators with 8-bit weights: 0, 2, 4"},
    {"netlist", "layers", "netlist: NETLIST, layers: [0, 6]", "operators with 8-bit weights: 0, 2, 4"},
    {"netlist", "layers", "netlist: NETLIST, layers: [0, nowhere]", "0, 2, 4"},
    {"netlist", "netlist.rs1", "netlist: {file: NETLIST, rs1: a, rs2: op_b, result: result}", "op_a"},
    {"netlist", "netlist.rs2", "netlist: {file: NETLIST, rs1: op_a, rs2: result, result: result}", "op_b"},
    {"netlist", "netlist.result", "netlist: {file: NETLIST, rs1: op_a, rs2: op_b, result: r}", "result"},
    {"netlist", "netlist.tie", "netlist: {file: enabled.json, tie: {enable: 1, mode: 0}}", "enable"},
    {"netlist", "netlist.tie", "netlist: {file: enabled.json, tie: {op_a: 1}}", "enable"},
    {"netlist", "netlist.top", "netlist: {file: NETLIST, top: qfi_mull}", "qfi_mul"},
    {"netlist", "raw_rate.fit_by_cell",
     "netlist: NETLIST, raw_rate: {fit_by_cell: {QFI_FA: 1, QFI_HA: 1, QFI_FAX: 1}}", "QFI_FA, QFI_HA"},
    {"netlist", "sites", "netlist: wires.json, sites: pins", "nets"},
    {"target", "target", "target: biases", "targets with values: data", Network::without_weights},
    {"target", "stage", "target: data, stage: [output, accumulator]",
     "stages with values: network_input, operator_input, output", Network::without_weights},
    {"target", "operators", "target: weights, operators: [softmax]", "conv_2d, fully_connected"},
    {"target", "operators", "target: weights, operators: [conv_2d, max_pool_2d]", "fully_connected"},
    {"target", "operators", "target: weights, operators: [conv_2d, fully_connected], layers: [0]", "conv_2d"},
    {"target", "operators", "target: data, stage: network_input, operators: [conv_2d]", "output"},
    {"target", "layers", "target: weights, layers: [3]", "operators with weights: 0, 2, 4, 6"},
    {"target", "layers", "target: weights, layers: [0, 99]", "0, 2, 4, 6"},
    {"target", "layers", "target: weights, operators: [conv_2d], layers: [0, 6]", "0, 2, 4"},
    {"target", "layers", "target: data, stage: [output, accumulator], layers: [0, 1]", "0, 2, 4, 6"},
    {"target", "layers", "target: weights, layers: [0, 6], mask: wholly.npz", "0"},
    {"target", "tensors", "target: weights, tensors: [nothing]", "conv2d"},
    {"target", "tensors", "target: weights, tensors: [image]", "conv2d"},
    {"target", "tensors", "target: data, stage: network_input, tensors: [image, Identity]", "image"},
    {"target", "channels", "target: weights, layers: [0], channels: [8]", "0 to 7"},
    {"target", "channels", "target: biases, layers: [0, 6], channels: [9]", "0 to 7"},
    {"target", "bits", "target: weights, bits: [9]", "0 to 7"},
    {"target", "bits", "target: weights, bits: [0, 31]", "0 to 7"},
    {"target", "mask", "target: weights, layers: [6], mask: strange.npz", "dense_1/MatMul"},
    {"target", "mask", "target: weights, layers: [6], mask: wholly.npz", "dense_1/MatMul"},
    {"target", "storage.layers", "target: weights, layers: [0], storage: {layers: [2], protection: tmr}",
     "operators with weights: 0"},
    {"target", "storage.layers", "target: weights, storage: {layers: [0, 98], protection: tmr}",
     "0, 2, 4, 6"},
    {"target", "storage", "target: weights, storage: [{layers: [0], protection: tmr}, {protection: vandor}]",
     "0, 2, 4, 6"},
    {"target", "storage.neurons",
     "target: data, compare: unprotected, storage: {protection: tmr, neurons: others.csv}", "0 to 6"},
    {"target", "storage.neurons",
     "target: data, compare: unprotected, storage: {protection: tmr, neurons: larger.csv}", "0 to 4607"},
    {"target", "storage.neurons",
     "target: data, layers: [4], compare: unprotected, storage: {protection: tmr, neurons: first.csv}",
     "0, 2"},
    {"file", "operators", "file: table.bin, operators: [conv_2d, transpose_conv]",
     "conv_2d, fully_connected"},
    {"file", "layers", "file: table.bin, layers: [5]", "0, 2, 4"},
    {"file", "layers", "file: table.bin, layers: [0, nowhere]", "0, 2, 4"}};

const std::map<std::string, std::string> k_kind_of = {
    {"netlist", "stuck_at"}, {"target", "bit_flip"}, {"file", "product_table"}};

// A network of one operator that has no weights.
Program softmax() {
  Model model;
  for (const float scale : {0.05F, 1.0F / 256}) {
    Tensor& tensor = model.tensors.emplace_back();
    tensor.type = TensorType::int8;
    tensor.shape = {1, 10};
    tensor.quantization = {{scale}, {-128}, 0};
  }
  model.operators = {{OperatorKind::softmax, {0}, {1}, SoftmaxOptions{1.0F}}};
  model.inputs = {0};
  model.outputs = {1};
  return value_of(Program::prepare(std::move(model)));
}

class Selectors : public testing::Test {
 protected:
  void SetUp() override {
    const auto netlist = test::source_folder() / "netlists/mul_adders.json";
    auto json = nlohmann::json::parse(value_of(read_file(netlist)));
    auto& module = json["modules"]["qfi_mul"];
    module["ports"]["enable"] = {{"direction", "input"}, {"bits", {90'000}}};
    write("enabled.json", json.dump());
    module["ports"].erase("enable");
    module["cells"] = nlohmann::json::object();
    auto& bits = module["ports"]["result"]["bits"];
    bits = module["ports"]["op_a"]["bits"];
    for (const auto& bit : module["ports"]["op_b"]["bits"]) bits.push_back(bit);
    write("wires.json", json.dump());
    write("table.bin", std::string(256 * 256 * sizeof(std::int32_t), '\0'));
    write("others.csv", "layer,element,nvf\n7,0,1\n");
    write("larger.csv", "layer,element,nvf\n0,4608,1\n");
    write("weak.csv", "layer,element,nvf\n0,5,0.25\n");
    write("first.csv", "layer,element,nvf\n0,5,1\n2,5,0\n");
    const std::string weights = std::to_string(weights_of(6));
    const std::vector<std::pair<std::string, std::string>> of_first = {
        {std::to_string(weights_of(0)) + ".npy", mask(72, 1)}};
    write_archive("strange.npz", {{weights + ".npy", mask(320, 1)}, {"nowhere.npy", mask(4, 1)}});
    write_archive("wholly.npz", {{weights + ".npy", mask(320, 0)}, of_first.front()});
    write_archive("ones.npz", {{weights + ".npy", mask(320, 1)}, of_first.front()});
  }

  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_file(m_folder.path() / name, text));
  }

  static std::string mask(std::uint64_t count, int value) {
    const std::vector<std::byte> data(count, static_cast<std::byte>(value));
    return npy_bytes("u1", std::array{count}, data);
  }

  void write_archive(const std::string& name,
                     const std::vector<std::pair<std::string, std::string>>& arrays) {
    zip_t* archive = zip_open((m_folder.path() / name).c_str(), ZIP_CREATE, nullptr);
    ASSERT_NE(archive, nullptr);
    for (const auto& [array, bytes] : arrays)
      zip_file_add(archive, array.c_str(), zip_source_buffer(archive, bytes.data(), bytes.size(), 0), 0);
    ASSERT_EQ(zip_close(archive), 0);
  }

  static int weights_of(std::size_t index) {
    const auto model = value_of(load_tflite(test::source_folder() / "campaigns/demo/shapes.tflite"));
    return model.operators[index].inputs[1];
  }

  CampaignConfig config(const std::string& kind, std::string entry) {
    const std::string demo = (test::source_folder() / "campaigns/demo").string();
    if (const auto at = entry.find("NETLIST"); at != std::string::npos)
      entry.replace(at, 7, (test::source_folder() / "netlists/mul_adders.json").string());
    write("c.yaml", "model: " + demo + "/shapes.tflite\ndata: {format: npy, images: " + demo +
                        "/images.npy, labels: " + demo +
                        "/labels.npy, select: {first: 2}}\nfaults:\n  - {kind: " + k_kind_of.at(kind) + ", " +
                        entry + "}\noutput: out\nsample: {count: 3}\nverify: 0\n");
    return value_of(read_campaign_config(m_folder.path() / "c.yaml", {}));
  }

  std::string error(const Case& c) {
    CampaignConfig campaign = config(c.kind, c.entry);
    if (c.network == Network::without_weights) {
      const auto found = find_population(softmax(), std::get<BitFaultConfig>(campaign.faults[0].model), {});
      return found ? "no error" : found.error().message;
    }
    const auto plan = make_plan(std::move(campaign), {});
    return plan ? "no error" : plan.error().message;
  }

  std::vector<std::string> warnings(const std::string& kind, const std::string& entry) {
    std::vector<std::string> messages;
    set_log_sink([&](LogLevel, const std::string& message) { messages.push_back(message); });
    const auto plan = make_plan(config(kind, entry), {});
    set_log_sink({});
    EXPECT_TRUE(plan) << plan.error().message;
    return messages;
  }

  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
};

// "target storage.layers" for each kind of entry and each key, those of maps in it too, that selects.
void add_selecting(const std::string& kind, const std::string& above, const std::vector<KeyDoc>& keys,
                   std::set<std::string>& found) {
  for (const KeyDoc& key : keys) {
    if (key.selects) found.insert(kind + " " + above + key.name);
    for (const FormDoc& form : key.forms) add_selecting(kind, above + key.name + ".", form.keys, found);
  }
}

TEST_F(Selectors, EveryKeyThatSelectsHasACase) {
  const FormDoc config = document_config();
  const auto faults = std::ranges::find(config.keys, "faults", &KeyDoc::name);
  ASSERT_NE(faults, config.keys.end());
  std::set<std::string> selecting, tried;
  for (const FormDoc& form : faults->forms) {
    EXPECT_TRUE(k_kind_of.contains(form.name)) << form.name << ": a kind of entry without cases";
    add_selecting(form.name, "", form.keys, selecting);
  }
  for (const Case& c : k_cases) tried.insert(c.kind + " " + c.key);
  EXPECT_GE(selecting.size(), 16U);
  EXPECT_THAT(tried, testing::IsSupersetOf(selecting)) << "keys marked as selecting that no case tries";
  for (const std::string& key : tried)
    EXPECT_TRUE(selecting.contains(key)) << key << " is not marked as selecting";
}

TEST_F(Selectors, AValueThatSelectsNothingIsAnErrorThatSaysWhatCouldBeSelected) {
  for (const Case& c : k_cases) {
    const std::string message = error(c);
    const std::string key = c.key.starts_with("netlist.") ? c.key.substr(8) : c.key;
    EXPECT_THAT(message, testing::ContainsRegex("(^| )" + key + ": ")) << c.entry;
    EXPECT_THAT(message.substr(message.find(key + ": ")), HasSubstr(c.selectable)) << c.entry;
    EXPECT_THAT(message, Not(HasSubstr("\n"))) << c.entry;
  }
}

TEST_F(Selectors, WhatSelectsSomethingIsNoError) {
  for (const char* entry :
       {"target: weights, layers: [0, 6], mask: ones.npz",
        "target: data, stage: [network_input, output], layers: [0], operators: [conv_2d]",
        "target: weights, storage: [{protection: tmr}, {layers: [0], protection: vandor}]",
        "target: biases, operators: [conv_2d, fully_connected], layers: [0, 6], channels: [6, 7], bits: "
        "[31]"}) {
    const auto plan = make_plan(config("target", entry), {});
    EXPECT_TRUE(plan) << entry << ": " << plan.error().message;
  }
}

// A mask of the whole network may go with a campaign on some layers, and a row of thresholds ends where no
// neuron is vulnerable.
TEST_F(Selectors, WhatSelectsNothingOnPurposeIsAWarning) {
  EXPECT_THAT(warnings("target", "target: weights, layers: [0], mask: ones.npz"),
              testing::UnorderedElementsAre(
                  HasSubstr("arrays of tensors that are not chosen: " + std::to_string(weights_of(6))),
                  HasSubstr("ones.npz prunes none of the chosen values")));
  EXPECT_THAT(warnings("target",
                       "target: data, layers: [2], compare: unprotected, storage: {protection: tmr, neurons: "
                       "weak.csv, threshold: 0.5}"),
              testing::ElementsAre(HasSubstr("is as vulnerable as 0.5; the highest NVF: 0.25")));
}

}  // namespace
}  // namespace qfi
