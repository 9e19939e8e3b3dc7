// SPDX-License-Identifier: Apache-2.0
#include "qfi/model/model.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "qfi/base/similar.hpp"

namespace qfi {

std::size_t size_of(TensorType type) {
  switch (type) {
    case TensorType::int8:
    case TensorType::uint8:
    case TensorType::boolean: return 1;
    case TensorType::int16: return 2;
    case TensorType::float32:
    case TensorType::int32: return 4;
    case TensorType::int64: return 8;
  }
  return 0;
}

const char* name_of(TensorType type) {
  switch (type) {
    case TensorType::float32: return "FLOAT32";
    case TensorType::int8: return "INT8";
    case TensorType::uint8: return "UINT8";
    case TensorType::int16: return "INT16";
    case TensorType::int32: return "INT32";
    case TensorType::int64: return "INT64";
    case TensorType::boolean: return "BOOL";
  }
  return "";
}

std::size_t Tensor::elements() const {
  std::size_t count = 1;
  for (const int dimension : shape) count *= static_cast<std::size_t>(dimension);
  return count;
}

std::optional<LayerInputs> layer_inputs(OperatorKind kind) {
  switch (kind) {
    case OperatorKind::conv_2d:
    case OperatorKind::depthwise_conv_2d:
    case OperatorKind::fully_connected: return LayerInputs{};
    case OperatorKind::transpose_conv: return LayerInputs{2, 1, 3};  // input 0 is the output's shape
    default: return std::nullopt;
  }
}

Result<int> find_tensor(const Model& model, const std::string& name_or_index) {
  const auto named = std::ranges::find(model.tensors, name_or_index, &Tensor::name);
  if (named != model.tensors.end()) return static_cast<int>(named - model.tensors.begin());
  int index = -1;
  const char* last = name_or_index.data() + name_or_index.size();
  const auto parsed = std::from_chars(name_or_index.data(), last, index);
  if (parsed.ec == std::errc() && parsed.ptr == last && index >= 0 && index < std::ssize(model.tensors))
    return index;
  std::vector<std::string> names;
  for (const Tensor& tensor : model.tensors) names.push_back(tensor.name);
  const auto guess = most_similar(name_or_index, names);
  return bad_input("the model has no tensor '{}'{}", name_or_index,
                   guess ? "; did you mean '" + *guess + "'?" : "");
}

bool is_computed(const Model& model, int tensor) {
  const auto has = [&](const std::vector<int>& list) {
    return std::ranges::find(list, tensor) != list.end();
  };
  return has(model.inputs) ||
         std::ranges::any_of(model.operators, [&](const Operator& op) { return has(op.outputs); });
}

std::string operator_label(const Model& model, std::size_t index) {
  const Operator& op = model.operators[index];
  std::string label = fmt::format("{} (operator {})", name_of(op.kind), index);
  if (op.outputs.empty()) return label;
  constexpr std::size_t k_most = 100;
  return label + " -> '" + model.tensors[static_cast<std::size_t>(op.outputs[0])].name.substr(0, k_most) +
         "'";
}

}  // namespace qfi
