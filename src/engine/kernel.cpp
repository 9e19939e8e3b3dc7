// SPDX-License-Identifier: Apache-2.0
#include "kernel.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include "qfi/base/log.hpp"

namespace qfi {

void Kernel::run_range(const KernelCall&, std::size_t, std::size_t, std::size_t) const { assert(false); }

void Kernel::run_pixel(const KernelCall&, std::size_t, std::size_t, std::size_t, std::size_t) const {
  assert(false);
}

std::uint32_t Kernel::accumulator(const KernelCall&, std::size_t) const {
  assert(false);
  return 0;
}

void Kernel::store_accumulator(const KernelCall&, std::size_t, std::uint32_t) const { assert(false); }

namespace {

// The stored value of a real number, as the reference kernels find activation bounds: in float.
Result<std::int32_t> stored(float real, const Tensor& tensor) {
  const float steps = std::round(real / tensor.quantization.scales[0]);
  if (!(std::fabs(steps) < 2147483648.0F))
    return bad_input("output scale {} is too small for its activation", tensor.quantization.scales[0]);
  return wrapping_add(tensor.quantization.zero_points[0], static_cast<std::int32_t>(steps));
}

int output_size(Padding padding, int in, int filter, int stride) {
  return padding == Padding::same ? (in + stride - 1) / stride : (in - filter + stride) / stride;
}

}  // namespace

Result<void> OperatorView::check_counts(std::size_t required, std::size_t maximum,
                                        std::size_t outputs) const {
  if (m_op.inputs.size() > maximum)
    return bad_input("{} inputs, at most {} are supported", m_op.inputs.size(), maximum);
  for (std::size_t k = 0; k < required; ++k)
    if (!has_input(k)) return bad_input("input {} is missing", k);
  if (m_op.outputs.size() != outputs)
    return bad_input("{} outputs instead of {}", m_op.outputs.size(), outputs);
  return {};
}

Result<void> check_quantized(const Tensor& tensor) {
  if (tensor.quantization.scales.size() != 1)
    return bad_input("tensor '{}' has {} scales instead of 1", tensor.name,
                     tensor.quantization.scales.size());
  if (tensor.quantization.scales[0] == 0.0F)
    return bad_input("tensor '{}' has the scale 0, which only weights may have", tensor.name);
  if (tensor.type == TensorType::int16 && tensor.quantization.zero_points[0] != 0)
    return bad_input("INT16 tensor '{}' has the zero point {} instead of 0", tensor.name,
                     tensor.quantization.zero_points[0]);
  return {};
}

Result<void> OperatorView::check_types(std::size_t k, std::initializer_list<TensorType> types) const {
  const Tensor& tensor = input(k);
  if (std::ranges::find(types, tensor.type) == types.end()) {
    std::string names;
    for (const TensorType type : types) names += (names.empty() ? "" : ", ") + std::string(name_of(type));
    return bad_input("input '{}' is {}; supported here: {}", tensor.name, name_of(tensor.type), names);
  }
  if (tensor.type != output().type)
    return bad_input("input '{}' is {}, output {}", tensor.name, name_of(tensor.type),
                     name_of(output().type));
  if (tensor.type != TensorType::int8 && tensor.type != TensorType::uint8 && tensor.type != TensorType::int16)
    return {};
  QFI_CHECK(check_quantized(tensor));
  return check_quantized(output());
}

Result<void> OperatorView::set_shape(const std::vector<std::int64_t>& shape, std::size_t k) const {
  Tensor& tensor = m_model.tensors[static_cast<std::size_t>(m_op.outputs[k])];
  if (std::ranges::equal(tensor.shape, shape)) return {};
  constexpr std::int64_t k_most_elements = std::int64_t{1} << 31;
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) {
    if (size < 1 || size > k_most_elements / elements)
      return bad_input("its output '{}' would have the shape {}", tensor.name, fmt::join(shape, "x"));
    elements *= size;
  }
  if (!tensor.is_dynamic)
    log(LogLevel::warning,
        fmt::format("tensor '{}' has the shape {} in the file; its operator gives {}, which holds",
                    tensor.name, fmt::join(tensor.shape, "x"), fmt::join(shape, "x")));
  tensor.shape.assign(shape.begin(), shape.end());
  return {};
}

Result<std::vector<std::int64_t>> OperatorView::constant_integers(std::size_t k) const {
  const Tensor& tensor = input(k);
  if (!tensor.is_constant) return bad_input("input '{}' is not a constant", tensor.name);
  std::vector<std::int64_t> numbers(tensor.elements());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (tensor.type == TensorType::int64) {
      std::memcpy(&numbers[i], tensor.data.data() + i * 8, 8);
    } else if (tensor.type == TensorType::int32) {
      std::int32_t number = 0;
      std::memcpy(&number, tensor.data.data() + i * 4, 4);
      numbers[i] = number;
    } else {
      return bad_input("input '{}' is {} instead of INT32 or INT64", tensor.name, name_of(tensor.type));
    }
  }
  return numbers;
}

