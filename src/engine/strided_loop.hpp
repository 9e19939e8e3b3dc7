// SPDX-License-Identifier: Apache-2.0
// Loops over boxes of any number of dimensions, without index maps in memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

/// One dimension of a box, outermost first: its size, and for each of N arrays how many elements
/// one step moves (0: the array does not have the dimension).
template <std::size_t N>
struct LoopDimension {
  std::int64_t size = 1;
  std::array<std::int64_t, N> strides{};
};
template <std::size_t N>
using Loop = std::vector<LoopDimension<N>>;

/// The same loop with neighbouring dimensions joined where every array allows it. Never empty.
template <std::size_t N>
Loop<N> joined(const Loop<N>& loop) {
  Loop<N> result;
  for (const LoopDimension<N>& inner : loop) {
    if (inner.size == 1) continue;
    bool can_join = !result.empty();
    for (std::size_t k = 0; k < N && can_join; ++k)
      can_join = result.back().strides[k] == inner.strides[k] * inner.size;
    if (can_join) result.back() = {result.back().size * inner.size, inner.strides};
    else result.push_back(inner);
  }
  if (result.empty()) result.push_back({});
  return result;
}

/// Calls row(offsets) for every row of the innermost dimension, in row-major order.
template <std::size_t N, class Row>
void for_each_row(const Loop<N>& loop, const Row& row) {
  std::array<std::int64_t, N> offsets{};
  std::vector<std::int64_t> place(loop.size(), 0);
  for (;;) {
    row(offsets);
    std::size_t d = loop.size() - 1;
    for (;;) {
      if (d == 0) return;
      --d;
      for (std::size_t k = 0; k < N; ++k) offsets[k] += loop[d].strides[k];
      if (++place[d] < loop[d].size) break;
      for (std::size_t k = 0; k < N; ++k) offsets[k] -= loop[d].strides[k] * loop[d].size;
      place[d] = 0;
    }
  }
}

/// Elements between neighbours along each dimension of a dense array.
inline std::vector<std::int64_t> dense_strides(const std::vector<int>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

/// What two shapes broadcast to, without the last `skipped` dimensions of both; where they do not fit each
/// other, any shape. Precondition: both have so many.
inline std::vector<int> broadcast_shape(const std::vector<int>& a, const std::vector<int>& b,
                                        std::size_t skipped = 0) {
  std::vector<int> shape(std::max(a.size(), b.size()) - skipped, 1);
  for (const std::vector<int>* in : {&a, &b})
    for (std::size_t d = 0, missing = shape.size() + skipped - in->size(); d + skipped < in->size(); ++d)
      shape[missing + d] = std::max(shape[missing + d], (*in)[d]);
  return shape;
}

/// Adds the strides of two inputs whose shapes broadcast to `loop`'s sizes; the last `skipped`
/// dimensions of the inputs are left out. Error: they do not broadcast, or to a smaller shape.
inline Result<void> add_broadcast_strides(const std::vector<int>& a, const std::vector<int>& b,
                                          std::size_t skipped, Loop<2>& loop) {
  if (std::max(a.size(), b.size()) != loop.size() + skipped)
    return bad_input("the dimensions of inputs and output do not fit");
  std::vector<int> largest(loop.size(), 1);
  for (std::size_t k = 0; k < 2; ++k) {
    const std::vector<int>& in = k == 0 ? a : b;
    const std::vector<std::int64_t> strides = dense_strides(in);
    const std::size_t missing = loop.size() + skipped - in.size();
    for (std::size_t d = 0; d + skipped < in.size(); ++d) {
      if (in[d] != loop[missing + d].size && in[d] != 1)
        return bad_input("an input's shape does not broadcast to the output's");
      loop[missing + d].strides[k] = in[d] == 1 ? 0 : strides[d];
      largest[missing + d] = std::max(largest[missing + d], in[d]);
    }
  }
  for (std::size_t d = 0; d < loop.size(); ++d)
    if (largest[d] != loop[d].size)
      return bad_input("the output is larger than what its inputs broadcast to");
  return {};
}

}  // namespace qfi
