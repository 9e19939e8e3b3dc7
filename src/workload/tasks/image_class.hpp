// SPDX-License-Identifier: Apache-2.0
// What the tasks share that give each image one class. An answer goes in; its class, and what it counts, come
// out.
#pragma once

#include "qfi/workload/task.hpp"

namespace qfi {

/// Error: the tensor is no row of scores, one for each class.
Result<AnswerShape> shape_of_scores(const Tensor& tensor);
/// How an output of one value is read. Error: it is a class number, no score. Warns where no threshold is
/// given and 0.5 does not lie in the middle of what the output can be.
Result<AnswerShape> shape_of_one_value(const Tensor& tensor, const Metric& metric);

/// The class of an image; -1: all scores are NaN.
int class_of(const Answer& answer);

/// A task that gives each image one class.
class ImageClassTask : public Task {
 public:
  std::vector<std::int16_t> classes_of(const Answer& answer) const override {
    return {static_cast<std::int16_t>(class_of(answer))};
  }
};

/// Images whose output differs from the golden one while their class does not.
inline std::uint64_t tolerable(const FaultCounts& counts) {
  return counts.images - counts.output_identical - counts.changed;
}

/// A share of 0 .. 1; NaN where `whole` is 0.
inline double share_of(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// One image whose class is `found`, compared with the golden answer; without one it counts as unchanged.
FaultCounts count_change(const Answer& answer, int found, const GoldenAnswer* golden);
/// Adds whether the class was right, and is.
void count_label(const Answer& answer, int found, const GoldenAnswer* golden, int label, bool wants_confusion,
                 FaultCounts& counts);

}  // namespace qfi
