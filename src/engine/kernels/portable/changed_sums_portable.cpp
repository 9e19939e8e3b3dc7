// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "portable.hpp"

namespace qfi {
namespace {

struct PlainLanes {
  static constexpr std::size_t k_count = 4;
  using Vector = std::array<std::uint32_t, k_count>;
  static Vector load(const std::int32_t* from) {
    Vector values;
    for (std::size_t i = 0; i < k_count; ++i) values[i] = static_cast<std::uint32_t>(from[i]);
    return values;
  }
  static void store(std::int32_t* to, const Vector& values) {
    for (std::size_t i = 0; i < k_count; ++i) to[i] = static_cast<std::int32_t>(values[i]);
  }
  static std::int32_t all(std::int32_t pair) { return pair; }
  template <class Weight>
  static Vector add_products(Vector sum, std::int32_t inputs, const Weight* weights) {
    const std::int32_t first = static_cast<std::int16_t>(inputs);
    const std::int32_t second = inputs >> 16;
    for (std::size_t i = 0; i < k_count; ++i)
      sum[i] += static_cast<std::uint32_t>(first * weights[2 * i] + second * weights[2 * i + 1]);
    return sum;
  }
};

}  // namespace
}  // namespace qfi

#include "../changed_sums_loop.hpp"

namespace qfi {

void add_pairs_portable(std::span<const InputPair> pairs, const std::int16_t* weights,
                        const std::int32_t* from, std::size_t channels, std::int32_t* sums) {
  add_pairs_in_lanes<PlainLanes>(pairs, weights, from, channels, sums);
}

void add_byte_pairs_portable(std::span<const InputPair> pairs, const std::int8_t* weights,
                             const std::int32_t* from, std::size_t channels, std::int32_t* sums) {
  add_pairs_in_lanes<PlainLanes>(pairs, weights, from, channels, sums);
}

void sum_channels_portable(const ChannelTaps& taps, std::int32_t* sums) { sum_all_channels(taps, sums); }

}  // namespace qfi
