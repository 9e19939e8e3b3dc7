// SPDX-License-Identifier: Apache-2.0
// SOFTMAX in fixed point, over the last dimension.
#include <algorithm>
#include <cmath>

#include "../kernel.hpp"
#include "qfi/arith/fixed_point.hpp"
#include "qfi/arith/requantize.hpp"

namespace qfi {
namespace {

constexpr int k_difference_integer_bits = 5;  // differences to the maximum in Q5.26
constexpr int k_sum_integer_bits = 12;        // sum of exponentials in Q12.19

template <class T>
class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(std::size_t rows, std::size_t depth, QuantizedMultiplier factor)
      : m_rows(rows), m_depth(depth), m_factor(factor), m_smallest_difference(smallest_difference(factor)) {}

  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t row = 0; row < m_rows; ++row)
        run_row(call.input<T>(0, image) + row * m_depth, call.out<T>(image) + row * m_depth);
  }

 private:
  // Below this, exp() is taken as 0: the rescaled difference would not fit.
  static std::int32_t smallest_difference(QuantizedMultiplier factor) {
    const double largest = ((1 << k_difference_integer_bits) - 1) *
                           std::ldexp(1.0, 31 - k_difference_integer_bits) / std::ldexp(1.0, factor.shift);
    return -static_cast<std::int32_t>(std::floor(largest));
  }

  std::int32_t exponential(std::int32_t difference) const {
    const std::int32_t shifted =
        wrapping_multiply(difference, static_cast<std::int32_t>(1U << m_factor.shift));
    return exp_of_non_positive(saturating_rounding_doubling_high_multiply(shifted, m_factor.multiplier));
  }

  void run_row(const T* in, T* out) const {
    const std::int32_t largest = *std::max_element(in, in + m_depth);
    std::int32_t sum = 0;
    for (std::size_t c = 0; c < m_depth; ++c)
      if (in[c] - largest >= m_smallest_difference)
        sum = wrapping_add(sum,
                           rounding_divide_by_power_of_two(exponential(in[c] - largest), k_sum_integer_bits));
    const Reciprocal scale = reciprocal(sum, k_sum_integer_bits);
    for (std::size_t c = 0; c < m_depth; ++c) {
      out[c] = std::numeric_limits<T>::min();
      if (in[c] - largest < m_smallest_difference) continue;
      const std::int32_t product =
          saturating_rounding_doubling_high_multiply(scale.mantissa, exponential(in[c] - largest));
      // From a sum of 512 on the exponent leaves the 31 bits: what is left is below one half.
      const int exponent = scale.exponent + 31 - 8;
      const std::int32_t steps = exponent > 31 ? 0 : rounding_divide_by_power_of_two(product, exponent);
      out[c] = static_cast<T>(std::clamp<std::int32_t>(wrapping_add(steps, std::numeric_limits<T>::min()),
                                                       std::numeric_limits<T>::min(),
                                                       std::numeric_limits<T>::max()));
    }
  }

  std::size_t m_rows;
  std::size_t m_depth;
  QuantizedMultiplier m_factor;
  std::int32_t m_smallest_difference;
};

}  // namespace

PreparedKernel prepare_softmax(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 1));
  QFI_CHECK(view.check_8_bit(0));
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  if (input.shape.empty() || input.shape != output.shape)
    return bad_input("input and output differ in shape");
  const bool is_int8 = output.type == TensorType::int8;
  const double scale_error = std::fabs(double{output.quantization.scales[0]} * 256.0 - 1.0);
  if (output.quantization.zero_points[0] != (is_int8 ? -128 : 0) || scale_error > 0.001)
    return bad_input("the output must have scale 1/256 and the zero point {}", is_int8 ? -128 : 0);
  const auto depth = static_cast<std::size_t>(input.shape.back());
  if (depth >= (1U << k_sum_integer_bits))
    return bad_input("{} classes; the sum holds at most {}", depth, (1U << k_sum_integer_bits) - 1);
  const double real =
      std::min(double{view.options<SoftmaxOptions>().beta} * double{input.quantization.scales[0]} *
                   std::ldexp(1.0, 31 - k_difference_integer_bits),
               2147483647.0);
  if (!(real > 1.0)) return bad_input("input scale {} is too small", input.quantization.scales[0]);
  const QuantizedMultiplier factor = quantize_multiplier(real);
  const std::size_t rows = input.elements() / depth;
  if (is_int8) return std::make_unique<SoftmaxKernel<std::int8_t>>(rows, depth, factor);
  return std::make_unique<SoftmaxKernel<std::uint8_t>>(rows, depth, factor);
}

}  // namespace qfi
