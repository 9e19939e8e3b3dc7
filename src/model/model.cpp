// SPDX-License-Identifier: Apache-2.0
#include "qfi/model/model.hpp"

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

std::string operator_label(const Model& model, std::size_t index) {
  const Operator& op = model.operators[index];
  std::string label = fmt::format("{} (operator {})", name_of(op.kind), index);
  if (op.outputs.empty()) return label;
  constexpr std::size_t k_most = 100;
  return label + " -> '" + model.tensors[static_cast<std::size_t>(op.outputs[0])].name.substr(0, k_most) +
         "'";
}

}  // namespace qfi
