// SPDX-License-Identifier: Apache-2.0
// A function of one byte, on many bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace qfi {

/// to[i] = table[from[i]], i = 0 .. count-1.
using MapBytesFunction = void (*)(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from,
                                  std::size_t count, std::uint8_t* to);

}  // namespace qfi
