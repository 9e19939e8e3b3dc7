// SPDX-License-Identifier: Apache-2.0
// The metric of a classification network: raw counts of one fault over some images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "qfi/model/model.hpp"

namespace qfi {

/// Sums over images; every rate can be derived from them.
struct ClassificationCounts {
  std::uint64_t images = 0;
  std::uint64_t golden_correct = 0;
  std::uint64_t faulty_correct = 0;
  std::uint64_t faulty_top5_correct = 0;
  std::uint64_t top1_changed = 0;      ///< SDC-1: faulty top-1 is not the golden one
  std::uint64_t top5_lost = 0;         ///< SDC-5: faulty top-1 is not among the golden top-5
  std::uint64_t output_identical = 0;  ///< all model outputs are those of the golden run, bit for bit
  std::uint64_t correct_to_wrong = 0;
  std::uint64_t wrong_to_correct = 0;
  std::uint64_t due = 0;  ///< NaN or infinity in the scores (FLOAT32 only)

  ClassificationCounts& operator+=(const ClassificationCounts& other);
  bool operator==(const ClassificationCounts&) const = default;
};

/// The scores of one image, higher is better; ties go to the lowest class; NaN never wins.
class Scores {
 public:
  /// Reads one image of a tensor. Precondition: an integer type or FLOAT32.
  Scores(const Tensor& tensor, std::span<const std::byte> image);

  /// -1: all scores are NaN.
  int top1() const;
  /// How many classes stand before this one; the largest number for -1 and for a score of NaN.
  std::size_t rank(int label) const;
  bool has_nan_or_infinity() const;
  /// The scores at places k and k+1 (from 1) are equal.
  bool ties_after(std::size_t k) const;
  /// Whether `label` is among the first k hangs on the tie rule.
  bool hangs_on_tie(int label, std::size_t k) const;

 private:
  std::vector<double> m_values;
};

}  // namespace qfi
