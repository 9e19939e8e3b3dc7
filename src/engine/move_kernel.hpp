// SPDX-License-Identifier: Apache-2.0
// The kernel of every operator that moves values and changes none.
#pragma once

#include <array>
#include <cstring>
#include <limits>

#include "kernel.hpp"

namespace qfi {

constexpr std::int64_t k_fill = std::numeric_limits<std::int64_t>::min();

/// One dimension of a box, in elements: step i is at table[i] in the input (k_fill: outside of it), or
/// at i * step where there is no table; and at i * out_stride in the output.
struct BoxDimension {
  std::int64_t count = 1;
  std::int64_t step = 1;
  std::int64_t out_stride = 1;
  std::vector<std::int64_t> table;

  std::int64_t in_offset(std::int64_t i) const {
    return table.empty() ? i * step : table[static_cast<std::size_t>(i)];
  }
};

/// Walks through one output; the place in the input is the sum of one term per dimension.
struct Box {
  std::size_t input = 0;
  std::size_t output = 0;
  std::int64_t in_start = 0;
  std::int64_t out_start = 0;
  std::vector<BoxDimension> dimensions;  ///< outermost first
};

using Element = std::array<std::byte, 8>;  ///< one stored value, first bytes

/// Runs the boxes one after another, over elements of `element_bytes`; `fill` goes where a table says
/// k_fill.
std::unique_ptr<Kernel> make_move_kernel(std::vector<Box> boxes, std::size_t element_bytes, Element fill);

}  // namespace qfi
