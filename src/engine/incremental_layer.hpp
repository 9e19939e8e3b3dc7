// SPDX-License-Identifier: Apache-2.0
// One 8-bit layer on one image, computed from its golden accumulators and what differs: changed inputs,
// changed weights and biases, faulty accumulators. Exact: accumulators are sums modulo 2^32.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "multiply_accumulate.hpp"

namespace qfi {

/// Places of values in a tensor of one image.
using Elements = std::vector<std::uint32_t>;

/// What stored bits read as. Takes and gives the bits of one value.
using ReadFunction = std::function<std::uint32_t(std::uint32_t)>;

/// Faults of the layer itself.
struct LayerFaults {
  struct Weight {
    std::size_t tap = 0;         ///< ky * filter_w + kx
    std::size_t in_channel = 0;  ///< of the group
    std::int32_t delta = 0;      ///< what its code is larger by
  };
  struct Channel {
    std::size_t channel = 0;  ///< no two of the same
    std::uint32_t bias_delta = 0;
    std::vector<Weight> weights;
  };
  struct Accumulator {
    std::size_t element = 0;  ///< of the output
    const ReadFunction* read = nullptr;
  };
  std::vector<Channel> channels;
  std::vector<Accumulator> accumulators;

  bool empty() const { return channels.empty() && accumulators.empty(); }
};

/// How far the accumulator behind an output may move before the output changes; at most as far as fits.
/// One word, so that comparisons become vector instructions.
struct Slack {
  std::uint32_t up_and_down = 0;  ///< 16 bits each, up the lower ones
  std::int32_t up() const { return static_cast<std::int32_t>(up_and_down & 0xFFFFU); }
  std::int32_t down() const { return static_cast<std::int32_t>(up_and_down >> 16U); }
};

/// Values that differ from the golden ones, each place once.
struct ChangedValues {
  Elements places;
  std::vector<std::uint8_t> values;  ///< of each, as stored

  void add(std::uint32_t place, std::uint8_t value) {
    places.push_back(place);
    values.push_back(value);
  }
};

/// Immutable; shared by threads, each with its own Scratch.
class IncrementalLayer {
 public:
  /// `knows_slacks`: finds thresholds, a kilobyte for each channel; else nothing is taken for granted.
  explicit IncrementalLayer(const MultiplyAccumulate& op, bool knows_slacks = true);

  struct Scratch {
    std::vector<std::uint32_t> deltas;  ///< of accumulators; 0 between updates
    std::vector<std::uint8_t> touched;  ///< by unit, k_unit outputs; 0 between updates
    Elements units;                     ///< those that are touched
    std::vector<std::uint32_t> plane;   ///< what a channel's weights add, by pixel
    std::vector<std::int16_t> pixel;    ///< changes of one input pixel, by channel
  };

  /// Whether update() does less work than the whole layer.
  bool pays(std::size_t changed_inputs) const;

  /// The slacks of `count` outputs, which begin with channel 0.
  void find_slacks(const std::int32_t* accumulators, const std::uint8_t* outputs, std::size_t count,
                   Slack* slacks) const;

  /// The golden run of one image.
  struct Golden {
    const std::uint8_t* input = nullptr;
    const std::int32_t* accumulators = nullptr;
    const std::uint8_t* output = nullptr;
    const Slack* slacks = nullptr;  ///< nullptr: not known, nothing is taken for granted
  };
  /// `changed`: where the input differs from the golden one. `input`: all of it, needed where weights are
  /// faulty. Outputs that differ are appended to `outputs`.
  void update(const LayerFaults& faults, const Golden& golden, const std::uint8_t* input,
              std::span<const std::uint32_t> changed, std::span<const std::uint8_t> values,
              ChangedValues& outputs, Scratch& scratch) const;

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
  static constexpr std::size_t k_unit = 16;
  struct Update;
  struct Place {
    std::size_t tap = 0;  ///< ky or kx
    std::size_t out = 0;  ///< row or column of the output
  };
  struct Change {
    std::size_t first = 0;    ///< output channel of its group
    std::size_t weights = 0;  ///< where its weights of a tap begin
    std::int16_t delta = 0;
  };
  void add_pixel(Update& update, std::size_t plane, std::size_t pixel, std::span<const Change> changes) const;
  void add_changes(const std::int16_t* weights, std::span<const Change> changes, std::uint32_t* deltas) const;
  void add_channel(Update& update, const LayerFaults::Channel& channel, std::size_t plane) const;
  static void touch(Update& update, std::size_t first, std::size_t count);
  void settle(Update& update, std::size_t unit) const;
  void store_hits(Update& update, std::size_t first, std::span<const std::uint8_t> hits) const;
  void store(Update& update, std::size_t element, std::size_t channel, std::int32_t sum) const;
  void add_range(const std::int16_t* weights, std::int16_t low, std::int16_t high, std::int32_t* lows,
                 std::int32_t* highs) const;
  bool bound_output(const Golden& golden, std::size_t element, std::size_t channel, const RangesOut& output,
                    RangeScratch& scratch) const;

  const MultiplyAccumulate& m_op;
  std::size_t m_group_out = 1;
  bool m_rises = false;                       ///< with its accumulators; slacks are known
  bool m_is_depthwise = false;                ///< every channel has an input channel of its own
  std::vector<std::int16_t> m_weights;        ///< less the zero point, [tap][in_c][group_out_c]
  std::vector<std::vector<Place>> m_rows;     ///< of each input row, the taps and output rows it meets
  std::vector<std::vector<Place>> m_columns;  ///< likewise
  double m_reach = 0;                         ///< multiplications that one input takes part in
  /// For each channel and each output code but the smallest: the smallest accumulator that gives at least it.
  std::vector<std::array<std::int32_t, 257>> m_thresholds;
};

}  // namespace qfi
