// SPDX-License-Identifier: Apache-2.0
// Owns the raw counts of one fault. Counts of images go in and are added up; every rate can be derived from
// what comes out.
#pragma once

#include <cstdint>

#include "qfi/workload/segmentation.hpp"

namespace qfi {

/// Sums over images. A unit is what has a class: an image, or a pixel of a segmentation.
struct FaultCounts {
  std::uint64_t images = 0;
  std::uint64_t output_identical = 0;  ///< images whose model outputs are all the golden ones, bit for bit
  // DUE, of FLOAT32 scores:
  std::uint64_t nan = 0;       ///< images with NaN
  std::uint64_t infinity = 0;  ///< images with infinity, and no NaN
  std::uint64_t units = 0;
  std::uint64_t changed = 0;   ///< units whose class is not the golden one; of images SDC-1
  std::uint64_t labelled = 0;  ///< units that have a label; the following are of these
  std::uint64_t golden_correct = 0;
  std::uint64_t faulty_correct = 0;
  std::uint64_t correct_to_wrong = 0;
  std::uint64_t wrong_to_correct = 0;
  // Classification only:
  std::uint64_t faulty_top5_correct = 0;
  std::uint64_t top5_lost = 0;  ///< SDC-5: faulty top-1 is not among the golden top-5
  // Segmentation only:
  ConfusionMatrix confusion;

  FaultCounts& operator+=(const FaultCounts& other);
  bool operator==(const FaultCounts&) const = default;
};

}  // namespace qfi
