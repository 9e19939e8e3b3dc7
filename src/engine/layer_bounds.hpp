// SPDX-License-Identifier: Apache-2.0
// One 8-bit layer on one image of which inputs may be anything within a range: bounds of its outputs, by
// interval arithmetic over golden accumulators.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "multiply_accumulate.hpp"

namespace qfi {

/// Places of values in a tensor of one image.
using Elements = std::vector<std::uint32_t>;

/// How far the accumulator behind an output may move before the output changes; at most as far as fits.
struct Slack {
  std::uint16_t up = 0;
  std::uint16_t down = 0;
};

/// Immutable; shared by threads, each with its own RangeScratch.
class LayerBounds {
 public:
  /// `knows_slacks`: finds thresholds, a kilobyte for each channel; else nothing can be bounded.
  LayerBounds(const MultiplyAccumulate& op, bool knows_slacks);

  /// The slacks of `count` outputs, which begin with channel 0.
  void find_slacks(const std::int32_t* accumulators, const std::uint8_t* outputs, std::size_t count,
                   Slack* slacks) const;

  /// The golden run of one image.
  struct Golden {
    const std::uint8_t* input = nullptr;
    const std::int32_t* accumulators = nullptr;
    const std::uint8_t* output = nullptr;
    const Slack* slacks = nullptr;
  };
  /// Ranges of inputs, and of outputs: whole tensors as stored, `places` where an end is not golden.
  struct RangesIn {
    std::span<const std::uint32_t> places;
    const std::uint8_t* low;
    const std::uint8_t* high;
  };
  struct RangesOut {
    Elements& places;
    std::uint8_t* low;
    std::uint8_t* high;
  };
  struct RangeScratch {
    std::vector<std::int32_t> lows, highs;  ///< of accumulators; 0 between calls
    std::vector<std::uint8_t> is_touched;   ///< by pixel; 0 between calls
    Elements pixels;                        ///< those that are touched
  };
  /// Bounds of the outputs while each input is anything within its own; those that can be nothing but golden
  /// are left as they are. False: outputs may fall where accumulators rise, or sums do not fit.
  bool bound(const Golden& golden, const RangesIn& input, const RangesOut& output,
             RangeScratch& scratch) const;

  const MultiplyAccumulate& op() const { return m_op; }

 private:
  struct Place {
    std::size_t tap = 0;  ///< ky or kx
    std::size_t out = 0;  ///< row or column of the output
  };
  void add_range(const std::int16_t* weights, std::int16_t low, std::int16_t high, std::int32_t* lows,
                 std::int32_t* highs) const;
  bool bound_output(const Golden& golden, std::size_t element, std::size_t channel, const RangesOut& output,
                    RangeScratch& scratch) const;

  const MultiplyAccumulate& m_op;
  std::size_t m_group_out = 1;
  bool m_rises = false;                       ///< with its accumulators; slacks are known
  std::vector<std::int16_t> m_weights;        ///< less the zero point, [tap][in_c][group_out_c]
  std::vector<std::vector<Place>> m_rows;     ///< of each input row, the taps and output rows it meets
  std::vector<std::vector<Place>> m_columns;  ///< likewise
  /// For each channel and each output code but the smallest: the smallest accumulator that gives at least it.
  std::vector<std::array<std::int32_t, 257>> m_thresholds;
};

}  // namespace qfi
