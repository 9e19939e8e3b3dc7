// SPDX-License-Identifier: Apache-2.0
#include "portable.hpp"

#include "../linear_pair_loop.hpp"

namespace qfi {

constinit const InstructionSet k_portable{
    .name = "no vector instructions",
    .is_available = [] { return true; },
    .finish = finish_portable,
    .linear_pair = linear_pair_portable,
    .map_bytes = map_bytes_portable,
    .count_bits = nullptr,
    .make_convolution = nullptr,
    .tiles = nullptr,
    .add_pairs = add_pairs_portable,
    .add_byte_pairs = add_byte_pairs_portable,
    .sum_channels = sum_channels_portable,
    .add_float_tap = add_float_tap_portable,
};

void linear_pair_portable(const LinearPair& form, bool is_signed, const std::uint8_t* x,
                          const std::uint8_t* y, std::size_t count, std::uint8_t* to) {
  map_all_pairs(form, is_signed, x, y, count, to);
}

void map_bytes_portable(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from,
                        std::size_t count, std::uint8_t* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = table[from[i]];
}

}  // namespace qfi
