// SPDX-License-Identifier: Apache-2.0
// Owns the 16-bit fixed-point functions behind the reference kernels' integer LSTM. Fixed-point numbers go in
// and come out, the same bits as in those kernels. Qm.n is a signed 16-bit number with m integer and n
// fractional bits.
#pragma once

#include <cstdint>

namespace qfi {

/// 1 / (1 + exp(-x)) in Q0.15 for x in Q3.12.
std::int16_t logistic_16(std::int16_t x);

/// tanh(x) in Q0.15 for x with `integer_bits` bits before the binary point. Precondition: 0 .. 6 of them.
std::int16_t tanh_16(std::int16_t x, int integer_bits);

}  // namespace qfi
