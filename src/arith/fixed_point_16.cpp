// SPDX-License-Identifier: Apache-2.0
#include "qfi/arith/fixed_point_16.hpp"

#include <algorithm>
#include <limits>

#include "qfi/arith/requantize.hpp"

namespace qfi {
namespace {

constexpr std::int16_t k_largest = std::numeric_limits<std::int16_t>::max();
constexpr std::int16_t k_smallest = std::numeric_limits<std::int16_t>::min();

constexpr std::int16_t wrapped_16(std::int32_t x) { return static_cast<std::int16_t>(x); }

constexpr std::int16_t saturated_16(std::int32_t x) {
  return static_cast<std::int16_t>(std::clamp<std::int32_t>(x, k_smallest, k_largest));
}

// The product of a number in Qa and one in Qb, in Q(a + b).
constexpr std::int16_t multiply_16(std::int16_t a, std::int16_t b) {
  return saturated_16((std::int32_t{a} * b + (1 << 14)) >> 15);
}

constexpr std::int16_t divide_16(std::int16_t x, int exponent) {
  return wrapped_16(rounding_divide_by_power_of_two(x, exponent));
}

constexpr std::int16_t shift_left_16(std::int16_t x, int bits) {
  return saturated_16(std::int32_t{x} * (1 << bits));
}

// exp(x) for x in [-1/4, 0), Q0.15 to Q0.15: Taylor's polynomial of degree 4 around -1/8.
std::int16_t exp_near_zero_16(std::int16_t x) {
  constexpr std::int16_t k_exp_minus_eighth = 28918;
  constexpr std::int16_t k_third = 10923;
  const std::int16_t y = wrapped_16(x + (1 << 12));
  const std::int16_t y2 = multiply_16(y, y);
  const std::int16_t y3 = multiply_16(y2, y);
  const std::int16_t y4 = multiply_16(y2, y2);
  const std::int16_t cubic = wrapped_16(multiply_16(wrapped_16(divide_16(y4, 2) + y3), k_third) + y2);
  const std::int16_t polynomial = wrapped_16(y + divide_16(cubic, 1));
  return saturated_16(k_exp_minus_eighth + multiply_16(k_exp_minus_eighth, polynomial));
}

// exp(x) in Q0.15 for x <= 0 with `integer_bits` bits before the binary point.
std::int16_t exp_of_non_positive_16(std::int16_t x, int integer_bits) {
  if (x == 0) return k_largest;
  if (integer_bits > 5 && x < -(1 << (20 - integer_bits))) return 0;  // x < -32
  const int fraction_bits = 15 - integer_bits;
  const int quarter = 1 << (fraction_bits - 2);
  const std::int16_t within_quarter = wrapped_16((x & (quarter - 1)) - quarter);
  std::int16_t result = exp_near_zero_16(shift_left_16(within_quarter, integer_bits));
  // What is left of x is a sum of -2^i: multiply by exp(-2^i), i = -2 .. 4, in Q0.15.
  constexpr std::int16_t k_exp_minus_power[] = {25520, 19875, 12055, 4435, 600, 11, 0};
  const std::int16_t rest = wrapped_16(within_quarter - x);
  for (int i = -2; i <= 4 && i < integer_bits; ++i)
    if ((rest & (1 << (fraction_bits + i))) != 0) result = multiply_16(result, k_exp_minus_power[i + 2]);
  return result;
}

// 2 / (1 + x) for x in [0, 1] in Q0.15, in Q2.13: three steps of Newton and Raphson.
std::int16_t double_reciprocal_of_one_plus(std::int16_t x) {
  constexpr std::int16_t k_48_over_17 = 23130;
  constexpr std::int16_t k_minus_32_over_17 = -15420;
  constexpr std::int16_t k_one = 1 << 13;
  const std::int16_t half_denominator = wrapped_16((x + k_largest + 1) / 2);
  std::int16_t estimate = wrapped_16(k_48_over_17 + multiply_16(half_denominator, k_minus_32_over_17));
  for (int i = 0; i < 3; ++i) {
    const std::int16_t error = wrapped_16(k_one - multiply_16(half_denominator, estimate));
    estimate = wrapped_16(estimate + shift_left_16(multiply_16(estimate, error), 2));
  }
  return estimate;
}

}  // namespace

std::int16_t logistic_16(std::int16_t x) {
  if (x == 0) return 1 << 14;
  const std::int16_t minus_size = x > 0 ? wrapped_16(-x) : x;
  const std::int16_t of_size =
      shift_left_16(double_reciprocal_of_one_plus(exp_of_non_positive_16(minus_size, 3)), 1);
  return x > 0 ? of_size : wrapped_16(k_largest - of_size);
}

std::int16_t tanh_16(std::int16_t x, int integer_bits) {
  if (x == 0) return 0;
  const std::int16_t minus_size = x > 0 ? wrapped_16(-x) : x;
  // (1 - e) / (1 + e) is 2 / (1 + e) - 1; twice x is x with its binary point moved.
  const std::int16_t quotient =
      double_reciprocal_of_one_plus(exp_of_non_positive_16(minus_size, integer_bits + 1));
  const std::int16_t of_size = shift_left_16(wrapped_16(quotient - (1 << 13)), 2);
  return x > 0 ? of_size : wrapped_16(-of_size);
}

}  // namespace qfi
