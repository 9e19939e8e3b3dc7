// SPDX-License-Identifier: Apache-2.0
// SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION: rows of the last dimension.
#include <bit>
#include <cmath>

#include "../kernel.hpp"
#include "../piecewise_linear.hpp"
#include "qfi/arith/fixed_point.hpp"

namespace qfi {
namespace {

// Row: (const T* in, T* out, depth) for each row of the last dimension.
template <class T, class Row>
class RowKernel final : public Kernel {
 public:
  RowKernel(std::size_t rows, std::size_t depth, const Row& row) : m_rows(rows), m_depth(depth), m_row(row) {}
  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t row = 0; row < m_rows; ++row)
        m_row(call.input<T>(0, image) + row * m_depth, call.out<T>(image) + row * m_depth, m_depth);
  }
  std::size_t bytes() const override { return sizeof(*this); }

 private:
  std::size_t m_rows;
  std::size_t m_depth;
  Row m_row;
};

template <class T, class Row>
PreparedKernel make_rows(const OperatorView& view, const Row& row) {
  const auto depth = static_cast<std::size_t>(view.output().shape.back());
  return std::make_unique<RowKernel<T, Row>>(view.output().elements() / depth, depth, row);
}

constexpr int k_difference_integer_bits = 5;  // differences to the maximum in Q5.26
constexpr int k_sum_integer_bits = 12;        // sum of exponentials in Q12.19

// Stored values minus the row's largest one, as Q5.26.
struct Differences {
  QuantizedMultiplier factor;
  std::int32_t smallest = 0;  ///< below this, exp() is taken as 0: the rescaled value would not fit

  std::int32_t operator()(std::int32_t difference) const {
    const std::int32_t shifted = wrapping_multiply(difference, static_cast<std::int32_t>(1U << factor.shift));
    return saturating_rounding_doubling_high_multiply(shifted, factor.multiplier);
  }
};

Result<Differences> differences(double scale) {
  const double real = std::min(scale * std::ldexp(1.0, 31 - k_difference_integer_bits), 2147483647.0);
  if (!(real > 1.0)) return bad_input("input scale {} is too small", scale);
  const QuantizedMultiplier factor = quantize_multiplier(real);
  const double largest = ((1 << k_difference_integer_bits) - 1) *
                         std::ldexp(1.0, 31 - k_difference_integer_bits) / std::ldexp(1.0, factor.shift);
  return Differences{factor, -static_cast<std::int32_t>(std::floor(largest))};
}

// The sum of exp(x - largest) in Q12.19.
template <class T>
std::int32_t sum_of_exponentials(const T* in, std::size_t depth, std::int32_t largest,
                                 const Differences& difference) {
  std::int32_t sum = 0;
  for (std::size_t c = 0; c < depth; ++c)
    if (in[c] - largest >= difference.smallest)
      sum = wrapping_add(sum, rounding_divide_by_power_of_two(
                                  exp_of_non_positive(difference(in[c] - largest)), k_sum_integer_bits));
  return sum;
}

template <class T>
struct Softmax {
  Differences difference;

  void operator()(const T* in, T* out, std::size_t depth) const {
    const std::int32_t largest = *std::max_element(in, in + depth);
    const Reciprocal scale =
        reciprocal(sum_of_exponentials(in, depth, largest, difference), k_sum_integer_bits);
    for (std::size_t c = 0; c < depth; ++c) {
      out[c] = std::numeric_limits<T>::min();
      if (in[c] - largest < difference.smallest) continue;
      const std::int32_t product = saturating_rounding_doubling_high_multiply(
          scale.mantissa, exp_of_non_positive(difference(in[c] - largest)));
      // From a sum of 512 on the exponent leaves the 31 bits: what is left is below one half.
      const int exponent = scale.exponent + 31 - 8;
      const std::int32_t steps = exponent > 31 ? 0 : rounding_divide_by_power_of_two(product, exponent);
      out[c] = saturated<T>(wrapping_add(steps, std::numeric_limits<T>::min()));
    }
  }
};

// exp() and 1 / (1 + x) by tables of straight pieces; exp() over [-10, 0] only.
struct Softmax16 {
  QuantizedMultiplier factor;
  PiecewiseLinear exponential{-10.0, 0.0, 32768.0, [](double x) { return std::exp(x); }};
  PiecewiseLinear reciprocal_of_one_plus{0.0, 1.0, 32768.0, [](double x) { return 1.0 / (1.0 + x); }};

