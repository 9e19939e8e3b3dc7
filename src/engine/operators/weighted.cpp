// SPDX-License-Identifier: Apache-2.0
// CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED: the operators that multiply weights.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "../kernel.hpp"

namespace qfi {
namespace {

class WeightedKernel final : public Kernel {
 public:
  WeightedKernel(MultiplyAccumulate op, MultiplyAccumulateFunction function)
      : m_op(std::move(op)), m_function(function) {}
  void run(const KernelCall& call) const override {
    m_function(m_op, call.images * static_cast<std::size_t>(m_op.shape.planes),
               call.input<std::uint8_t>(0, 0), call.out<std::uint8_t>(0), call.table, call.padding,
               *call.scratch);
  }
  const MultiplyAccumulate* multiply_accumulate() const override { return &m_op; }

 private:
  MultiplyAccumulate m_op;
  MultiplyAccumulateFunction m_function;
};

PreparedKernel make_kernel(MultiplyAccumulate op, KernelSet kernels) {
  return std::make_unique<WeightedKernel>(std::move(op), kernels == KernelSet::reference
                                                             ? multiply_accumulate_reference
                                                             : multiply_accumulate_portable);
}

// Types and zero points; weights as bytes in the file's order; bias.
Result<void> read_operands(const OperatorView& view, MultiplyAccumulate& op) {
  QFI_CHECK(view.check_counts(2, 3));
  QFI_CHECK(view.check_8_bit(0));
  const Tensor& input = view.input(0);
  const Tensor& weights = view.input(1);
  if (input.is_constant) return bad_input("its data input '{}' is a constant", input.name);
  if (!weights.is_constant) return bad_input("weights '{}' are not a constant", weights.name);
  if (weights.type != input.type)
    return bad_input("weights '{}' are {}, the input {}", weights.name, name_of(weights.type),
                     name_of(input.type));
  const auto& quantization = weights.quantization;
  if (quantization.scales.empty()) return bad_input("weights '{}' are not quantized", weights.name);
  const bool is_symmetric = std::ranges::all_of(quantization.zero_points, [](int zero) { return zero == 0; });
  if (weights.type == TensorType::int8 && !is_symmetric)
    return bad_input("INT8 weights '{}' have a zero point other than 0", weights.name);
  if (weights.type == TensorType::uint8 && quantization.scales.size() != 1)
    return bad_input("UINT8 weights '{}' have more than one scale", weights.name);
  op.codes = {code_type(input), quantization.zero_points[0], input.quantization.zero_points[0]};
  op.weights.resize(weights.elements());
  std::memcpy(op.weights.data(), weights.data.data(), op.weights.size());
  return {};
}

Result<void> read_bias(const OperatorView& view, std::size_t channels, MultiplyAccumulate& op) {
  op.bias.assign(channels, 0);
  if (!view.has_input(2)) return {};
  const Tensor& bias = view.input(2);
  if (!bias.is_constant || bias.type != TensorType::int32 || bias.elements() != channels)
    return bad_input("bias '{}' is not {} constant INT32 numbers", bias.name, channels);
  std::memcpy(op.bias.data(), bias.data.data(), channels * 4);
  return {};
}

Result<void> check_channel_scales(const Tensor& weights, int axis, std::size_t channels) {
  const auto& quantization = weights.quantization;
  if (quantization.scales.size() == 1 ||
      (quantization.axis == axis && quantization.scales.size() == channels))
    return {};
  return bad_input("weights '{}' have {} scales along dimension {} instead of {} along {}", weights.name,
                   quantization.scales.size(), quantization.axis, channels, axis);
}

// The real factor of each channel, scale_x * scale_w / scale_y, in the arithmetic of the runtime:
// doubles, except that UINT8 multiplies the first two as floats.
Result<std::vector<double>> factors(const OperatorView& view, std::size_t channels, bool product_in_float) {
  const float input = view.input(0).quantization.scales[0];
  const float output = view.output().quantization.scales[0];
  const auto& weights = view.input(1).quantization.scales;
  std::vector<double> result;
  for (std::size_t c = 0; c < channels; ++c) {
    const float weight = weights.size() == 1 ? weights[0] : weights[c];
    const double product = product_in_float ? double{input * weight} : double{input} * double{weight};
    result.push_back(product / double{output});
    if (!(result.back() < 2147483647.0)) return bad_input("its scales give a factor of {}", result.back());
  }
  return result;
}

Result<void> set_fixed_point(const OperatorView& view, std::size_t channels, Activation activation,
                             Requantizer& requantizer) {
  QFI_TRY(const std::vector<double> real, factors(view, channels, view.input(0).type == TensorType::uint8));
  for (const double factor : real) requantizer.fixed_point.push_back(quantize_multiplier(factor));
  QFI_TRY(const ActivationRange range, activation_range(activation, view.output()));
  requantizer.zero_point = view.output().quantization.zero_points[0];
  requantizer.min = range.min;
  requantizer.max = range.max;
  return {};
}

Result<void> set_windows(const OperatorView& view, ConvolutionShape& shape) {
  const auto& options = view.options<WindowOptions>();
  const Tensor& input = view.input(0);
  const Tensor& weights = view.input(1);
  if (weights.shape.size() != 4) return bad_input("weights '{}' must have 4 dimensions", weights.name);
  shape.filter_h = weights.shape[1];
  shape.filter_w = weights.shape[2];
  QFI_TRY(const WindowGeometry window,
          window_geometry(options, input, view.output(), shape.filter_h, shape.filter_w));
  shape.planes = input.shape[0];
  shape.in_h = input.shape[1];
  shape.in_w = input.shape[2];
  shape.in_c = input.shape[3];
  shape.out_h = window.out_h;
  shape.out_w = window.out_w;
  shape.out_c = view.output().shape[3];
  shape.stride_h = options.stride_h;
  shape.stride_w = options.stride_w;
  shape.dilation_h = options.dilation_h;
  shape.dilation_w = options.dilation_w;
  shape.pad_h = window.pad_h;
  shape.pad_w = window.pad_w;
  return {};
}

}  // namespace

PreparedKernel prepare_conv_2d(const OperatorView& view, KernelSet kernels) {
  MultiplyAccumulate op;
  QFI_CHECK(read_operands(view, op));
  QFI_CHECK(set_windows(view, op.shape));
  const Tensor& weights = view.input(1);
  ConvolutionShape& shape = op.shape;
  if (weights.shape[0] != shape.out_c || shape.in_c % weights.shape[3] != 0)
    return bad_input("weights do not match the channels");
  shape.groups = shape.in_c / weights.shape[3];
  if (shape.out_c % shape.groups != 0)
    return bad_input("{} output channels do not divide into {} groups", shape.out_c, shape.groups);
  const auto channels = static_cast<std::size_t>(shape.out_c);
  QFI_CHECK(check_channel_scales(weights, 0, channels));
  QFI_CHECK(read_bias(view, channels, op));
  QFI_CHECK(set_fixed_point(view, channels, view.options<WindowOptions>().activation, op.requantizer));
  return make_kernel(std::move(op), kernels);
}

PreparedKernel prepare_depthwise_conv_2d(const OperatorView& view, KernelSet kernels) {
  MultiplyAccumulate op;
  QFI_CHECK(read_operands(view, op));
  QFI_CHECK(set_windows(view, op.shape));
  const Tensor& weights = view.input(1);
  ConvolutionShape& shape = op.shape;
  if (weights.shape[0] != 1 || weights.shape[3] != shape.out_c || shape.out_c % shape.in_c != 0)
    return bad_input("weights do not match the channels");
  shape.groups = shape.in_c;
  const auto channels = static_cast<std::size_t>(shape.out_c);
  // [tap][channel] in the file, [channel][tap] here.
  const std::size_t taps = shape.taps();
  std::vector<std::uint8_t> by_channel(op.weights.size());
  for (std::size_t tap = 0; tap < taps; ++tap)
    for (std::size_t c = 0; c < channels; ++c) by_channel[c * taps + tap] = op.weights[tap * channels + c];
  op.weights = std::move(by_channel);
  QFI_CHECK(check_channel_scales(weights, 3, channels));
  QFI_CHECK(read_bias(view, channels, op));
  QFI_CHECK(set_fixed_point(view, channels, view.options<WindowOptions>().activation, op.requantizer));
  return make_kernel(std::move(op), kernels);
}

PreparedKernel prepare_fully_connected(const OperatorView& view, KernelSet kernels) {
  MultiplyAccumulate op;
  QFI_CHECK(read_operands(view, op));
  const Tensor& weights = view.input(1);
  if (weights.shape.size() != 2) return bad_input("weights '{}' must have 2 dimensions", weights.name);
  ConvolutionShape& shape = op.shape;
  shape.out_c = weights.shape[0];
  shape.in_c = weights.shape[1];
  const std::size_t elements = view.input(0).elements();
  const std::size_t rows = elements / static_cast<std::size_t>(shape.in_c);
  const auto channels = static_cast<std::size_t>(shape.out_c);
  if (rows * static_cast<std::size_t>(shape.in_c) != elements || rows * channels != view.output().elements())
    return bad_input("input and output do not match weights of {}x{}", shape.out_c, shape.in_c);
  shape.planes = static_cast<int>(rows);
  QFI_CHECK(check_channel_scales(weights, 0, channels));
  QFI_CHECK(read_bias(view, channels, op));
  // The reference kernel rounds acc * factor in double precision.
  QFI_TRY(op.requantizer.real, factors(view, channels, false));
  QFI_TRY(const ActivationRange range,
          activation_range(view.options<ActivationOptions>().activation, view.output()));
  op.requantizer.zero_point = view.output().quantization.zero_points[0];
  op.requantizer.min = range.min;
  op.requantizer.max = range.max;
  return make_kernel(std::move(op), kernels);
}

}  // namespace qfi
