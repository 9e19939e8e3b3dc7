// SPDX-License-Identifier: Apache-2.0
// The kernels that every CPU runs and that all others must equal.
#pragma once

#include "../instruction_set.hpp"

namespace qfi {

extern const InstructionSet k_portable;

void finish_portable(const Finish& finish);
void linear_pair_portable(const LinearPair& form, bool is_signed, const std::uint8_t* x,
                          const std::uint8_t* y, std::size_t count, std::uint8_t* to);
void map_bytes_portable(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from,
                        std::size_t count, std::uint8_t* to);
void add_pairs_portable(std::span<const InputPair> pairs, const std::int16_t* weights,
                        const std::int32_t* from, std::size_t channels, std::int32_t* sums);
void add_byte_pairs_portable(std::span<const InputPair> pairs, const std::int8_t* weights,
                             const std::int32_t* from, std::size_t channels, std::int32_t* sums);
void add_float_tap_portable(const FloatTap& tap, float* sums);
void sum_channels_portable(const ChannelTaps& taps, std::int32_t* sums);

}  // namespace qfi
