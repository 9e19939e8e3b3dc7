// SPDX-License-Identifier: Apache-2.0
// One 8-bit layer on one image, computed from its golden accumulators and what differs: changed inputs,
// changed weights and biases, faulty accumulators. Exact: accumulators are sums modulo 2^32.
#pragma once

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

/// Immutable; shared by threads, each with its own Scratch.
class IncrementalLayer {
 public:
  explicit IncrementalLayer(const MultiplyAccumulate& op);

  struct Scratch {
    std::vector<std::int32_t> sums;     ///< of touched groups
    std::vector<std::uint8_t> touched;  ///< by group
    Elements groups;                    ///< those that are touched
    std::vector<std::uint32_t> plane;   ///< what a channel's weights add, by pixel
  };

  /// Whether update() does less work than the whole layer.
  bool pays(std::size_t changed_inputs) const;

  struct Golden {
    const std::uint8_t* input = nullptr;
    const std::int32_t* accumulators = nullptr;
  };
  /// `changed`: where `input` differs from the golden one, each place once. `output` holds the golden
  /// output, and then the faulty one; places that changed are appended to `changed_outputs`.
  void update(const LayerFaults& faults, const Golden& golden, const std::uint8_t* input,
              std::span<const std::uint32_t> changed, std::uint8_t* output, Elements& changed_outputs,
              Scratch& scratch) const;

  const MultiplyAccumulate& op() const { return m_op; }

 private:
  struct Update;
  struct Place {
    std::size_t tap = 0;  ///< ky or kx
    std::size_t out = 0;  ///< row or column of the output
  };
  struct Change {
    std::size_t channel = 0;
    std::int16_t delta = 0;
  };
  void add_pixel(Update& update, std::size_t plane, std::size_t pixel, std::span<const Change> changes) const;
  void add_channel(Update& update, const LayerFaults::Channel& channel, std::size_t plane) const;
  void touch(Update& update, std::size_t group) const;
  void store(Update& update, std::size_t element, std::int32_t sum) const;

  const MultiplyAccumulate& m_op;
  std::size_t m_group_out = 1;
  std::vector<std::int16_t> m_weights;        ///< less the zero point, [tap][in_c][group_out_c]
  std::vector<std::vector<Place>> m_rows;     ///< of each input row, the taps and output rows it meets
  std::vector<std::vector<Place>> m_columns;  ///< likewise
  double m_reach = 0;                         ///< multiplications that one input takes part in
};

}  // namespace qfi
