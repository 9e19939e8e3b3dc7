// SPDX-License-Identifier: Apache-2.0
// Classification by one value: class 1 above a threshold, class 0 at it and below.
#include <array>

#include "image_class.hpp"
#include "qfi/workload/task.hpp"

namespace qfi {
namespace {

constexpr TaskNames k_names = {
    .name = "binary_classification",
    .unit = "images",
    .unit_key = "images",
    .unit_of_trials = "trials",
    .accuracy = "accuracy",
    .accuracy_in_full = "accuracy",
    .accuracy_key = "faulty_accuracy",
    .top5_key = nullptr,
    .changed = "class changes",
    .changed_of = "trials (fault x image)",
    .changed_long = "images change their class",
    .changed_key = "sdc_rate",
    .fault_units_key = "images",
    .fault_changed_key = "class_changed",
    .fault_labelled_key = "images",
    .golden_correct_key = "correct",
    .golden_labelled_key = "images",
    .derived_key = nullptr,
};

constexpr std::array<NumberField, 9> k_count_fields_of_fault = {{
    {"images"},
    {"golden_correct"},
    {"faulty_correct"},
    {"class_changed"},
    {"output_identical"},
    {"tolerable", NumberField::Kind::count, "the output differs, the first class does not"},
    {"correct_to_wrong"},
    {"wrong_to_correct"},
    {"due", NumberField::Kind::count, "images with NaN or infinity in the scores"},
}};

constexpr std::array<NumberField, 4> k_golden_fields = {{
    {"images"},
    {"correct"},
    {"accuracy", NumberField::Kind::share},
    {"due"},
}};

constexpr std::array<NumberField, 2> k_run_fields = {{
    {"correct"},
    {"accuracy", NumberField::Kind::share},
}};

class BinaryClassification final : public ImageClassTask {
 public:
  const TaskNames& names() const override { return k_names; }

  Result<AnswerShape> check(const Tensor& tensor, const DataSet& data, const Metric& metric) const override {
    QFI_TRY(const AnswerShape shape, shape_of_one_value(tensor, metric));
    QFI_CHECK(data.check_labels(shape.classes));
    return shape;
  }

  FaultCounts score(const Answer& answer, const Label& label, const GoldenAnswer* golden,
                    bool wants_confusion) const override {
    const int found = class_of(answer);
    FaultCounts counts = count_change(answer, found, golden);
    count_label(answer, found, golden, label.image_class, wants_confusion, counts);
    return counts;
  }

  std::span<const NumberField> count_fields() const override { return k_count_fields_of_fault; }
  std::vector<Number> count_numbers(const FaultCounts& counts) const override {
    return {counts.images,           counts.golden_correct,   counts.faulty_correct,
            counts.changed,          counts.output_identical, tolerable(counts),
            counts.correct_to_wrong, counts.wrong_to_correct, counts.nan + counts.infinity};
  }

  std::span<const NumberField> golden_fields() const override { return k_golden_fields; }
  std::vector<Number> golden_numbers(const FaultCounts& counts, const TieCounts&) const override {
    return {counts.images, counts.golden_correct, share_of(counts.golden_correct, counts.images),
            counts.nan + counts.infinity};
  }

  std::span<const NumberField> run_fields() const override { return k_run_fields; }
  std::vector<Number> run_numbers(const FaultCounts& counts, const TieCounts&) const override {
    return {counts.faulty_correct, share_of(counts.faulty_correct, counts.labelled)};
  }
  std::string run_text(const FaultCounts& counts, const TieCounts&) const override {
    return fmt::format("  accuracy  {}  ({} of {})\n",
                       share_text(share_of(counts.faulty_correct, counts.labelled)), counts.faulty_correct,
                       counts.labelled);
  }

  bool can_be(const FaultCounts& counts) const override {
    return counts.confusion.classes() == 0 && counts.top5_lost == 0 && counts.faulty_top5_correct == 0;
  }
};

}  // namespace

const Task& binary_classification_task() {
  static const BinaryClassification task;
  return task;
}

}  // namespace qfi
