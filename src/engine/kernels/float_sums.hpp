// SPDX-License-Identifier: Apache-2.0
// FLOAT32 sums of products of some pixels side by side: each sum takes its products one after the other,
// whatever the number of pixels and the instruction set, and without fused operations.
#pragma once

#include <cstddef>

namespace qfi {

constexpr std::size_t k_float_lanes = 16;  ///< output channels that are summed side by side
constexpr std::size_t k_float_pixels = 4;  ///< and pixels, at most

/// What one tap adds: sums[p][lane] += inputs[p][c] * weights[c][lane], c = 0 .. channels - 1.
struct FloatTap {
  const float* weights = nullptr;  ///< [channels][k_float_lanes]
  std::size_t channels = 0;
  const float* inputs[k_float_pixels] = {};  ///< of each pixel, [channels]
  std::size_t pixels = 0;                    ///< 1, or k_float_pixels
};
using AddFloatTapFunction = void (*)(const FloatTap& tap, float* sums);

}  // namespace qfi
