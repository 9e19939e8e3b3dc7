// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, after its `Lanes`: a vector of int32 with load, store, the pair of
// int16 in all lanes, and sum + products of pairs.
#include "changed_sums.hpp"

namespace qfi {
namespace {

template <class Lanes, std::size_t vectors, class Weight>
void add_pairs_to(std::span<const InputPair> pairs, const Weight* weights, const std::int32_t* from,
                  std::int32_t* sums) {
  typename Lanes::Vector sum[vectors];
  for (std::size_t v = 0; v < vectors; ++v) sum[v] = Lanes::load(from + v * Lanes::k_count);
  for (const InputPair& pair : pairs) {
    const auto inputs = Lanes::all(pair.inputs);
    const Weight* of_pair = weights + pair.weights;
    for (std::size_t v = 0; v < vectors; ++v)
      sum[v] = Lanes::add_products(sum[v], inputs, of_pair + 2 * v * Lanes::k_count);
  }
  for (std::size_t v = 0; v < vectors; ++v) Lanes::store(sums + v * Lanes::k_count, sum[v]);
}

template <class Lanes, class Weight>
void add_pairs_in_lanes(std::span<const InputPair> pairs, const Weight* weights, const std::int32_t* from,
                        std::size_t channels, std::int32_t* sums) {
  constexpr std::size_t k_many = 4 * k_sum_lanes;
  std::size_t c = 0;
  for (; c + k_many <= channels; c += k_many)
    add_pairs_to<Lanes, k_many / Lanes::k_count>(pairs, weights + 2 * c, from + c, sums + c);
  for (; c + 2 * k_sum_lanes <= channels; c += 2 * k_sum_lanes)
    add_pairs_to<Lanes, 2 * k_sum_lanes / Lanes::k_count>(pairs, weights + 2 * c, from + c, sums + c);
  for (; c < channels; c += k_sum_lanes)
    add_pairs_to<Lanes, k_sum_lanes / Lanes::k_count>(pairs, weights + 2 * c, from + c, sums + c);
}

template <class Code>
void sum_codes(const ChannelTaps& given, std::int32_t* __restrict sums) {
  const ChannelTaps taps = given;
  for (std::size_t c = 0; c < taps.channels; ++c) sums[c] = taps.bias[c];
  for (const ChannelTaps::Tap& tap : taps.taps) {
    const std::uint8_t* __restrict input = tap.input;
    const std::int16_t* __restrict weights = tap.weights;
    for (std::size_t c = 0; c < taps.channels; ++c)
      sums[c] = static_cast<std::int32_t>(
          static_cast<std::uint32_t>(sums[c]) +
          static_cast<std::uint32_t>((static_cast<Code>(input[c]) - taps.zero_point) * weights[c]));
  }
}

void sum_all_channels(const ChannelTaps& taps, std::int32_t* sums) {
  if (taps.is_signed) sum_codes<std::int8_t>(taps, sums);
  else sum_codes<std::uint8_t>(taps, sums);
}

}  // namespace
}  // namespace qfi
