// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/inspect.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;

std::string shape_text(const std::vector<int>& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

// 1234567 as 1,234,567.
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (auto place = static_cast<std::ptrdiff_t>(text.size()) - 3; place > 0; place -= 3)
    text.insert(static_cast<std::size_t>(place), ",");
  return text;
}

std::string quantization_text(const TensorInventory& tensor) {
  if (tensor.scales.empty()) return "";
  if (tensor.scales.size() > 1) return fmt::format("{} scales", tensor.scales.size());
  return fmt::format("{:.6g} * (q - {})", tensor.scales[0], tensor.zero_points[0]);
}

std::string tensor_line(const char* what, const TensorInventory& tensor) {
  return fmt::format("  {:<7} {} {} {}  '{}'\n", what, name_of(tensor.type), shape_text(tensor.shape),
                     quantization_text(tensor), printable(tensor.name));
}

const char* kind_name(StageInventory::Kind kind) {
  switch (kind) {
    case StageInventory::Kind::input: return "input";
    case StageInventory::Kind::accumulator: return "accumulator";
    case StageInventory::Kind::output: return "output";
  }
  return "";
}

Json tensor_json(const TensorInventory& tensor) {
  return {{"name", tensor.name},     {"type", name_of(tensor.type)},      {"shape", tensor.shape},
          {"scales", tensor.scales}, {"zero_points", tensor.zero_points}, {"values", tensor.values}};
}

Json tensors_json(const std::vector<TensorInventory>& tensors) {
  Json list = Json::array();
  for (const TensorInventory& tensor : tensors) list.push_back(tensor_json(tensor));
  return list;
}

Json sites_json(const NetlistInventory::Sites& sites) {
  return {{"sites", sites.sites}, {"faults", sites.faults}, {"collapsed_classes", sites.classes}};
}

struct StageTotals {
  std::uint64_t values = 0;
  std::uint64_t bits = 0;
};
StageTotals totals(const std::vector<StageInventory>& stages) {
  StageTotals sum;
  for (const StageInventory& stage : stages) {
    sum.values += stage.values;
    sum.bits += stage.bits();
  }
  return sum;
}

Json shared_json(std::optional<std::size_t> index) { return index ? Json(*index) : Json(nullptr); }

// What an operator stores, or the operator whose memory it reads.
std::string stored_text(std::uint64_t values, std::optional<std::size_t> shared_with) {
  return shared_with ? fmt::format("of op {}", *shared_with) : grouped(values);
}

// Constants that no fault set of weights or biases holds.
std::string left_out_text(const ModelInventory& model) {
  std::vector<std::string> operators;
  for (const OperatorInventory& op : model.operators)
    if (op.other_constants > 0) operators.push_back(fmt::format("{} ({})", op.index, name_of(op.kind)));
  if (operators.empty()) return "";
  return fmt::format("  left out {:>14} constant values that are no weights, of operators {}\n",
                     grouped(model.total(&OperatorInventory::other_constants)), fmt::join(operators, ", "));
}

std::string kind_text(const OperatorInventory& op) {
  return name_of(op.kind) + std::string(op.is_folded ? " (folded)" : "");
}

}  // namespace

std::string model_table(const ModelInventory& model) {
  std::string text;
  for (const TensorInventory& input : model.inputs) text += tensor_line("input", input);
  for (const TensorInventory& output : model.outputs) text += tensor_line("output", output);
  std::size_t width = 24;
  for (const OperatorInventory& op : model.operators) width = std::max(width, kind_text(op).size());
  text += fmt::format("\n{:>4}  {:<{}} {:>16} {:>7} {:<24} {:>13} {:>11} {:>8} {:>9}\n", "op", "kind", width,
                      "output", "type", "stored", "multiplications", "weights", "biases", "neurons");
  for (const OperatorInventory& op : model.operators) {
    const TensorInventory& output = op.outputs[0];
    text += fmt::format("{:>4}  {:<{}} {:>16} {:>7} {:<24} {:>15} {:>11} {:>8} {:>9}\n", op.index,
                        kind_text(op), width, shape_text(output.shape) + (op.outputs.size() > 1 ? " .." : ""),
                        name_of(output.type), quantization_text(output), grouped(op.multiplications),
                        stored_text(op.weights, op.weights_of), stored_text(op.biases, op.biases_of),
                        grouped(op.neurons));
  }
  const StageTotals data = totals(model.stages);
  text +=
      fmt::format("\nOf one image: {} multiplications, {} bytes of activations in memory\n",
                  grouped(model.total(&OperatorInventory::multiplications)), grouped(model.bytes_per_image));
  text += "Fault populations\n";
  text += fmt::format("  weights  {:>14} values  {:>16} bits\n",
                      grouped(model.total(&OperatorInventory::weights)),
                      grouped(model.total(&OperatorInventory::weight_bits)));
  text +=
      fmt::format("  biases   {:>14} values  {:>16} bits\n", grouped(model.total(&OperatorInventory::biases)),
                  grouped(model.total(&OperatorInventory::bias_bits)));
  text += left_out_text(model);
  text += fmt::format("  data     {:>14} values  {:>16} bits  in {} stages\n", grouped(data.values),
                      grouped(data.bits), model.stages.size());
  text += fmt::format("  neurons  {:>14} (outputs of layers that multiply weights, but the last)\n",
                      grouped(model.total(&OperatorInventory::neurons)));
  text += fmt::format("\n{:<12} {:>12} {:>6} {:>15}  of\n", "data stage", "values", "bits", "bits in all");
  for (const StageInventory& stage : model.stages)
    text += fmt::format("{:<12} {:>12} {:>6} {:>15}  '{}'\n", kind_name(stage.kind), grouped(stage.values),
                        stage.bits_per_value, grouped(stage.bits()), printable(stage.name));
  return text;
}

