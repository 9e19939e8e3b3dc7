// SPDX-License-Identifier: Apache-2.0
// The kernels for AVX-512. Precondition of each: has_avx512().
#pragma once

#include "../instruction_set.hpp"

namespace qfi {

extern const InstructionSet k_avx512;

void finish_avx512(const Finish& finish);
void linear_pair_avx512(const LinearPair& form, bool is_signed, const std::uint8_t* x, const std::uint8_t* y,
                        std::size_t count, std::uint8_t* to);
void map_bytes_avx512(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from, std::size_t count,
                      std::uint8_t* to);
void count_bits_avx512(const BitCounts& counts, const ConvolutionShape& shape, std::size_t planes,
                       const std::uint8_t* input, const CountedBytes& output, const BitMemory& memory);
void add_pairs_avx512(std::span<const InputPair> pairs, const std::int16_t* weights, const std::int32_t* from,
                      std::size_t channels, std::int32_t* sums);
void add_byte_pairs_avx512(std::span<const InputPair> pairs, const std::int8_t* weights,
                           const std::int32_t* from, std::size_t channels, std::int32_t* sums);
std::span<const TileKind> tiles_avx512();
void add_float_tap_avx512(const FloatTap& tap, float* sums);
void sum_channels_avx512(const ChannelTaps& taps, std::int32_t* sums);

}  // namespace qfi
