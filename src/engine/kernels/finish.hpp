// SPDX-License-Identifier: Apache-2.0
// From sums of products to a layer's stored outputs, in one pass: factors, biases, requantization,
// activation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../multiply_accumulate.hpp"

namespace qfi {

/// A bias for each output channel that depends on which taps of an output pixel lie inside the image: on the
/// classes of its row and its column.
struct BorderBias {
  std::vector<std::uint16_t> row_class;     ///< of each output row
  std::vector<std::uint16_t> column_class;  ///< of each output column
  std::size_t column_classes = 1;
  std::vector<std::int32_t> values;  ///< [row class][column class][out_c]

  const std::int32_t* of_row(std::size_t row, std::size_t out_c) const {
    return &values[row_class[row] * column_classes * out_c];
  }
};

/// What one weight after the other adds to the accumulator where its tap lies inside, and where it lies in
/// the padding: [out_c][filter_h][filter_w], summed over the group's input channels, modulo 2^32.
struct TapBias {
  std::vector<std::uint32_t> inside;
  std::vector<std::uint32_t> outside;  ///< empty: nothing
};
BorderBias make_border_bias(const ConvolutionShape& shape, std::span<const std::int32_t> bias,
                            const TapBias& taps);

/// Fixed-point factors of the channels as arrays, with 16 more so that whole vectors can be read.
struct ChannelFactors {
  explicit ChannelFactors(const Requantizer& requantizer);
  std::vector<std::int32_t> multiplier;
  std::vector<std::int32_t> left;
  std::vector<std::int32_t> right;
  bool shifts_left = false;  ///< any channel
};

/// accumulator = bias + sum of factor * sums, modulo 2^32.
struct Finish {
  struct Sums {
    const std::int32_t* sums = nullptr;
    std::int32_t factor = 1;
  };
  struct Counts {
    const std::uint8_t* low = nullptr;   ///< bytes of the counts
    const std::uint8_t* high = nullptr;  ///< nullptr: 8 bits do
    std::int32_t factor = 1;
    std::size_t plane_stride = 0;  ///< bytes from plane to plane
  };
  const ConvolutionShape* shape = nullptr;
  const Requantizer* requantizer = nullptr;
  const ChannelFactors* factors = nullptr;
  const BorderBias* bias = nullptr;
  std::size_t planes = 0;
  std::vector<Sums> sums;        ///< planes * [out_h][out_w][out_c]; one at least
  std::vector<Sums> pixel_sums;  ///< planes * [out_h][out_w], for all channels alike
  std::vector<Counts> counts;    ///< planes of [out_h][out_w][out_c], each in its own place
  std::uint8_t* output = nullptr;
  std::int32_t* accumulators = nullptr;  ///< nullptr: not wanted
};
using FinishFunction = void (*)(const Finish&);

}  // namespace qfi
