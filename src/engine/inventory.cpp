// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/inventory.hpp"

#include "qfi/engine/stored_parameters.hpp"

namespace qfi {
namespace {

TensorInventory inventory_of(const Model& model, int index) {
  const Tensor& tensor = model.tensors[static_cast<std::size_t>(index)];
  return {tensor.name,
          tensor.type,
          tensor.shape,
          tensor.quantization.scales,
          tensor.quantization.zero_points,
          tensor.elements()};
}

// Accumulators are 32 bits wide; for INT16 activations 64, unless the file says otherwise.
std::uint64_t accumulator_bits(const Model& model, const Operator& op) {
  if (model.tensors[static_cast<std::size_t>(op.outputs[0])].type != TensorType::int16) return 32;
  const auto* window = std::get_if<WindowOptions>(&op.options);
  const bool has_32_bits = window != nullptr ? window->accumulates_in_32_bits
                                             : std::get<ActivationOptions>(op.options).accumulates_in_32_bits;
  return has_32_bits ? 32 : 64;
}

struct ParameterFields {
  std::uint64_t OperatorInventory::*values;
  std::uint64_t OperatorInventory::*bits;
  std::optional<std::size_t> OperatorInventory::*first;
};

void add_parameters(const Program& program, ParameterKind kind, const ParameterFields& fields,
                    std::vector<OperatorInventory>& operators) {
  for (const StoredParameters& memory : stored_parameters(program, kind)) {
    const Tensor& tensor = program.model().tensors[static_cast<std::size_t>(memory.tensors.front())];
    const std::size_t first = memory.operators.front();
    operators[first].*fields.values += tensor.elements();
    operators[first].*fields.bits += 8 * tensor.bytes();
    for (const std::size_t other : memory.operators)
      if (other != first) operators[other].*fields.first = first;
  }
}

}  // namespace

std::uint64_t ModelInventory::total(std::uint64_t OperatorInventory::*number) const {
  std::uint64_t sum = 0;
  for (const OperatorInventory& op : operators) sum += op.*number;
  return sum;
}

ModelInventory take_inventory(const Program& program) {
  const Model& model = program.model();
  ModelInventory inventory;
  inventory.sha256 = model.sha256;
  inventory.warnings = model.warnings;
  inventory.bytes_per_image = program.bytes_per_image();
  for (const int input : model.inputs) {
    inventory.inputs.push_back(inventory_of(model, input));
    const TensorInventory& tensor = inventory.inputs.back();
    inventory.stages.push_back(
        {StageInventory::Kind::input, tensor.name, tensor.values, 8 * size_of(tensor.type)});
  }
  for (const int output : model.outputs) inventory.outputs.push_back(inventory_of(model, output));
  OperatorInventory* last_layer = nullptr;
  inventory.operators.reserve(model.operators.size());
  for (std::size_t i = 0; i < model.operators.size(); ++i) {
    const Operator& source = model.operators[i];
    OperatorInventory& op = inventory.operators.emplace_back();
    op.index = i;
    op.kind = source.kind;
    op.is_folded = program.is_folded(i);
    op.multiplications = program.multiplications(i);
    for (const int input : source.inputs)
      if (input != k_no_tensor) op.inputs.push_back(inventory_of(model, input));
    for (const int output : source.outputs) op.outputs.push_back(inventory_of(model, output));
    if (op.is_folded) continue;
    if (layer_inputs(op.kind)) {
      op.neurons = op.outputs[0].values;
      last_layer = &op;
      inventory.stages.push_back({StageInventory::Kind::accumulator, op.outputs[0].name, op.outputs[0].values,
                                  accumulator_bits(model, source)});
    }
    for (const TensorInventory& output : op.outputs)
      inventory.stages.push_back(
          {StageInventory::Kind::output, output.name, output.values, 8 * size_of(output.type)});
  }
  if (last_layer != nullptr) last_layer->neurons = 0;
  using Op = OperatorInventory;
  add_parameters(program, ParameterKind::weights, {&Op::weights, &Op::weight_bits, &Op::weights_of},
                 inventory.operators);
  add_parameters(program, ParameterKind::biases, {&Op::biases, &Op::bias_bits, &Op::biases_of},
                 inventory.operators);
  for (const OtherConstant& constant : other_constants(program))
    inventory.operators[constant.operator_index].other_constants +=
        model.tensors[static_cast<std::size_t>(constant.tensor)].elements();
  return inventory;
}

}  // namespace qfi
