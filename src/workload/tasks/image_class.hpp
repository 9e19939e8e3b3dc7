// SPDX-License-Identifier: Apache-2.0
// What the tasks share that give each image one class. An answer goes in; its class, and what it counts, come
// out.
#pragma once

#include "qfi/workload/task.hpp"

namespace qfi {

/// Error: the tensor is no row of scores, one for each class.
Result<AnswerShape> shape_of_scores(const Tensor& tensor);
/// Of an output of one value. Error: it is a class number, no score. Warns where no threshold is given and
/// 0.5 does not lie in the middle of what the output can be.
Result<AnswerShape> shape_of_one_value(const Tensor& tensor, const Metric& metric);

/// The class of an image; -1: all scores are NaN.
int class_of(const Answer& answer);

/// One image whose class is `found`, compared with the golden answer; without one it counts as unchanged.
FaultCounts count_change(const Answer& answer, int found, const GoldenAnswer* golden);
/// Adds whether the class was right, and is.
void count_label(const Answer& answer, int found, const GoldenAnswer* golden, int label, bool wants_confusion,
                 FaultCounts& counts);

}  // namespace qfi
