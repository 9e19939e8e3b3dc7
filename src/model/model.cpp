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

const char* name_of(OperatorKind kind) {
  switch (kind) {
    case OperatorKind::add: return "ADD";
    case OperatorKind::average_pool_2d: return "AVERAGE_POOL_2D";
    case OperatorKind::conv_2d: return "CONV_2D";
    case OperatorKind::depthwise_conv_2d: return "DEPTHWISE_CONV_2D";
    case OperatorKind::dequantize: return "DEQUANTIZE";
    case OperatorKind::fully_connected: return "FULLY_CONNECTED";
    case OperatorKind::max_pool_2d: return "MAX_POOL_2D";
    case OperatorKind::mean: return "MEAN";
    case OperatorKind::pad: return "PAD";
    case OperatorKind::quantize: return "QUANTIZE";
    case OperatorKind::relu: return "RELU";
    case OperatorKind::relu6: return "RELU6";
    case OperatorKind::reshape: return "RESHAPE";
    case OperatorKind::softmax: return "SOFTMAX";
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
  for (const int output : op.outputs)
    label += " -> '" + model.tensors[static_cast<std::size_t>(output)].name + "'";
  return label;
}

}  // namespace qfi
