// SPDX-License-Identifier: Apache-2.0
// Owns interval arithmetic over a network, in integers. Golden activations of one image and a range of one
// stored value go in; bounds of every later value come out, while that value is anything in its range. A
// class that wins within its bounds wins whatever the value is, without trying any.
#pragma once

#include <memory>

#include "qfi/engine/propagation.hpp"

namespace qfi {

/// Codes of an 8-bit tensor, both ends included.
struct CodeRange {
  int low = 0;
  int high = 0;
};

/// One thread's bounds.
class RangePropagator {
 public:
  explicit RangePropagator(const Propagation& propagation);
  ~RangePropagator();

  /// Bounds of every later value while output `element` of operator `index` holds any code of `range` and all
  /// else is fault-free. False: an operator on the way has none; those that have are layers of 8-bit weights
  /// whose outputs rise with their accumulators, pools and what moves values. Precondition: 8-bit outputs.
  bool run(const GoldenActivations& golden, std::size_t image, std::size_t index, std::uint64_t element,
           CodeRange range);

  /// The bounds of an element of an 8-bit tensor after a run that returned true; both are the golden value
  /// where nothing can differ.
  CodeRange bounds(int tensor, std::size_t element) const;

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace qfi
