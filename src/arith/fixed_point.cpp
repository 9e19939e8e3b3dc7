// SPDX-License-Identifier: Apache-2.0
#include "qfi/arith/fixed_point.hpp"

#include <bit>
#include <limits>

#include "qfi/arith/requantize.hpp"

namespace qfi {
namespace {

constexpr auto multiply = saturating_rounding_doubling_high_multiply;
constexpr auto divide = rounding_divide_by_power_of_two;

constexpr std::int32_t saturating_shift_left(std::int32_t x, int bits) {
  const std::int64_t shifted = std::int64_t{x} * (std::int64_t{1} << bits);
  if (shifted > std::numeric_limits<std::int32_t>::max()) return std::numeric_limits<std::int32_t>::max();
  if (shifted < std::numeric_limits<std::int32_t>::min()) return std::numeric_limits<std::int32_t>::min();
  return static_cast<std::int32_t>(shifted);
}

// exp(x) for x in [-1/4, 0), Q0.31 to Q0.31: Taylor's polynomial of degree 4 around -1/8.
std::int32_t exp_near_zero(std::int32_t x) {
  constexpr std::int32_t k_exp_minus_eighth = 1895147668;
  constexpr std::int32_t k_third = 715827883;
  const std::int32_t y = wrapping_add(x, 1 << 28);
  const std::int32_t y2 = multiply(y, y);
  const std::int32_t y3 = multiply(y2, y);
  const std::int32_t y4 = multiply(y2, y2);
  const std::int32_t cubic = wrapping_add(multiply(wrapping_add(divide(y4, 2), y3), k_third), y2);
  const std::int32_t polynomial = wrapping_add(y, divide(cubic, 1));
  return wrapping_add(k_exp_minus_eighth, multiply(k_exp_minus_eighth, polynomial));
}

}  // namespace

std::int32_t exp_of_non_positive(std::int32_t x) {
  if (x == 0) return std::numeric_limits<std::int32_t>::max();
  constexpr int k_fraction_bits = 26;
  constexpr std::int32_t k_quarter = 1 << (k_fraction_bits - 2);
  const std::int32_t within_quarter = (x & (k_quarter - 1)) - k_quarter;
  std::int32_t result = exp_near_zero(saturating_shift_left(within_quarter, 5));
  // What is left of x is a sum of -2^i: multiply by exp(-2^i), i = -2 .. 4, in Q0.31.
  constexpr std::int32_t k_exp_minus_power[] = {1672461947, 1302514674, 790015084, 290630308,
                                                39332535,   720401,     242};
  const std::int32_t rest =
      wrapping_add(within_quarter, static_cast<std::int32_t>(0U - static_cast<std::uint32_t>(x)));
  for (int i = 0; i < 7; ++i)
    if ((rest & (1 << (k_fraction_bits - 2 + i))) != 0) result = multiply(result, k_exp_minus_power[i]);
  return result;
}

Reciprocal reciprocal(std::int32_t x, int integer_bits) {
  const int headroom = std::countl_zero(static_cast<std::uint32_t>(x));
  const auto fraction = static_cast<std::int32_t>((static_cast<std::uint32_t>(x) << headroom) - (1U << 31));
  // 1 / (1 + fraction) by three steps of Newton and Raphson in Q2.29.
  constexpr std::int32_t k_48_over_17 = 1515870810;
  constexpr std::int32_t k_minus_32_over_17 = -1010580540;
  constexpr std::int32_t k_one = 1 << 29;
  const auto half_denominator =
      static_cast<std::int32_t>((std::int64_t{fraction} + std::numeric_limits<std::int32_t>::max() + 1) / 2);
  std::int32_t estimate = wrapping_add(k_48_over_17, multiply(half_denominator, k_minus_32_over_17));
  for (int i = 0; i < 3; ++i) {
    const std::int32_t error = k_one - multiply(half_denominator, estimate);
    estimate = wrapping_add(estimate, saturating_shift_left(multiply(estimate, error), 2));
  }
  return {saturating_shift_left(estimate, 1), integer_bits - headroom};
}

}  // namespace qfi
