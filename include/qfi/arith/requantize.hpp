// SPDX-License-Identifier: Apache-2.0
// Owns the fixed-point arithmetic of the TFLite reference kernels (LiteRT 2.3.0, double rounding). Sums and
// real factors go in; stored integers come out, the same bits as in those kernels.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace qfi {

/// int32 arithmetic that wraps, as the reference kernels' accumulators do on every CPU.
constexpr std::int32_t wrapping_add(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}
constexpr std::int32_t wrapping_subtract(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
}
constexpr std::int32_t wrapping_multiply(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}

/// A positive real factor as multiplier * 2^(shift - 31); multiplier is 0 or in [2^30, 2^31).
struct QuantizedMultiplier {
  std::int32_t multiplier = 0;
  int shift = 0;  ///< positive: left; in -31 .. 31 once quantize_multiplier has made it
};

/// Nearest QuantizedMultiplier. Factors below 2^-32 become zero.
/// Precondition: 0 <= `factor` <= 2^31 - 1.
QuantizedMultiplier quantize_multiplier(double factor);

/// round(a * b / 2^31), half towards positive infinity; the one overflow, min * min, saturates.
constexpr std::int32_t saturating_rounding_doubling_high_multiply(std::int32_t a, std::int32_t b) {
  constexpr std::int32_t k_min = std::numeric_limits<std::int32_t>::min();
  if (a == k_min && b == k_min) return std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>((std::int64_t{a} * std::int64_t{b} + (std::int64_t{1} << 30)) >> 31);
}

/// x / 2^exponent, rounded to nearest, half away from zero. Precondition: 0 <= exponent <= 31.
constexpr std::int32_t rounding_divide_by_power_of_two(std::int32_t x, int exponent) {
  const auto mask = static_cast<std::int32_t>((std::int64_t{1} << exponent) - 1);
  const std::int32_t remainder = x & mask;
  const std::int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/// x times the factor. A left shift happens first, on 32 bits, and wraps.
constexpr std::int32_t multiply_by_quantized_multiplier(std::int32_t x, QuantizedMultiplier factor) {
  const int left = factor.shift > 0 ? factor.shift : 0;
  const int right = factor.shift > 0 ? 0 : -factor.shift;
  const auto shifted = std::bit_cast<std::int32_t>(std::bit_cast<std::uint32_t>(x) << left);
  return rounding_divide_by_power_of_two(
      saturating_rounding_doubling_high_multiply(shifted, factor.multiplier), right);
}

/// Multiplies a 64-bit accumulator (INT16 activations) by the factor: the multiplier is rounded to 16 bits
/// first, the sum of both shifts is done once, rounding half towards positive infinity; the result
/// is cut to 32 bits. Precondition: factor.shift <= 14.
constexpr std::int32_t multiply_by_quantized_multiplier(std::int64_t x, QuantizedMultiplier factor) {
  const std::int64_t reduced =
      factor.multiplier < 0x7FFF0000 ? (factor.multiplier + (1 << 15)) >> 16 : 0x7FFF;
  const int shift = 15 - factor.shift;
  const std::uint64_t product = static_cast<std::uint64_t>(x) * static_cast<std::uint64_t>(reduced);
  const auto rounded = static_cast<std::int64_t>(product + (std::uint64_t{1} << (shift - 1)));
  return static_cast<std::int32_t>(rounded >> shift);
}

}  // namespace qfi