  void operator()(const std::int16_t* in, std::int16_t* out, std::size_t depth) const {
    const std::int32_t largest = *std::max_element(in, in + depth);
    std::int32_t sum = 0;  // Q16.15
    for (std::size_t c = 0; c < depth; ++c) {
      const std::int32_t scaled = multiply_by_quantized_multiplier(in[c] - largest, factor);
      out[c] = exponential(saturated<std::int16_t>(wrapping_add(scaled, 32767)));
      sum += out[c];
    }
    // sum = 2^(16 - headroom) (1 + fraction), fraction in [0, 1) as an INT16 code.
    const int headroom = std::countl_zero(static_cast<std::uint32_t>(sum));
    const auto shifted = static_cast<std::int32_t>(((std::int64_t{sum} << (headroom - 1)) + (1 << 13)) >> 14);
    const std::int32_t scale =
        reciprocal_of_one_plus(saturated<std::int16_t>(shifted - ((1 << 15) + (1 << 16))));
    const int right_shift = 31 - headroom;
    for (std::size_t c = 0; c < depth; ++c) {
      const std::int64_t product = std::int64_t{out[c]} * scale + (std::int64_t{1} << (right_shift - 1));
      out[c] = static_cast<std::int16_t>(std::clamp<std::int64_t>(product >> right_shift, 0, 32767));
    }
  }
};

struct FloatSoftmax {
  float beta;
  void operator()(const float* in, float* out, std::size_t depth) const {
    float largest = std::numeric_limits<float>::lowest();
    for (std::size_t c = 0; c < depth; ++c) largest = std::max(largest, in[c]);
    float sum = 0.0F;
    for (std::size_t c = 0; c < depth; ++c) {
      out[c] = static_cast<float>(std::exp(double{(in[c] - largest) * beta}));
      sum += out[c];
    }
    for (std::size_t c = 0; c < depth; ++c) out[c] = out[c] / sum;
  }
};

// The output's scale is 1/16, its zero point the largest code.
template <class T>
struct LogSoftmax {
  Differences difference;
  QuantizedMultiplier reverse;  ///< from Q5.26 back to steps of the input

  void operator()(const T* in, T* out, std::size_t depth) const {
    constexpr int k_output_integer_bits = 4;
    constexpr int k_shift = 31 - k_difference_integer_bits - k_output_integer_bits;
    const std::int32_t largest = *std::max_element(in, in + depth);
    const std::int32_t log_sum = log_of_at_least_one(sum_of_exponentials(in, depth, largest, difference));
    const std::int32_t smallest =
        std::max(difference.smallest - 1,
                 multiply_by_quantized_multiplier(
                     wrapping_add(log_sum, std::numeric_limits<std::int32_t>::min()), reverse));
    for (std::size_t c = 0; c < depth; ++c) {
      out[c] = std::numeric_limits<T>::min();
      if (in[c] - largest <= smallest) continue;
      const std::int32_t log = wrapping_subtract(difference(in[c] - largest), log_sum);
      out[c] = saturated<T>(rounding_divide_by_power_of_two(log, k_shift) + std::numeric_limits<T>::max());
    }
  }
};

// The output's scale is 1/128, its zero point the middle code.
template <class T>
struct L2Normalization {
  std::int32_t zero_point;
  void operator()(const T* in, T* out, std::size_t depth) const {
    constexpr std::int32_t k_output_zero = std::numeric_limits<T>::is_signed ? 0 : 128;
    std::int32_t sum = 0;
    for (std::size_t c = 0; c < depth; ++c) sum += (in[c] - zero_point) * (in[c] - zero_point);
    const QuantizedMultiplier factor = inverse_square_root(sum);
    for (std::size_t c = 0; c < depth; ++c)
      out[c] = saturated<T>(k_output_zero + scaled(in[c] - zero_point, factor));
  }

 private:
  // Times 128: INT8 shifts the factor, UINT8 the value; they round differently.
  static std::int32_t scaled(std::int32_t value, QuantizedMultiplier factor) {
    if constexpr (std::numeric_limits<T>::is_signed)
      return multiply_by_quantized_multiplier(value,
                                              QuantizedMultiplier{factor.multiplier, factor.shift + 7});
    else return multiply_by_quantized_multiplier(128 * value, factor);
  }
};

