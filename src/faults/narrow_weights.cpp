// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/narrow_weights.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "qfi/model/stored_value.hpp"

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
  double scale(float old) const {
    return double{old} * static_cast<double>(denominator) / static_cast<double>(numerator);
  }
};

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

// One scale per channel, each as the channel's ratio asks.
Result<Quantization> narrowed(const Tensor& tensor, const std::vector<Ratio>& ratio_of_channel, int axis) {
  const std::vector<float>& old = tensor.quantization.scales;
  if (old.empty()) return Quantization{};
  Quantization quantization;
  quantization.axis = axis;
  for (std::size_t c = 0; c < ratio_of_channel.size(); ++c) {
    const double scale = ratio_of_channel[c].scale(old[old.size() == 1 ? 0 : c]);
    const bool is_pruned = scale == 0.0;  // its scale was 0 before
    if ((!is_pruned && scale < double{std::numeric_limits<float>::min()}) ||
        scale > double{std::numeric_limits<float>::max()})
      return bad_input("'{}': the scale of channel {} becomes {}, out of range", tensor.name, c, scale);
    quantization.scales.push_back(static_cast<float>(scale));
    quantization.zero_points.push_back(0);
  }
  return quantization;
}

// A constant with no zero point, with one scale or one per channel along `axis`.
Result<void> check(const Tensor& tensor, TensorType type, std::size_t channels, std::size_t axis,
                   std::size_t dimensions) {
  const Quantization& quantization = tensor.quantization;
  if (!tensor.is_constant || tensor.type != type)
    return bad_input("'{}' is not a constant of {}", tensor.name, name_of(type));
  if (tensor.shape.size() != dimensions || static_cast<std::size_t>(tensor.shape[axis]) != channels)
    return bad_input("'{}' has the shape {}", tensor.name, fmt::join(tensor.shape, "x"));
  if (std::ranges::any_of(quantization.zero_points, [](int zero) { return zero != 0; }))
    return bad_input("'{}' has a zero point other than 0", tensor.name);
  const bool is_per_channel =
      quantization.scales.size() == channels && static_cast<std::size_t>(quantization.axis) == axis;
  if (quantization.scales.size() > 1 && !is_per_channel)
    return bad_input("'{}' has {} scales for {} channels", tensor.name, quantization.scales.size(), channels);
  return {};
}

// A constant with other values and scales, the operator's input from now on: in the place of the old one, or
// a tensor of its own where others read that.
template <class T>
void replace_input(Model& model, int& input, const std::vector<T>& values, Quantization quantization) {
  const auto bytes = std::as_bytes(std::span(values));
  model.folded.push_back(std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end()));
  Tensor tensor = model.tensors[static_cast<std::size_t>(input)];
  tensor.data = *model.folded.back();
  tensor.quantization = std::move(quantization);
  std::ptrdiff_t readers = 0;
  for (const Operator& op : model.operators) readers += std::ranges::count(op.inputs, input);
  if (readers == 1 && std::ranges::find(model.outputs, input) == model.outputs.end()) {
    model.tensors[static_cast<std::size_t>(input)] = std::move(tensor);
    return;
  }
  input = static_cast<int>(model.tensors.size());
  model.tensors.push_back(std::move(tensor));
}

template <class T>
Result<void> narrow_bias(Model& model, int& input, TensorType type,
                         const std::vector<Ratio>& ratio_of_channel) {
  const Tensor& bias = model.tensors[static_cast<std::size_t>(input)];
  QFI_CHECK(check(bias, type, ratio_of_channel.size(), 0, 1));
  QFI_TRY(Quantization quantization, narrowed(bias, ratio_of_channel, 0));
  std::vector<T> values = typed_values<T>(bias.data);
  for (std::size_t c = 0; c < values.size(); ++c) {
    constexpr std::int64_t k_most = std::int64_t{1} << 50;
    if (std::int64_t{values[c]} > k_most || std::int64_t{values[c]} < -k_most)
      return bad_input("'{}': {} is too large", bias.name, values[c]);
    const std::int64_t scaled = ratio_of_channel[c].scaled(values[c]);
    if (scaled > std::numeric_limits<T>::max() || scaled < std::numeric_limits<T>::min())
      return bad_input("'{}': {} becomes {}, too large for its type", bias.name, values[c], scaled);
    values[c] = static_cast<T>(scaled);
  }
  replace_input(model, input, values, std::move(quantization));
  return {};
}

// What each channel's codes are multiplied with.
std::vector<Ratio> ratios(const std::vector<std::int8_t>& codes, const Channels& channels, int width) {
  std::vector<std::int64_t> largest(channels.count(), 0);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    std::int64_t& of_channel = largest[channels.of(i)];
    of_channel = std::max<std::int64_t>(of_channel, std::abs(int{codes[i]}));
  }
  std::vector<Ratio> ratio_of_channel;
  for (const std::int64_t most : largest)
    ratio_of_channel.push_back(most == 0 ? Ratio{} : Ratio{(std::int64_t{1} << (width - 1)) - 1, most});
  return ratio_of_channel;
}

Result<void> narrow(Model& model, Operator& op, int width) {
  const bool is_depthwise = op.kind == OperatorKind::depthwise_conv_2d;
  const bool is_connected = op.kind == OperatorKind::fully_connected;
  const std::optional<LayerInputs> inputs = layer_inputs(op.kind);
  const auto has = [&](std::size_t k) { return k < op.inputs.size() && op.inputs[k] != k_no_tensor; };
  if (!inputs || !has(inputs->weights)) return bad_input("it has no weights");
  const Tensor& weights = model.tensors[static_cast<std::size_t>(op.inputs[inputs->weights])];
  const std::size_t dimensions = is_connected ? 2 : 4;
  const std::size_t axis = is_depthwise ? 3 : 0;
  const int outputs = weights.shape.size() == dimensions ? weights.shape[axis] : 0;
  QFI_CHECK(check(weights, TensorType::int8, static_cast<std::size_t>(outputs), axis, dimensions));
  const Channels channels(weights, is_depthwise);
  std::vector<std::int8_t> codes = typed_values<std::int8_t>(weights.data);
  const std::vector<Ratio> ratio_of_channel = ratios(codes, channels, width);
  QFI_TRY(Quantization quantization, narrowed(weights, ratio_of_channel, static_cast<int>(axis)));
  for (std::size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<std::int8_t>(ratio_of_channel[channels.of(i)].scaled(codes[i]));

  // The bias first, and the weights when nothing can fail any more: an error leaves the operator whole.
  if (has(inputs->bias)) {
    int& bias = op.inputs[inputs->bias];
    const bool is_64 = model.tensors[static_cast<std::size_t>(bias)].type == TensorType::int64;
    QFI_CHECK(is_64 ? narrow_bias<std::int64_t>(model, bias, TensorType::int64, ratio_of_channel)
                    : narrow_bias<std::int32_t>(model, bias, TensorType::int32, ratio_of_channel));
  }
  replace_input(model, op.inputs[inputs->weights], codes, std::move(quantization));
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