Result<std::size_t> dimension_index(std::int64_t axis, std::size_t dimensions) {
  const auto count = static_cast<std::int64_t>(dimensions);
  if (axis < -count || axis >= count) return bad_input("axis {} is out of range", axis);
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

Result<void> OperatorView::set_resized_shape(std::size_t k) const {
  const std::vector<int>& in = input(0).shape;
  if (in.size() != 4) return bad_input("input '{}' must have 4 dimensions", input(0).name);
  QFI_TRY(const std::vector<std::int64_t> size, constant_integers(k));
  if (size.size() != 2) return bad_input("its size '{}' is not height and width", input(k).name);
  return set_output_shape(std::vector<std::int64_t>{in[0], size[0], size[1], in[3]});
}

std::optional<int> power_of_two(float scale) {
  const float exponent = std::log(scale) * (1.0F / std::log(2.0F));
  const float rounded = std::round(exponent);
  if (!(std::fabs(exponent - rounded) < 1e-3F)) return std::nullopt;
  return static_cast<int>(rounded);
}

Result<std::size_t> OperatorView::constant_axis(std::size_t k, std::size_t dimensions) const {
  QFI_TRY(const std::vector<std::int64_t> axis, constant_integers(k));
  if (axis.size() != 1) return bad_input("input '{}' must be one number", input(k).name);
  return dimension_index(axis[0], dimensions);
}

CodeType code_type(const Tensor& tensor) {
  return tensor.type == TensorType::int8 ? CodeType::int8 : CodeType::uint8;
}

ActivationRange type_range(TensorType type) {
  switch (type) {
    case TensorType::int8: return {-128, 127};
    case TensorType::uint8: return {0, 255};
    case TensorType::int16: return {-32768, 32767};
    default: return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
  }
}

FloatRange float_range(Activation activation) {
  FloatRange range;
  if (activation == Activation::relu || activation == Activation::relu6) range.min = 0.0F;
  if (activation == Activation::relu6) range.max = 6.0F;
  if (activation == Activation::relu_n1_to_1) range = {-1.0F, 1.0F};
  return range;
}

Result<QuantizedMultiplier> factor_of(double real) {
  if (!(real >= 0.0 && real < 2147483647.0)) return bad_input("its scales give a factor of {}", real);
  return quantize_multiplier(real);
}

Result<ActivationRange> activation_range(Activation activation, const Tensor& output) {
  ActivationRange range = type_range(output.type);
  const auto raise = [&](float real) -> Result<void> {
    QFI_TRY(const std::int32_t bound, stored(real, output));
    range.min = std::max(range.min, bound);
    return {};
  };
  const auto lower = [&](float real) -> Result<void> {
    QFI_TRY(const std::int32_t bound, stored(real, output));
    range.max = std::min(range.max, bound);
    return {};
  };
  if (activation == Activation::relu || activation == Activation::relu6) QFI_CHECK(raise(0.0F));
  if (activation == Activation::relu6) QFI_CHECK(lower(6.0F));
  if (activation == Activation::relu_n1_to_1) {
    QFI_CHECK(raise(-1.0F));
    QFI_CHECK(lower(1.0F));
  }
  if (range.min > range.max) return bad_input("its activation leaves no stored value");
  return range;
}

Result<WindowGeometry> window_geometry(const WindowOptions& options, const std::vector<int>& shape,
                                       int filter_h, int filter_w) {
  if (shape.size() != 4) return bad_input("input and output must have 4 dimensions");
  const auto effective = [](int filter, int dilation) { return (std::int64_t{filter} - 1) * dilation + 1; };
  const std::int64_t reach_h = effective(filter_h, options.dilation_h);
  const std::int64_t reach_w = effective(filter_w, options.dilation_w);
  constexpr std::int64_t k_limit = std::numeric_limits<int>::max() / 4;
  if (reach_h > k_limit || reach_w > k_limit || shape[1] > k_limit || shape[2] > k_limit)
    return bad_input("the window is too large");
  WindowGeometry geometry;
  geometry.out_h = output_size(options.padding, shape[1], static_cast<int>(reach_h), options.stride_h);
  geometry.out_w = output_size(options.padding, shape[2], static_cast<int>(reach_w), options.stride_w);
  const auto padding = [](int out, int stride, std::int64_t reach, int in) {
    const std::int64_t total = (std::int64_t{out} - 1) * stride + reach - in;
    return static_cast<int>(std::max<std::int64_t>(total, 0) / 2);
  };
  geometry.pad_h = padding(geometry.out_h, options.stride_h, reach_h, shape[1]);
  geometry.pad_w = padding(geometry.out_w, options.stride_w, reach_w, shape[2]);
  return geometry;
}

std::int32_t round_to_int32(double value) {
  const double rounded = std::round(value);
  if (!(rounded >= -2147483648.0 && rounded <= 2147483647.0)) return std::numeric_limits<std::int32_t>::min();
  return static_cast<std::int32_t>(rounded);
}

}  // namespace qfi
