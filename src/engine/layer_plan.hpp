// SPDX-License-Identifier: Apache-2.0
// Owns the choice of how a layer computes each of the inferences that run side by side. What each way costs
// goes in, the cheapest ways come out. Results do not depend on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace qfi {

/// Seconds of each way.
struct LayerPrices {
  double call = 0;    ///< of inferences side by side as a whole, besides their images
  double image = 0;   ///< of each of those
  double pixel = 0;   ///< of the outputs: its golden sums, requantized
  double pair = 0;    ///< of changed inputs, added to a pixel's sums
  double listed = 0;  ///< a pixel of the outputs from all its taps
};

class LayerPlan {
 public:
  /// `changes`: the outputs that changed inputs reach, from golden accumulators; `listed`: the same outputs,
  /// each from all its taps, those of all inferences in one product; `whole`: all outputs.
  enum class Way : std::uint8_t { none, changes, listed, whole };
  struct Inference {
    bool is_reached = false;  ///< its input differs
    bool is_apart = false;    ///< it is computed elsewhere, and must not be written as a whole
    /// What these ways cost; infinity: not possible.
    double changes = std::numeric_limits<double>::infinity();
    double listed = std::numeric_limits<double>::infinity();
    Way way = Way::none;
  };
  std::vector<Inference> inferences;

  void begin(std::size_t count) { inferences.assign(count, {}); }
  /// The ways of the smallest sum of prices. An inference that is not reached may be computed as a whole,
  /// too, where it stands between others.
  void choose_ways(const LayerPrices& prices);

 private:
  struct Step {
    bool whole_from_whole = false;  ///< the way of the one before, on the shortest path to this one
    bool other_from_whole = false;
  };
  std::vector<Step> m_steps;
};

}  // namespace qfi
