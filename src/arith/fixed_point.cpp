// SPDX-License-Identifier: Apache-2.0
#include "qfi/arith/fixed_point.hpp"

#include <algorithm>
#include <bit>
#include <limits>

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

// 1 / (1 + x) for x in [0, 1], Q0.31 to Q0.31: three steps of Newton and Raphson in Q2.29.
std::int32_t reciprocal_of_one_plus(std::int32_t x) {
  constexpr std::int32_t k_48_over_17 = 1515870810;
  constexpr std::int32_t k_minus_32_over_17 = -1010580540;
  constexpr std::int32_t k_one = 1 << 29;
  const auto half_denominator =
      static_cast<std::int32_t>((std::int64_t{x} + std::numeric_limits<std::int32_t>::max() + 1) / 2);
  std::int32_t estimate = wrapping_add(k_48_over_17, multiply(half_denominator, k_minus_32_over_17));
  for (int i = 0; i < 3; ++i) {
    const std::int32_t error = k_one - multiply(half_denominator, estimate);
    estimate = wrapping_add(estimate, saturating_shift_left(multiply(estimate, error), 2));
  }
  return saturating_shift_left(estimate, 1);
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
  return {reciprocal_of_one_plus(fraction), integer_bits - headroom};
}

// ln(x) = k ln(2) + ln(r), where r is x or x * sqrt(1/2), shifted into [1/2, 1): the one nearer to
// sqrt(sqrt(1/2)). There ln(r) is a quotient of polynomials in q = 2 (r - sqrt(sqrt(1/2))).
std::int32_t log_of_at_least_one(std::int32_t x) {
  constexpr int k_integer_bits = 12;
  constexpr int k_exponent_fraction_bits = 25;  // k is kept in Q6.25
  constexpr std::int32_t k_quarter = 1 << 23;   // in Q6.25
  constexpr std::int32_t k_log_2 = 1488522236;  // from here on in Q0.31
  constexpr std::int32_t k_sqrt_half = 1518500250;
  constexpr std::int32_t k_root_4_half = 1805811301;
  constexpr std::int32_t k_alpha_n = 117049297;   // 11/240 * 2^(1/4)
  constexpr std::int32_t k_alpha_d = 127690142;   // 1/20 * 2^(1/4)
  constexpr std::int32_t k_alpha_i = 1057819769;  // 2 / 2^(1/4) - 2^(1/4)
  constexpr std::int32_t k_alpha_f = 638450708;   // 1/4 * 2^(1/4)
  const int headroom_a = std::countl_zero(static_cast<std::uint32_t>(x)) - 1;
  const std::int32_t candidate_a =
      saturating_shift_left(multiply(saturating_shift_left(x, headroom_a), k_sqrt_half), 1);
  const std::int32_t exponent_a = wrapping_add(
      saturating_shift_left(k_integer_bits - headroom_a - 1, k_exponent_fraction_bits), k_quarter);
  const std::int32_t b = multiply(x, k_sqrt_half);
  const int headroom_b = std::countl_zero(static_cast<std::uint32_t>(b)) - 1;
  const std::int32_t candidate_b = saturating_shift_left(x, headroom_b);
  const std::int32_t exponent_b = wrapping_subtract(
      saturating_shift_left(k_integer_bits - headroom_b, k_exponent_fraction_bits), k_quarter);
  const std::int32_t r = std::min(candidate_a, candidate_b);
  const std::int32_t exponent = std::max(exponent_a, exponent_b);

  const std::int64_t sum = std::int64_t{r} + k_root_4_half;
  const auto p = static_cast<std::int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  const std::int32_t half_q = wrapping_subtract(r, k_root_4_half);
  const std::int32_t q = wrapping_add(half_q, half_q);
  const std::int32_t q2 = multiply(q, q);
  const std::int32_t numerator = wrapping_add(multiply(q, r), multiply(multiply(q, q2), k_alpha_n));
  const std::int32_t inner = wrapping_add(wrapping_add(k_alpha_i, q), multiply(k_alpha_d, q2));
  const std::int32_t denominator_minus_one = wrapping_add(multiply(p, inner), multiply(k_alpha_f, q));
  const std::int32_t log_r = multiply(divide(numerator, 6), reciprocal_of_one_plus(denominator_minus_one));
  return saturating_shift_left(wrapping_add(multiply(exponent, k_log_2), log_r), 1);
}

QuantizedMultiplier inverse_square_root(std::int32_t x) {
  if (x <= 1) return {std::numeric_limits<std::int32_t>::max(), 0};
  int right_shift = 11;
  for (; x >= 1 << 29; ++right_shift) x /= 4;
  const int pairs = (std::countl_zero(static_cast<std::uint32_t>(x)) - 1) / 2 - 1;
  right_shift -= pairs;
  x <<= 2 * pairs;
  // Five steps of Newton and Raphson in Q3.28 for a number in [1/4, 1), from 1.
  constexpr std::int32_t k_three_halves = (1 << 28) + (1 << 27);
  constexpr std::int32_t k_half_sqrt_2 = 1518500250;  // Q0.31
  const std::int32_t half_x = divide(x >> 1, 1);
  std::int32_t root = 1 << 28;
  for (int i = 0; i < 5; ++i) {
    const std::int32_t cubed = saturating_shift_left(multiply(multiply(root, root), root), 6);
    root =
        saturating_shift_left(wrapping_subtract(multiply(k_three_halves, root), multiply(half_x, cubed)), 3);
  }
  root = multiply(root, k_half_sqrt_2);
  if (right_shift < 0)
    return {static_cast<std::int32_t>(static_cast<std::uint32_t>(root) << -right_shift), 0};
  return {root, -right_shift};
}

}  // namespace qfi
