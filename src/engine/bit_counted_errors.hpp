// SPDX-License-Identifier: Apache-2.0
// ErrorPlanes made ready for a layer's weights: which bit planes each output counts.
#pragma once

#include <memory>
#include <vector>

#include "error_planes.hpp"
#include "kernels/avx512/bit_count_avx512.hpp"

namespace qfi {

/// Immutable; shared by threads.
class BitCountedErrors {
 public:
  /// `planes`: how many are at hand at a time.
  BitCountedErrors(const ErrorPlanes& errors, const MultiplyAccumulate& op, const ConvolutionShape& shape,
                   std::size_t planes);

  struct Values {
    std::int32_t factor = 1;
    bool is_wide = false;           ///< counts have two bytes
    std::vector<BitCounts> slices;  ///< of the input channels; their counts are added
  };
  const std::vector<Values>& values() const { return m_values; }
  /// Planes that are counted in one go.
  std::size_t planes() const { return m_planes; }
  std::size_t memory_words() const;
  std::size_t copied_bytes() const { return m_copied_bytes; }
  /// Roughly, of one plane of the layer.
  double cycles_per_plane() const { return m_cycles; }

 private:
  void add_value(const ErrorPlane& plane, const MultiplyAccumulate& op, const ConvolutionShape& shape);
  void estimate(const ConvolutionShape& shape);

  std::size_t m_planes = 64;
  std::size_t m_copied_bytes = 0;
  std::vector<Values> m_values;
  std::vector<std::unique_ptr<std::array<std::uint8_t, 256>>> m_tables;
  double m_cycles = 0;
};

}  // namespace qfi
