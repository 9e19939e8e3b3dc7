// SPDX-License-Identifier: Apache-2.0
// Owns PairCounter, which knows how often each pair of operands meets in one operator. Images go in, batch by
// batch; a count for each weight byte and input byte comes out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "qfi/engine/program.hpp"

namespace qfi {

struct MultiplyAccumulate;

/// Each thread has its own; they are added up in the end.
class PairCounter {
 public:
  /// Precondition: program.multiplies_weights(operator_index). `program` must outlive it.
  PairCounter(const Program& program, std::size_t operator_index, PaddingTaps padding);
  /// `op` must outlive it.
  PairCounter(const MultiplyAccumulate& op, PaddingTaps padding);

  /// Counts the inputs of the operator that the batch holds now.
  void add(const Batch& batch);
  /// Counts `planes` inputs of the shape [in_h][in_w][in_c], one after the other.
  void add(std::size_t planes, const std::uint8_t* input);
  /// Adds what another thread counted for the same operator.
  void add(const PairCounter& other);

  /// Adds to counts[weight byte * 256 + input byte] how often that pair was multiplied.
  void add_to(std::span<std::uint64_t> counts) const;

 private:
  using Histogram = std::uint64_t[256];
  const MultiplyAccumulate* m_op;
  PaddingTaps m_padding;
  int m_tensor = -1;
  std::uint64_t m_planes = 0;
  /// Input rows that the same filter rows meet are counted together, and columns: class of each, and whether
  /// filter row k meets class c, [k][c].
  struct Classes {
    std::vector<std::size_t> of_place;
    std::vector<std::vector<bool>> meets;
    std::size_t count = 0;
  };
  Classes m_rows, m_columns;
  std::vector<std::uint64_t> m_seen;   ///< [row class][column class][in_c][256]
  std::vector<std::uint64_t> m_pairs;  ///< instead, where that would be too large

  static Classes classify(int places, int filter, const auto& tap_range);
};

}  // namespace qfi
