// SPDX-License-Identifier: Apache-2.0
#include "map_bytes.hpp"

#include "qfi/base/cpu.hpp"

namespace qfi {

void map_bytes_portable(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from,
                        std::size_t count, std::uint8_t* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = table[from[i]];
}

MapBytesFunction map_bytes_function() {
#if defined(__x86_64__)
  if (has_avx512()) return map_bytes_avx512;
#endif
  return map_bytes_portable;
}

}  // namespace qfi
