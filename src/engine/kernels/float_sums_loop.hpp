// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, after its `Lanes`: a vector of floats with load, store, one number
// in all lanes, and sum + number * weights, rounded twice.
#include "float_sums.hpp"

namespace qfi {
namespace {

template <class Lanes, std::size_t pixels>
void add_tap_of(const FloatTap& tap, float* sums) {
  constexpr std::size_t k_vectors = k_float_lanes / Lanes::k_count;
  typename Lanes::Vector sum[pixels][k_vectors];
  for (std::size_t p = 0; p < pixels; ++p)
    for (std::size_t v = 0; v < k_vectors; ++v)
      sum[p][v] = Lanes::load(sums + p * k_float_lanes + v * Lanes::k_count);
  const float* weights = tap.weights;
  for (std::size_t c = 0; c < tap.channels; ++c, weights += k_float_lanes)
    for (std::size_t v = 0; v < k_vectors; ++v) {
      const auto of_lanes = Lanes::load(weights + v * Lanes::k_count);
      for (std::size_t p = 0; p < pixels; ++p)
        sum[p][v] = Lanes::add_products(sum[p][v], Lanes::all(tap.inputs[p][c]), of_lanes);
    }
  for (std::size_t p = 0; p < pixels; ++p)
    for (std::size_t v = 0; v < k_vectors; ++v)
      Lanes::store(sums + p * k_float_lanes + v * Lanes::k_count, sum[p][v]);
}

template <class Lanes>
void add_tap(const FloatTap& tap, float* sums) {
  if (tap.pixels == k_float_pixels) add_tap_of<Lanes, k_float_pixels>(tap, sums);
  else add_tap_of<Lanes, 1>(tap, sums);
}

}  // namespace
}  // namespace qfi
