// SPDX-License-Identifier: Apache-2.0
// ErrorPlanes made ready for a layer's weights: which bit planes each output counts.
#pragma once

#include <bitset>
#include <memory>
#include <vector>

#include "error_planes.hpp"
#include "kernels/bit_count.hpp"

namespace qfi {

/// Which weight bytes meet each input channel.
using WeightsOfChannels = std::vector<std::bitset<256>>;
WeightsOfChannels weights_of_channels(const MultiplyAccumulate& op);

/// Immutable; shared by threads.
class BitCountedErrors {
 public:
  using PatternTables = std::vector<std::array<std::uint8_t, 256>>;

  /// `weights`: of `op`. `planes`: how many are at hand at a time.
  BitCountedErrors(const ErrorPlanes& errors, const MultiplyAccumulate& op, const WeightsOfChannels& weights,
                   const ConvolutionShape& shape, std::size_t planes);

  struct Values {
    std::int32_t factor = 1;
    bool is_wide = false;           ///< counts have two bytes
    std::vector<BitCounts> slices;  ///< of the input channels; their counts are added
    std::unique_ptr<const PatternTables> tables;
  };
  const std::vector<Values>& values() const { return m_values; }
  /// Planes that are counted in one go.
  std::size_t planes() const { return m_planes; }
  std::size_t memory_words() const;
  std::size_t copied_bytes() const { return m_copied_bytes; }
  /// What one plane of the layer takes, roughly.
  double cycles_per_plane() const { return m_cycles; }

 private:
  static void add_slices(const ErrorPlane& plane, const WeightsOfChannels& weights, const ConvolutionShape& s,
                         const BitRows& rows, Values& value);
  static std::vector<std::array<std::uint32_t, 256>> places_of_weights(const ErrorPlane& plane,
                                                                       const BitCounts& slice,
                                                                       const PatternTables& tables);
  std::size_t add_entries(const ErrorPlane& plane, const MultiplyAccumulate& op, const ConvolutionShape& s,
                          BitCounts& slice);
  void estimate(const ConvolutionShape& s);

  std::size_t m_planes = 64;
  std::size_t m_copied_bytes = 0;
  std::vector<Values> m_values;
  double m_cycles = 0;
};

}  // namespace qfi
