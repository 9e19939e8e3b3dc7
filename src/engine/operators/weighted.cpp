// SPDX-License-Identifier: Apache-2.0
#include "weighted.hpp"

namespace qfi {
namespace {

// The output of a transposed convolution has the shape that input 0 says; the window slides over that and
// gives its input.
Result<WindowGeometry> transposed_geometry(const OperatorView& view, const ConvolutionShape& shape) {
  if (view.input(0).is_constant) {
    QFI_TRY(const std::vector<std::int64_t> output, view.constant_integers(0));
    QFI_CHECK(view.set_output_shape(output));
  }
  const std::vector<int>& out = view.output().shape;
  const std::vector<int>& in = view.input(2).shape;
  QFI_TRY(const WindowGeometry window,
          window_geometry(view.options<WindowOptions>(), out, shape.filter_h, shape.filter_w));
  if (in[0] != out[0] || in[1] != window.out_h || in[2] != window.out_w)
    return bad_input("an output of {} needs an input of {}x{}x{}, not of {}", fmt::join(out, "x"), out[0],
                     window.out_h, window.out_w, fmt::join(in, "x"));
  return window;
}

// `channels`: of the output, as the weights say.
Result<void> set_windows(const OperatorView& view, int channels, WeightedOperator& op) {
  const auto& options = view.options<WindowOptions>();
  const Tensor& input = view.input(op.data);
  const Tensor& weights = view.input(1);
  ConvolutionShape& shape = op.shape;
  shape.filter_h = weights.shape[1];
  shape.filter_w = weights.shape[2];
  if (input.shape.size() != 4) return bad_input("input and output must have 4 dimensions");
  WindowGeometry window;
  if (shape.is_transposed) {
    QFI_TRY(window, transposed_geometry(view, shape));
  } else {
    QFI_TRY(window, window_geometry(options, input.shape, shape.filter_h, shape.filter_w));
    QFI_CHECK(view.set_output_shape(std::vector<int>{input.shape[0], window.out_h, window.out_w, channels}));
  }
  const Tensor& output = view.output();
  shape.planes = input.shape[0];
  shape.in_h = input.shape[1];
  shape.in_w = input.shape[2];
  shape.in_c = input.shape[3];
  shape.out_h = output.shape[1];
  shape.out_w = output.shape[2];
  shape.out_c = output.shape[3];
  shape.stride_h = options.stride_h;
  shape.stride_w = options.stride_w;
  shape.dilation_h = options.dilation_h;
  shape.dilation_w = options.dilation_w;
  shape.pad_h = window.pad_h;
  shape.pad_w = window.pad_w;
  op.activation = options.activation;
  op.accumulates_in_32_bits = options.accumulates_in_32_bits;
  return {};
}

Result<void> check_weights_are_windows(const Tensor& weights) {
  if (weights.shape.size() != 4) return bad_input("weights '{}' must have 4 dimensions", weights.name);
  return {};
}

Result<void> set_convolution(const OperatorView& view, WeightedOperator& op) {
  const Tensor& weights = view.input(1);
  QFI_CHECK(check_weights_are_windows(weights));
  QFI_CHECK(set_windows(view, weights.shape[0], op));
  ConvolutionShape& shape = op.shape;
  if (weights.shape[0] != shape.out_c || shape.in_c % weights.shape[3] != 0)
    return bad_input("weights do not match the channels");
  shape.groups = shape.in_c / weights.shape[3];
  if (shape.out_c % shape.groups != 0)
    return bad_input("{} output channels do not divide into {} groups", shape.out_c, shape.groups);
  if (shape.is_transposed && shape.groups != 1) return bad_input("weights do not match the channels");
  return {};
}

Result<void> set_depthwise(const OperatorView& view, WeightedOperator& op) {
  const Tensor& weights = view.input(1);
  QFI_CHECK(check_weights_are_windows(weights));
  QFI_CHECK(set_windows(view, weights.shape[3], op));
  ConvolutionShape& shape = op.shape;
  if (weights.shape[0] != 1 || weights.shape[3] != shape.out_c || shape.out_c % shape.in_c != 0)
    return bad_input("weights do not match the channels");
  shape.groups = shape.in_c;
  op.channel_axis = 3;
  return {};
}

Result<void> set_fully_connected(const OperatorView& view, WeightedOperator& op) {
  const Tensor& weights = view.input(1);
  if (weights.shape.size() != 2) return bad_input("weights '{}' must have 2 dimensions", weights.name);
  ConvolutionShape& shape = op.shape;
  shape.out_c = weights.shape[0];
  shape.in_c = weights.shape[1];
  const std::size_t elements = view.input(0).elements();
  const std::size_t rows = elements / static_cast<std::size_t>(shape.in_c);
  if (rows * static_cast<std::size_t>(shape.in_c) != elements)
    return bad_input("its input does not match weights of {}x{}", shape.out_c, shape.in_c);
  const auto& options = view.options<ActivationOptions>();
  if (rows * op.channels() != view.output().elements()) {
    std::vector<int> rows_of_output{static_cast<int>(rows)};
    if (options.keeps_dimensions && !view.input(0).shape.empty())
      rows_of_output.assign(view.input(0).shape.begin(), view.input(0).shape.end() - 1);
    rows_of_output.push_back(shape.out_c);
    QFI_CHECK(view.set_output_shape(rows_of_output));
  }
  shape.planes = static_cast<int>(rows);
  op.activation = options.activation;
  op.accumulates_in_32_bits = options.accumulates_in_32_bits;
  return {};
}

// The real factor of each channel, scale_x * scale_w / scale_y, in the arithmetic of the runtime:
// doubles, except that UINT8 convolutions multiply the first two as floats.
Result<std::vector<double>> factors(const OperatorView& view, const WeightedOperator& op,
                                    bool product_in_float) {
  const float input = view.input(op.data).quantization.scales[0];
  const float output = view.output().quantization.scales[0];
  const auto& weights = view.input(1).quantization.scales;
  std::vector<double> result;
  for (std::size_t c = 0; c < op.channels(); ++c) {
    const float weight = weights.size() == 1 ? weights[0] : weights[c];
    const double product = product_in_float ? double{input * weight} : double{input} * double{weight};
    result.push_back(product / double{output});
    if (!(result.back() < 2147483647.0)) return bad_input("its scales give a factor of {}", result.back());
  }
  return result;
}

Result<void> check_weights(const OperatorView& view, const WeightedOperator& op) {
  const Tensor& input = view.input(op.data);
  const Tensor& weights = view.input(1);
  const auto& quantization = weights.quantization;
  const TensorType expected = input.type == TensorType::uint8 ? TensorType::uint8 : TensorType::int8;
  if (weights.type != expected)
    return bad_input("weights '{}' are {}, the input {}", weights.name, name_of(weights.type),
                     name_of(input.type));
  if (quantization.scales.empty()) return bad_input("weights '{}' are not quantized", weights.name);
  const bool is_symmetric = std::ranges::all_of(quantization.zero_points, [](int zero) { return zero == 0; });
  if (weights.type == TensorType::int8 && !is_symmetric)
    return bad_input("INT8 weights '{}' have a zero point other than 0", weights.name);
  if (weights.type == TensorType::uint8 && quantization.scales.size() != 1)
    return bad_input("UINT8 weights '{}' have more than one scale", weights.name);
  const bool is_per_channel =
      quantization.axis == op.channel_axis && quantization.scales.size() == op.channels();
  if (quantization.scales.size() != 1 && !is_per_channel)
    return bad_input("weights '{}' have {} scales along dimension {} instead of {} along {}", weights.name,
                     quantization.scales.size(), quantization.axis, op.channels(), op.channel_axis);
  return {};
}

}  // namespace

Result<WeightedOperator> read_weighted(const OperatorView& view) {
  const OperatorKind kind = view.op().kind;
  const LayerInputs inputs = *layer_inputs(kind);
  WeightedOperator op;
  op.data = inputs.data;
  op.bias = inputs.bias;
  op.shape.is_transposed = kind == OperatorKind::transpose_conv;
  QFI_CHECK(view.check_counts(std::max<std::size_t>(op.data, 1) + 1, op.bias + 1));
  if (view.input(op.data).is_constant)
    return bad_input("its data input '{}' is a constant", view.input(op.data).name);
  if (!view.input(1).is_constant) return bad_input("weights '{}' are not a constant", view.input(1).name);
  switch (kind) {
    case OperatorKind::fully_connected: QFI_CHECK(set_fully_connected(view, op)); break;
    case OperatorKind::depthwise_conv_2d: QFI_CHECK(set_depthwise(view, op)); break;
    default: QFI_CHECK(set_convolution(view, op));
  }
  return op;
}

Result<Requantizer> read_requantizer(const OperatorView& view, const WeightedOperator& op) {
  QFI_CHECK(check_weights(view, op));
  Requantizer requantizer;
  if (view.op().kind == OperatorKind::fully_connected) {
    // The reference kernel rounds acc * factor in double precision.
    QFI_TRY(requantizer.real, factors(view, op, false));
  } else {
    QFI_TRY(const std::vector<double> real, factors(view, op, view.input(op.data).type == TensorType::uint8));
    for (const double factor : real) requantizer.fixed_point.push_back(quantize_multiplier(factor));
  }
  QFI_TRY(const ActivationRange range, activation_range(op.activation, view.output()));
  requantizer.zero_point = view.output().quantization.zero_points[0];
  requantizer.min = range.min;
  requantizer.max = range.max;
  return requantizer;
}

PreparedKernel prepare_weighted(const OperatorView& view, KernelSet kernels) {
  using Type = TensorType;
  QFI_TRY(const WeightedOperator op, read_weighted(view));
  QFI_CHECK(view.check_types(op.data, {Type::int8, Type::uint8, Type::int16, Type::float32}));
  switch (view.output().type) {
    case Type::float32: return prepare_weighted_float(view, op);
    case Type::int16: return prepare_weighted_16_bit(view, op);
    default: return prepare_weighted_8_bit(view, op, kernels);
  }
}

}  // namespace qfi
