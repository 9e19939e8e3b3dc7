// SPDX-License-Identifier: Apache-2.0
// The kernels for AVX2. Precondition of each: has_avx2().
#pragma once

#include "../instruction_set.hpp"

namespace qfi {

extern const InstructionSet k_avx2;

void finish_avx2(const Finish& finish);
void linear_pair_avx2(const LinearPair& form, bool is_signed, const std::uint8_t* x, const std::uint8_t* y,
                      std::size_t count, std::uint8_t* to);
/// Sums of products for CPUs on which oneDNN is not exact: operands as 16-bit numbers, two products at a
/// time.
std::unique_ptr<IntegerConvolution> make_avx2_convolution(const ConvolutionShape& shape, CodeType input,
                                                          std::size_t planes);
void add_pairs_avx2(std::span<const InputPair> pairs, const std::int16_t* weights, const std::int32_t* from,
                    std::size_t channels, std::int32_t* sums);
void add_byte_pairs_avx2(std::span<const InputPair> pairs, const std::int8_t* weights,
                         const std::int32_t* from, std::size_t channels, std::int32_t* sums);
void add_float_tap_avx2(const FloatTap& tap, float* sums);
void sum_channels_avx2(const ChannelTaps& taps, std::int32_t* sums);

}  // namespace qfi
