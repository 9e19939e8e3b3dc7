// SPDX-License-Identifier: Apache-2.0
// Owns the scores that a classification network gives one image. A tensor's values go in; places and ties of
// classes come out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "qfi/model/model.hpp"

namespace qfi {

/// The scores of one image, higher is better; ties go to the lowest class; NaN never wins.
class Scores {
 public:
  /// Reads one image of a tensor. Precondition: an integer type or FLOAT32.
  Scores(const Tensor& tensor, std::span<const std::byte> image);

  /// The best class; -1 where all scores are NaN.
  int top1() const;
  /// How many classes stand before this one; the largest number for -1 and for a score of NaN.
  std::size_t rank(int label) const;
  bool has_nan_or_infinity() const;
  /// Whether the scores at places k and k+1 (from 1) are equal.
  bool ties_after(std::size_t k) const;
  /// Whether `label` is among the first k hangs on the tie rule.
  bool hangs_on_tie(int label, std::size_t k) const;

 private:
  std::vector<double> m_values;
};

}  // namespace qfi
