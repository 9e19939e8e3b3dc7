// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace qfi {

/// to[i] = table[from[i]], i = 0 .. count-1.
using MapBytesFunction = void (*)(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from,
                                  std::size_t count, std::uint8_t* to);
void map_bytes_portable(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from,
                        std::size_t count, std::uint8_t* to);
/// Precondition: has_avx512().
void map_bytes_avx512(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from, std::size_t count,
                      std::uint8_t* to);

/// The fastest one for this CPU.
MapBytesFunction map_bytes_function();

}  // namespace qfi
