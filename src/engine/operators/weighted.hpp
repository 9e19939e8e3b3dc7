// SPDX-License-Identifier: Apache-2.0
// Reading of the operators that multiply weights, common to 8-bit, 16-bit and float activations.
#pragma once

#include <cstring>
#include <vector>

#include "../kernel.hpp"

namespace qfi {

/// CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV or FULLY_CONNECTED: which input is what, and the shape.
struct WeightedOperator {
  std::size_t data = 0;
  std::size_t bias = 2;  ///< may be left out; weights are input 1
  int channel_axis = 0;  ///< of the weights
  Activation activation = Activation::none;
  bool accumulates_in_32_bits = false;  ///< INT16 activations only
  ConvolutionShape shape;

  std::size_t channels() const { return static_cast<std::size_t>(shape.out_c); }
};

/// Checks counts, constants and shapes, not types.
Result<WeightedOperator> read_weighted(const OperatorView& view);

/// The weights in the order [out_c][filter_h][filter_w][group_in_c].
template <class T>
std::vector<T> weights_by_channel(const OperatorView& view, const WeightedOperator& op) {
  const Tensor& tensor = view.input(1);
  std::vector<T> weights(tensor.elements());
  std::memcpy(weights.data(), tensor.data.data(), weights.size() * sizeof(T));
  if (op.channel_axis == 0) return weights;
  // DEPTHWISE_CONV_2D: [tap][channel] in the file.
  const std::size_t taps = op.shape.taps();
  const std::size_t channels = op.channels();
  std::vector<T> by_channel(weights.size());
  for (std::size_t tap = 0; tap < taps; ++tap)
    for (std::size_t c = 0; c < channels; ++c) by_channel[c * taps + tap] = weights[tap * channels + c];
  return by_channel;
}

/// The bias, zeros where it is left out. Error: it is not out_c constants of T's type.
template <class T>
Result<std::vector<T>> read_bias(const OperatorView& view, const WeightedOperator& op, TensorType type) {
  std::vector<T> bias(op.channels(), T{0});
  if (!view.has_input(op.bias)) return bias;
  const Tensor& tensor = view.input(op.bias);
  if (!tensor.is_constant || tensor.type != type || tensor.elements() != bias.size())
    return bad_input("bias '{}' is not {} constant {} numbers", tensor.name, bias.size(), name_of(type));
  std::memcpy(bias.data(), tensor.data.data(), bias.size() * sizeof(T));
  return bias;
}

/// Scales, zero point and clamping of quantized activations.
Result<Requantizer> read_requantizer(const OperatorView& view, const WeightedOperator& op);

/// Each file prepares one kind of activations.
PreparedKernel prepare_weighted_8_bit(const OperatorView& view, const WeightedOperator& op,
                                      KernelSet kernels);
PreparedKernel prepare_weighted_16_bit(const OperatorView& view, const WeightedOperator& op);
PreparedKernel prepare_weighted_float(const OperatorView& view, const WeightedOperator& op);

}  // namespace qfi
