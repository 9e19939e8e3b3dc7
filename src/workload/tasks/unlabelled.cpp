// SPDX-License-Identifier: Apache-2.0
// Tasks without labels: what counts is whether a fault changes the golden run's class of an image, or, where
// the output is no class (boxes, key points, pictures), any of its values.
#include <algorithm>
#include <array>

#include "image_class.hpp"
#include "qfi/workload/task.hpp"

namespace qfi {
namespace {

constexpr TaskNames k_class_names = {
    .name = "classification_without_labels",
    .unit = "images",
    .unit_key = "images",
    .unit_of_trials = "trials",
    .accuracy = nullptr,
    .accuracy_in_full = nullptr,
    .accuracy_key = nullptr,
    .top5_key = nullptr,
    .changed = "class changes",
    .changed_of = "trials (fault x image)",
    .changed_long = "images change their class",
    .changed_key = "sdc_rate",
    .fault_units_key = "images",
    .fault_changed_key = "top1_changed",
    .fault_labelled_key = nullptr,
    .golden_correct_key = nullptr,
    .golden_labelled_key = nullptr,
    .derived_key = nullptr,
};

constexpr TaskNames output_names() {
  TaskNames names = k_class_names;
  names.name = "outputs";
  names.changed = "output changes";
  names.changed_long = "images change their output";
  names.changed_key = "output_change_rate";
  names.fault_changed_key = "output_changed";
  return names;
}
constexpr TaskNames k_output_names = output_names();

constexpr std::array<NumberField, 6> k_class_fields = {{
    {"images"},
    {"top1_changed"},
    {"top5_lost", NumberField::Kind::count, "the faulty first class is not among the golden top 5"},
    {"output_identical"},
    {"tolerable", NumberField::Kind::count, "the output differs, the first class does not"},
    {"due", NumberField::Kind::count, "images with NaN or infinity in the scores"},
}};

constexpr std::array<NumberField, 4> k_output_fields = {{
    {"images"},
    {"output_changed", NumberField::Kind::count, "some value of the scored output is not the golden one"},
    {"output_identical"},
    {"due", NumberField::Kind::count, "images with NaN or infinity in the scores"},
}};

constexpr std::array<NumberField, 2> k_golden_fields = {{
    {"images"},
    {"due"},
}};

// What has nothing to do with how answers are compared.
class WithoutLabels : public ImageClassTask {
 public:
  double chance(const AnswerShape&, const FaultCounts&) const override { return 0.0; }

  std::span<const NumberField> golden_fields() const override { return k_golden_fields; }
  std::vector<Number> golden_numbers(const FaultCounts& counts, const TieCounts&) const override {
    return {counts.images, counts.nan + counts.infinity};
  }

  // `qfi run` says nothing of answers that nothing is compared with.
  std::span<const NumberField> run_fields() const override { return {}; }
  std::vector<Number> run_numbers(const FaultCounts&, const TieCounts&) const override { return {}; }
  std::string run_text(const FaultCounts&, const TieCounts&) const override { return ""; }

  bool can_be(const FaultCounts& counts) const override {
    return counts.confusion.classes() == 0 && counts.faulty_top5_correct == 0;
  }
};

class Classes final : public WithoutLabels {
 public:
  const TaskNames& names() const override { return k_class_names; }

  Result<AnswerShape> check(const Tensor& tensor, const DataSet&, const Metric& metric) const override {
    return tensor.elements() == 1 ? shape_of_one_value(tensor, metric) : shape_of_scores(tensor);
  }

  FaultCounts score(const Answer& answer, const Label&, const GoldenAnswer* golden, bool) const override {
    return count_change(answer, class_of(answer), golden);
  }

  std::span<const NumberField> count_fields() const override { return k_class_fields; }
  std::vector<Number> count_numbers(const FaultCounts& counts) const override {
    return {counts.images,           counts.changed,    counts.top5_lost,
            counts.output_identical, tolerable(counts), counts.nan + counts.infinity};
  }
};

class Outputs final : public WithoutLabels {
 public:
  const TaskNames& names() const override { return k_output_names; }

  Result<AnswerShape> check(const Tensor&, const DataSet&, const Metric&) const override {
    return AnswerShape();
  }

  // All outputs are of one class, as only their values are compared.
  std::vector<std::int16_t> classes_of(const Answer&) const override { return {0}; }

  FaultCounts score(const Answer& answer, const Label&, const GoldenAnswer* golden, bool) const override {
    FaultCounts counts;
    counts.images = counts.units = 1;
    counts.changed = golden != nullptr && !std::ranges::equal(answer.values, golden->values) ? 1 : 0;
    return counts;
  }

  std::span<const NumberField> count_fields() const override { return k_output_fields; }
  std::vector<Number> count_numbers(const FaultCounts& counts) const override {
    return {counts.images, counts.changed, counts.output_identical, counts.nan + counts.infinity};
  }
};

}  // namespace

const Task& unlabelled_task() {
  static const Classes task;
  return task;
}

const Task& outputs_task() {
  static const Outputs task;
  return task;
}

}  // namespace qfi
