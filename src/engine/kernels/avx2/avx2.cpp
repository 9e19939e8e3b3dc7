// SPDX-License-Identifier: Apache-2.0
#include "avx2.hpp"

#include "../portable/portable.hpp"
#include "qfi/base/cpu.hpp"

#if defined(__x86_64__)
namespace qfi {

constinit const InstructionSet k_avx2{
    .name = "AVX2",
    .is_available = has_avx2,
    .finish = finish_avx2,
    .linear_pair = linear_pair_avx2,
    .map_bytes = map_bytes_portable,
    .count_bits = nullptr,
    .make_convolution = make_avx2_convolution,
    .tiles = nullptr,
    .add_pairs = add_pairs_avx2,
    .add_byte_pairs = add_byte_pairs_avx2,
    .sum_channels = sum_channels_avx2,
    .add_float_tap = add_float_tap_avx2,
};

}  // namespace qfi
#endif
