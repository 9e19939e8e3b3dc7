// SPDX-License-Identifier: Apache-2.0
#include "avx512.hpp"

#include "../avx2/avx2.hpp"
#include "qfi/base/cpu.hpp"

#if defined(__x86_64__)
namespace qfi {

constinit const InstructionSet k_avx512{
    .name = "AVX-512",
    .is_available = has_avx512,
    .finish = finish_avx512,
    .linear_pair = linear_pair_avx512,
    .map_bytes = map_bytes_avx512,
    .count_bits = count_bits_avx512,
    .make_convolution = make_avx2_convolution,
    .tiles = tiles_avx512,
    .add_pairs = add_pairs_avx512,
    .add_byte_pairs = add_byte_pairs_avx512,
    .sum_channels = sum_channels_avx512,
    .add_float_tap = add_float_tap_avx512,
};

}  // namespace qfi
#endif
