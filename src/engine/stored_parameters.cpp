// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/stored_parameters.hpp"

#include <algorithm>
#include <optional>

namespace qfi {
namespace {

const Tensor& tensor_of(const Model& model, int index) {
  return model.tensors[static_cast<std::size_t>(index)];
}

bool is_constant(const Model& model, const Operator& op, std::size_t input) {
  return input < op.inputs.size() && op.inputs[input] != k_no_tensor &&
         tensor_of(model, op.inputs[input]).is_constant;
}

// The inputs that hold parameters of this kind where they are constants.
std::vector<std::size_t> parameter_places(const Operator& op, ParameterKind kind) {
  const bool is_weights = kind == ParameterKind::weights;
  if (const auto inputs = layer_inputs(op.kind)) return {is_weights ? inputs->weights : inputs->bias};
  switch (op.kind) {
    case OperatorKind::batch_matmul:
      if (is_weights) return {0, 1};
      break;
    case OperatorKind::prelu:
      if (is_weights) return {1};
      break;
    case OperatorKind::unidirectional_sequence_lstm:
      if (is_weights) return {1, 2, 3, 4, 5, 6, 7, 8};
      return {12, 13, 14, 15};
    default: break;
  }
  return {};
}

std::vector<std::size_t> parameter_inputs(const Model& model, const Operator& op, ParameterKind kind) {
  std::vector<std::size_t> places = parameter_places(op, kind);
  std::erase_if(places, [&](std::size_t input) { return !is_constant(model, op, input); });
  return places;
}

struct Source {
  int tensor = 0;
  bool keeps_order = true;  ///< element i of what is read is made of its element i
};

// The constant of the file that folded operators only convert or move, value by value.
Source source_of(const Program& program, int tensor) {
  const Model& model = program.model();
  Source source{tensor};
  for (std::size_t i = model.operators.size(); i-- > 0;) {
    const Operator& op = model.operators[i];
    if (!program.is_folded(i) || op.outputs[0] != source.tensor) continue;
    switch (op.kind) {
      case OperatorKind::transpose: source.keeps_order = false; break;
      case OperatorKind::cast:
      case OperatorKind::dequantize:
      case OperatorKind::expand_dims:
      case OperatorKind::quantize:
      case OperatorKind::reshape:
      case OperatorKind::squeeze: break;
      default: continue;
    }
    source.tensor = op.inputs[0];
  }
  return source;
}

bool is_written(const Model& model, int tensor) {
  return std::ranges::any_of(model.operators, [&](const Operator& op) {
    return std::ranges::find(op.outputs, tensor) != op.outputs.end();
  });
}

// Operators read their outputs' channels along one dimension of the weights, from the fastest one on.
struct ChannelPlace {
  std::size_t channels = 1;
  std::size_t stride = 1;
};

ChannelPlace along(const std::vector<int>& shape, std::size_t dimension) {
  ChannelPlace place{static_cast<std::size_t>(shape[dimension]), 1};
  for (std::size_t d = dimension + 1; d < shape.size(); ++d)
    place.stride *= static_cast<std::size_t>(shape[d]);
  return place;
}

ChannelPlace channels_of(const Operator& op, std::size_t input, ParameterKind kind,
                         const std::vector<int>& shape) {
  if (shape.empty()) return {};
  const std::size_t last = shape.size() - 1;
  const bool is_last = kind == ParameterKind::biases || op.kind == OperatorKind::depthwise_conv_2d ||
                       op.kind == OperatorKind::prelu;
  if (is_last) return along(shape, last);
  if (op.kind != OperatorKind::batch_matmul) return along(shape, 0);
  // Rows of the first operand and columns of the second one become those of the product.
  const auto& options = std::get<BatchMatMulOptions>(op.options);
  const bool is_fastest = input == 0 ? options.transpose_a : !options.transpose_b;
  return along(shape, is_fastest || last == 0 ? last : last - 1);
}

bool is_same_memory(const Model& model, int a, int b) {
  return tensor_of(model, a).is_constant && tensor_of(model, b).is_constant &&
         tensor_of(model, a).data.data() == tensor_of(model, b).data.data();
}

// Shapes, axes and the like: whole numbers that no layer adds as its bias.
bool is_argument(const Model& model, int tensor) {
  const TensorType type = tensor_of(model, tensor).type;
  if (type != TensorType::int32 && type != TensorType::int64 && type != TensorType::boolean) return false;
  return std::ranges::none_of(model.operators, [&](const Operator& op) {
    return std::ranges::any_of(parameter_inputs(model, op, ParameterKind::biases),
                               [&](std::size_t input) { return op.inputs[input] == tensor; });
  });
}

std::vector<int> tensors_beside(const Model& model, int tensor) {
  std::vector<int> tensors = {tensor};
  for (int other = 0; other < static_cast<int>(model.tensors.size()); ++other)
    if (other != tensor && is_same_memory(model, tensor, other) && !is_argument(model, other))
      tensors.push_back(other);
  return tensors;
}

}  // namespace

std::vector<StoredParameters> stored_parameters(const Program& program, ParameterKind kind) {
  const Model& model = program.model();
  std::vector<StoredParameters> memories;
  for (std::size_t i = 0; i < model.operators.size(); ++i) {
    if (program.is_folded(i)) continue;
    const Operator& op = model.operators[i];
    for (const std::size_t input : parameter_inputs(model, op, kind)) {
      const Source source = source_of(program, op.inputs[input]);
      const auto known = std::ranges::find_if(memories, [&](const StoredParameters& memory) {
        return is_same_memory(model, memory.tensors[0], source.tensor);
      });
      if (known != memories.end()) {
        if (known->operators.back() != i) known->operators.push_back(i);
        continue;
      }
      ChannelPlace place;
      if (source.keeps_order) place = channels_of(op, input, kind, tensor_of(model, op.inputs[input]).shape);
      memories.push_back({{i}, tensors_beside(model, source.tensor), place.channels, place.stride});
    }
  }
  return memories;
}

std::vector<OtherConstant> other_constants(const Program& program) {
  const Model& model = program.model();
  std::vector<int> known;
  for (const ParameterKind kind : {ParameterKind::weights, ParameterKind::biases})
    for (const StoredParameters& memory : stored_parameters(program, kind))
      known.push_back(memory.tensors[0]);
  std::vector<OtherConstant> constants;
  for (std::size_t i = 0; i < model.operators.size(); ++i)
    for (std::size_t k = 0; k < model.operators[i].inputs.size(); ++k) {
      const int tensor = model.operators[i].inputs[k];
      if (!is_constant(model, model.operators[i], k) || is_written(model, tensor)) continue;
      const bool is_known =
          std::ranges::any_of(known, [&](int other) { return is_same_memory(model, tensor, other); });
      if (is_argument(model, tensor) || is_known) continue;
      known.push_back(tensor);
      constants.push_back({i, tensor});
    }
  return constants;
}

}  // namespace qfi