std::string model_json(const ModelInventory& model) {
  Json operators = Json::array();
  for (const OperatorInventory& op : model.operators)
    operators.push_back({{"index", op.index},
                         {"kind", name_of(op.kind)},
                         {"folded", op.is_folded},
                         {"inputs", tensors_json(op.inputs)},
                         {"outputs", tensors_json(op.outputs)},
                         {"multiplications", op.multiplications},
                         {"weights", op.weights},
                         {"weight_bits", op.weight_bits},
                         {"weights_of", shared_json(op.weights_of)},
                         {"biases", op.biases},
                         {"bias_bits", op.bias_bits},
                         {"biases_of", shared_json(op.biases_of)},
                         {"other_constants", op.other_constants},
                         {"neurons", op.neurons}});
  Json stages = Json::array();
  for (const StageInventory& stage : model.stages)
    stages.push_back({{"kind", kind_name(stage.kind)},
                      {"name", stage.name},
                      {"values", stage.values},
                      {"bits_per_value", stage.bits_per_value},
                      {"bits", stage.bits()}});
  const StageTotals data = totals(model.stages);
  return json_text({{"schema", "qfi-inspect-model-1"},
                    {"sha256", model.sha256},
                    {"warnings", model.warnings},
                    {"inputs", tensors_json(model.inputs)},
                    {"outputs", tensors_json(model.outputs)},
                    {"operators", operators},
                    {"stages", stages},
                    {"totals",
                     {{"multiplications", model.total(&OperatorInventory::multiplications)},
                      {"weights", model.total(&OperatorInventory::weights)},
                      {"weight_bits", model.total(&OperatorInventory::weight_bits)},
                      {"biases", model.total(&OperatorInventory::biases)},
                      {"bias_bits", model.total(&OperatorInventory::bias_bits)},
                      {"other_constants", model.total(&OperatorInventory::other_constants)},
                      {"data_values", data.values},
                      {"data_bits", data.bits},
                      {"neurons", model.total(&OperatorInventory::neurons)},
                      {"activation_bytes", model.bytes_per_image}}}});
}

std::string netlist_table(const NetlistInventory& netlist) {
  std::string text =
      fmt::format("  module    {}\n  operands  {} and {} bits, result {} bits, {}{}\n",
                  printable(netlist.module_name), netlist.rs1_bits, netlist.rs2_bits, netlist.result_bits,
                  netlist.is_unsigned ? "unsigned" : "signed", netlist.is_approximate ? ", approximate" : "");
  std::uint64_t cells = 0;
  for (const auto& [type, count] : netlist.cells) cells += count;
  text += fmt::format("  nets      {}\n  depth     {} gates\n  cells     {}\n", grouped(netlist.nets),
                      netlist.depth, grouped(cells));
  for (const auto& [type, count] : netlist.cells)
    text += fmt::format("    {:<12} {:>7}\n", type, grouped(count));
  text += "\nStuck-at faults\n";
  for (const auto& [name, sites] : {std::pair{"nets", &netlist.net_sites}, {"pins", &netlist.pin_sites}})
    text += fmt::format("  sites: {}  {:>7} sites  N = {:>7} faults  {:>7} collapsed classes\n", name,
                        grouped(sites->sites), grouped(sites->faults), grouped(sites->classes));
  return text;
}

std::string netlist_json(const NetlistInventory& netlist) {
  return json_text(
      {{"schema", "qfi-inspect-netlist-1"},
       {"module", netlist.module_name},
       {"sha256", netlist.sha256},
       {"rs1_bits", netlist.rs1_bits},
       {"rs2_bits", netlist.rs2_bits},
       {"result_bits", netlist.result_bits},
       {"unsigned", netlist.is_unsigned},
       {"approximate", netlist.is_approximate},
       {"nets", netlist.nets},
       {"depth", netlist.depth},
       {"cells", netlist.cells},
       {"stuck_at", {{"nets", sites_json(netlist.net_sites)}, {"pins", sites_json(netlist.pin_sites)}}}});
}

}  // namespace qfi
