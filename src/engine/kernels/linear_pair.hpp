// SPDX-License-Identifier: Apache-2.0
// Sums and differences of 8-bit codes with other scales, as one linear form of the codes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qfi {

/// (of_x * x + of_y * y + offset) >> shift, then clamped. Must not leave 32 bits for any codes.
struct LinearPair {
  std::int32_t of_x = 0;
  std::int32_t of_y = 0;
  std::int32_t offset = 0;
  int shift = 0;
  std::int32_t min = 0;
  std::int32_t max = 0;
};

/// to[i] = form(x[i], y[i]), i = 0 .. count-1; codes are INT8, or UINT8.
using LinearPairFunction = void (*)(const LinearPair& form, bool is_signed, const std::uint8_t* x,
                                    const std::uint8_t* y, std::size_t count, std::uint8_t* to);

}  // namespace qfi
