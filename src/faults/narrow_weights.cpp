// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/narrow_weights.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace qfi {
namespace {

// A fraction that a channel's codes are multiplied with. Precondition of both: > 0.
struct Ratio {
  std::int64_t numerator = 1;
  std::int64_t denominator = 1;

  // Halves away from zero. Precondition: |value| < 2^55.
  std::int64_t scaled(std::int64_t value) const {
    const std::int64_t magnitude = (2 * std::abs(value) * numerator + denominator) / (2 * denominator);
    return value < 0 ? -magnitude : magnitude;
  }
  float scale(float old) const {
    return static_cast<float>(double{old} * static_cast<double>(denominator) /
                              static_cast<double>(numerator));
  }
};

template <class T>
std::vector<T> values_of(const Tensor& tensor) {
  std::vector<T> values(tensor.elements());
  std::memcpy(values.data(), tensor.data.data(), tensor.bytes());
  return values;
}

// Weights lie [channel][..], those of DEPTHWISE_CONV_2D [..][channel].
class Channels {
 public:
  Channels(const Tensor& weights, bool is_depthwise)
      : m_is_depthwise(is_depthwise),
        m_count(static_cast<std::size_t>(is_depthwise ? weights.shape.back() : weights.shape.front())),
        m_per_channel(weights.elements() / m_count) {}
  std::size_t count() const { return m_count; }
  std::size_t of(std::size_t element) const {
    return m_is_depthwise ? element % m_count : element / m_per_channel;
  }

 private:
  bool m_is_depthwise;
  std::size_t m_count;
  std::size_t m_per_channel;
};

// A copy of a constant with other values and scales, one per channel; the operator's input from now on.
template <class T>
void replace_input(Model& model, int& input, const std::vector<T>& values,
                   const std::vector<Ratio>& ratio_of_channel, int axis) {
  const auto bytes = std::as_bytes(std::span(values));
  model.folded.push_back(std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end()));
  Tensor tensor = model.tensors[static_cast<std::size_t>(input)];
  tensor.data = *model.folded.back();
  if (!tensor.quantization.scales.empty()) {
    Quantization quantization;
    quantization.axis = axis;
    for (std::size_t c = 0; c < ratio_of_channel.size(); ++c) {
      const auto& old = tensor.quantization;
      quantization.scales.push_back(ratio_of_channel[c].scale(old.scales[old.scales.size() == 1 ? 0 : c]));
      quantization.zero_points.push_back(0);
    }
    tensor.quantization = std::move(quantization);
  }
  input = static_cast<int>(model.tensors.size());
  model.tensors.push_back(std::move(tensor));
}

template <class T>
Result<void> narrow_bias(Model& model, int& input, const std::vector<Ratio>& ratio_of_channel) {
  const Tensor& bias = model.tensors[static_cast<std::size_t>(input)];
  std::vector<T> values = values_of<T>(bias);
  if (values.size() != ratio_of_channel.size())
    return bad_input("bias '{}' does not have one value per channel", bias.name);
  for (std::size_t c = 0; c < values.size(); ++c) {
    constexpr std::int64_t k_most = std::int64_t{1} << 50;
    if (std::int64_t{values[c]} > k_most || std::int64_t{values[c]} < -k_most)
      return bad_input("bias '{}': {} is too large", bias.name, values[c]);
    const std::int64_t scaled = ratio_of_channel[c].scaled(values[c]);
    if (scaled > std::numeric_limits<T>::max() || scaled < std::numeric_limits<T>::min())
      return bad_input("bias '{}': {} becomes {}, too large for its type", bias.name, values[c], scaled);
    values[c] = static_cast<T>(scaled);
  }
  replace_input(model, input, values, ratio_of_channel, 0);
  return {};
}

Result<void> narrow(Model& model, Operator& op, int width) {
  const bool is_depthwise = op.kind == OperatorKind::depthwise_conv_2d;
  const bool is_layer = is_depthwise || op.kind == OperatorKind::conv_2d ||
                        op.kind == OperatorKind::transpose_conv || op.kind == OperatorKind::fully_connected;
  if (!is_layer || op.inputs.size() < 2 || op.inputs[1] == k_no_tensor) return bad_input("it has no weights");
  const Tensor& weights = model.tensors[static_cast<std::size_t>(op.inputs[1])];
  if (!weights.is_constant || weights.type != TensorType::int8 || weights.shape.empty())
    return bad_input("weights '{}' are not constant INT8 numbers", weights.name);
  const Channels channels(weights, is_depthwise);
  const std::size_t scales = weights.quantization.scales.size();
  if (scales != 1 && scales != channels.count())
    return bad_input("weights '{}' have {} scales for {} channels", weights.name, scales, channels.count());

  std::vector<std::int8_t> codes = values_of<std::int8_t>(weights);
  std::vector<std::int64_t> largest(channels.count(), 0);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    std::int64_t& of_channel = largest[channels.of(i)];
    of_channel = std::max<std::int64_t>(of_channel, std::abs(int{codes[i]}));
  }
  std::vector<Ratio> ratio_of_channel;
  for (const std::int64_t most : largest)
    ratio_of_channel.push_back(most == 0 ? Ratio{} : Ratio{(std::int64_t{1} << (width - 1)) - 1, most});
  for (std::size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<std::int8_t>(ratio_of_channel[channels.of(i)].scaled(codes[i]));

  // The bias first: an error leaves the operator as it was.
  const std::size_t bias = op.kind == OperatorKind::transpose_conv ? 3 : 2;
  if (bias < op.inputs.size() && op.inputs[bias] != k_no_tensor) {
    const TensorType type = model.tensors[static_cast<std::size_t>(op.inputs[bias])].type;
    if (type == TensorType::int32)
      QFI_CHECK(narrow_bias<std::int32_t>(model, op.inputs[bias], ratio_of_channel));
    else if (type == TensorType::int64)
      QFI_CHECK(narrow_bias<std::int64_t>(model, op.inputs[bias], ratio_of_channel));
    else return bad_input("its bias is {}", name_of(type));
  }
  replace_input(model, op.inputs[1], codes, ratio_of_channel, is_depthwise ? 3 : 0);
  return {};
}

}  // namespace

Result<void> narrow_weights(Model& model, std::size_t operator_index, int width) {
  if (width < 3 || width > 7) return bad_input("weights are narrowed to 3 to 7 bits, not {}", width);
  if (auto done = narrow(model, model.operators[operator_index], width); !done)
    return at(operator_label(model, operator_index), done.error());
  return {};
}

}  // namespace qfi