Result<void> check_output(const OperatorView& view, double scale, double tolerance, std::int32_t zero_point) {
  const Quantization& output = view.output().quantization;
  if (output.zero_points[0] != zero_point ||
      !(std::fabs(double{output.scales[0]} / scale - 1.0) <= tolerance))
    return bad_input("the output must have scale 1/{} and the zero point {}", 1.0 / scale, zero_point);
  return {};
}

Result<void> check_depth(const OperatorView& view, int most) {
  if (view.output().shape.back() > most)
    return bad_input("{} classes; at most {} are supported", view.output().shape.back(), most);
  return {};
}

PreparedKernel prepare_softmax(const OperatorView& view) {
  const Tensor& input = view.input(0);
  const TensorType type = view.output().type;
  const float beta = view.options<SoftmaxOptions>().beta;
  if (type == TensorType::float32) return make_rows<float>(view, FloatSoftmax{beta});
  const float scale = input.quantization.scales[0];
  if (type == TensorType::int16) {
    QFI_CHECK(check_output(view, 1.0 / 32768, 0.001, 0));
    QFI_CHECK(check_depth(view, 65535));
    QFI_TRY(const QuantizedMultiplier factor, factor_of(double{scale * beta} / (10.0 / 65535.0)));
    return make_rows<std::int16_t>(view, Softmax16{factor});
  }
  QFI_CHECK(check_output(view, 1.0 / 256, 0.001, type_range(type).min));
  QFI_CHECK(check_depth(view, (1 << k_sum_integer_bits) - 1));
  QFI_TRY(const Differences difference, differences(double{beta} * double{scale}));
  if (type == TensorType::int8) return make_rows<std::int8_t>(view, Softmax<std::int8_t>{difference});
  return make_rows<std::uint8_t>(view, Softmax<std::uint8_t>{difference});
}

PreparedKernel prepare_log_softmax(const OperatorView& view) {
  const TensorType type = view.output().type;
  QFI_CHECK(check_output(view, 1.0 / 16, 0.0, type_range(type).max));
  QFI_CHECK(check_depth(view, (1 << k_sum_integer_bits) - 1));
  QFI_TRY(const Differences difference, differences(double{view.input(0).quantization.scales[0]}));
  const double reverse = std::ldexp(1.0, 31 - difference.factor.shift) / difference.factor.multiplier;
  QFI_TRY(const QuantizedMultiplier factor, factor_of(reverse));
  if (type == TensorType::int8)
    return make_rows<std::int8_t>(view, LogSoftmax<std::int8_t>{difference, factor});
  return make_rows<std::uint8_t>(view, LogSoftmax<std::uint8_t>{difference, factor});
}

PreparedKernel prepare_l2_normalization(const OperatorView& view) {
  const TensorType type = view.output().type;
  if (view.options<ActivationOptions>().activation != Activation::none)
    return bad_input("a fused activation is not supported here");
  QFI_CHECK(check_output(view, 1.0 / 128, 0.0, type == TensorType::int8 ? 0 : 128));
  QFI_CHECK(check_depth(view, (1 << 15) - 1));
  const std::int32_t zero_point = view.input(0).quantization.zero_points[0];
  if (type == TensorType::int8) return make_rows<std::int8_t>(view, L2Normalization<std::int8_t>{zero_point});
  return make_rows<std::uint8_t>(view, L2Normalization<std::uint8_t>{zero_point});
}

}  // namespace

PreparedKernel prepare_normalization(const OperatorView& view) {
  using Type = TensorType;
  QFI_CHECK(view.check_counts(1, 1));
  if (view.op().kind == OperatorKind::softmax)
    QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16, Type::float32}));
  else QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8}));
  QFI_CHECK(view.set_output_shape(view.input(0).shape));
  if (view.output().shape.empty()) return bad_input("its input is a single number");
  switch (view.op().kind) {
    case OperatorKind::softmax: return prepare_softmax(view);
    case OperatorKind::log_softmax: return prepare_log_softmax(view);
    default: return prepare_l2_normalization(view);
  }
}

}  // namespace qfi
