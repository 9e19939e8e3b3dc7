// SPDX-License-Identifier: Apache-2.0
// Owns the fixed-point functions behind the reference kernels' integer SOFTMAX, LOG_SOFTMAX,
// L2_NORMALIZATION and RSQRT. Fixed-point numbers go in and come out, the same bits as in those kernels. Qm.n
// is a signed 32-bit number with m integer and n fractional bits.
#pragma once

#include <cstdint>

#include "qfi/arith/requantize.hpp"

namespace qfi {

/// exp(x) in Q0.31 for x <= 0 in Q5.26; exp(0) is the largest int32.
std::int32_t exp_of_non_positive(std::int32_t x);

/// 1 / x as mantissa * 2^-exponent: mantissa in Q0.31.
struct Reciprocal {
  std::int32_t mantissa = 0;
  int exponent = 0;
};

/// Precondition: x > 0, with `integer_bits` bits before the binary point.
Reciprocal reciprocal(std::int32_t x, int integer_bits);

/// ln(x) in Q5.26 for x >= 1 in Q12.19.
std::int32_t log_of_at_least_one(std::int32_t x);

/// 1 / sqrt(x) of an integer; 0 is taken as 1. Precondition: x >= 0.
QuantizedMultiplier inverse_square_root(std::int32_t x);

}  // namespace qfi
