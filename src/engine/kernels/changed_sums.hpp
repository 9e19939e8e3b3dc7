// SPDX-License-Identifier: Apache-2.0
// Sums of products that begin with known sums: golden accumulators and what changed inputs add to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qfi {

/// Channels of weights come in groups of so many, the last one filled up with zeros.
constexpr std::size_t k_sum_lanes = 16;

/// Two inputs and, for each channel, their two weights.
struct InputPair {
  std::uint32_t weights = 0;  ///< where the weights of the pair begin: [channel][2]
  std::int32_t inputs = 0;    ///< two int16, each -255 .. 255, the first one in the low half
};

/// sums[c] = from[c] + sum over the pairs of w[2 c] * first input + w[2 c + 1] * second input, modulo 2^32.
/// `channels` is a multiple of k_sum_lanes, and as many of `from` and `sums` can be read and written.
template <class Weight>
using AddPairsFunction = void (*)(std::span<const InputPair> pairs, const Weight* weights,
                                  const std::int32_t* from, std::size_t channels, std::int32_t* sums);

/// Inputs at the taps of one pixel, each with a row of weights: sums[c] = bias[c] + sum over the taps of
/// weights[tap row][c] * (input[c] - zero_point).
struct ChannelTaps {
  struct Tap {
    const std::uint8_t* input = nullptr;  ///< bytes of all channels
    const std::int16_t* weights = nullptr;
  };
  std::span<const Tap> taps;
  const std::int32_t* bias = nullptr;
  std::int32_t zero_point = 0;
  bool is_signed = false;  ///< inputs are INT8, else UINT8
  std::size_t channels = 0;
};
using SumChannelsFunction = void (*)(const ChannelTaps& taps, std::int32_t* sums);

}  // namespace qfi
