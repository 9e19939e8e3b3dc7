// SPDX-License-Identifier: Apache-2.0
#include "image_class.hpp"

#include <algorithm>
#include <cmath>

#include "qfi/base/log.hpp"
#include "qfi/model/stored_value.hpp"
#include "qfi/workload/classification.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_most_classes = 1 << 15;
constexpr double k_threshold = 0.5;

// The real number that a stored one stands for.
double real_value(const Tensor& tensor, double stored) {
  if (tensor.quantization.scales.empty()) return stored;
  return static_cast<double>(tensor.quantization.scales[0]) * (stored - tensor.quantization.zero_points[0]);
}

// The probabilities of a sigmoid reach from 0 to about 1. What codes reach elsewhere are no probabilities.
bool is_probability(const Tensor& tensor) {
  constexpr double k_tolerance = 0.05;
  double smallest = 0, largest = 0;
  switch (tensor.type) {
    case TensorType::int8: smallest = -128, largest = 127; break;
    case TensorType::uint8: smallest = 0, largest = 255; break;
    case TensorType::int16: smallest = 0, largest = 32767; break;
    default: return true;  // FLOAT32 does not say what it reaches
  }
  return std::abs(real_value(tensor, smallest)) <= k_tolerance &&
         std::abs(real_value(tensor, largest) - 1.0) <= k_tolerance;
}

}  // namespace

Result<AnswerShape> shape_of_scores(const Tensor& tensor) {
  const bool is_row = std::ranges::count_if(tensor.shape, [](int size) { return size != 1; }) == 1;
  if (!is_row)
    return bad_input(
        "metric: tensor '{}' of shape {} has no score per class of an image; labels of one class per image, "
        "or "
        "none, need a row of scores",
        tensor.name, fmt::join(tensor.shape, "x"));
  AnswerShape shape;
  shape.classes = tensor.elements();
  if (shape.classes > k_most_classes)
    return bad_input("metric: tensor '{}' has {} values; at most {} classes are supported", tensor.name,
                     shape.classes, k_most_classes);
  return shape;
}

Result<AnswerShape> shape_of_one_value(const Tensor& tensor, const Metric& metric) {
  if (tensor.type == TensorType::int32 || tensor.type == TensorType::int64)
    return bad_input("metric: tensor '{}' holds a class number; name the scores that it comes from",
                     tensor.name);
  if (!metric.threshold && !is_probability(tensor))
    log(LogLevel::warning,
        fmt::format(
            "metric: tensor '{}' has one value, which is no probability of 0 .. 1; class 1 is what lies "
            "above {}, unless a threshold says otherwise",
            tensor.name, k_threshold));
  AnswerShape shape;
  shape.classes = 2;
  shape.threshold = metric.threshold.value_or(k_threshold);
  return shape;
}

int class_of(const Answer& answer) {
  if (!answer.shape.threshold) return Scores(answer.tensor, answer.values).top1();
  const double value = real_value(answer.tensor, numbers_of(answer.tensor.type, answer.values).front());
  if (std::isnan(value)) return -1;
  return value > *answer.shape.threshold ? 1 : 0;
}

FaultCounts count_change(const Answer& answer, int found, const GoldenAnswer* golden) {
  FaultCounts counts;
  counts.images = counts.units = 1;
  if (golden == nullptr || found == golden->classes.front()) return counts;
  counts.changed = 1;
  const bool has_scores = !answer.shape.threshold;
  if (has_scores && Scores(answer.tensor, golden->values).rank(found) >= 5) counts.top5_lost = 1;
  return counts;
}

void count_label(const Answer& answer, int found, const GoldenAnswer* golden, int label, bool wants_confusion,
                 FaultCounts& counts) {
  const bool was_right = (golden == nullptr ? found : golden->classes.front()) == label;
  const bool is_right = found == label;
  counts.labelled = 1;
  counts.golden_correct = was_right ? 1 : 0;
  counts.faulty_correct = is_right ? 1 : 0;
  counts.correct_to_wrong = was_right && !is_right ? 1 : 0;
  counts.wrong_to_correct = !was_right && is_right ? 1 : 0;
  if (!wants_confusion) return;
  counts.confusion = ConfusionMatrix(answer.shape.classes);
  counts.confusion.add(label, found);
}

}  // namespace qfi
