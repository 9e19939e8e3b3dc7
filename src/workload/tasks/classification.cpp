// SPDX-License-Identifier: Apache-2.0
// Classification: one score for each class, one class for each image.
#include "qfi/workload/classification.hpp"

#include <algorithm>
#include <array>

#include "image_class.hpp"
#include "qfi/workload/task.hpp"

namespace qfi {
namespace {

constexpr TaskNames k_names = {
    .name = "classification",
    .unit = "images",
    .unit_key = "images",
    .unit_of_trials = "trials",
    .accuracy = "top-1",
    .accuracy_in_full = "top-1 accuracy",
    .accuracy_key = "faulty_top1",
    .top5_key = "faulty_top5",
    .changed = "class changes",
    .changed_of = "trials (fault x image)",
    .changed_long = "images change their class",
    .changed_key = "sdc_rate",
    .fault_units_key = "images",
    .fault_changed_key = "top1_changed",
    .fault_labelled_key = "images",
    .golden_correct_key = "top1_correct",
    .golden_labelled_key = "images",
    .derived_key = nullptr,
};

constexpr std::array<NumberField, 11> k_count_fields_of_fault = {{
    {"images"},
    {"golden_correct"},
    {"faulty_correct"},
    {"faulty_top5_correct"},
    {"top1_changed"},
    {"top5_lost", NumberField::Kind::count, "the faulty first class is not among the golden top 5"},
    {"output_identical"},
    {"tolerable", NumberField::Kind::count, "the output differs, the first class does not"},
    {"correct_to_wrong"},
    {"wrong_to_correct"},
    {"due", NumberField::Kind::count, "images with NaN or infinity in the scores"},
}};

constexpr std::array<NumberField, 8> k_golden_fields = {{
    {"images"},
    {"top1_correct"},
    {"top5_correct"},
    {"top1", NumberField::Kind::share},
    {"top5", NumberField::Kind::share},
    {"top5_ties"},
    {"top5_hanging_on_tie"},
    {"due"},
}};

constexpr std::array<NumberField, 4> k_run_fields = {{
    {"top1_correct"},
    {"top5_correct"},
    {"top5_ties"},
    {"top5_hanging_on_tie"},
}};

class Classification final : public ImageClassTask {
 public:
  const TaskNames& names() const override { return k_names; }

  Result<AnswerShape> check(const Tensor& tensor, const DataSet& data, const Metric&) const override {
    QFI_TRY(const AnswerShape shape, shape_of_scores(tensor));
    QFI_CHECK(data.check_labels(shape.classes));
    return shape;
  }

  FaultCounts score(const Answer& answer, const Label& label, const GoldenAnswer* golden,
                    bool wants_confusion) const override {
    const Scores scores(answer.tensor, answer.values);
    const int found = scores.top1();
    FaultCounts counts = count_change(answer, found, golden);
    count_label(answer, found, golden, label.image_class, wants_confusion, counts);
    counts.faulty_top5_correct = scores.rank(label.image_class) < 5 ? 1 : 0;
    return counts;
  }

  TieCounts ties(const Answer& answer, const Label& label) const override {
    const Scores scores(answer.tensor, answer.values);
    return {scores.ties_after(5) ? std::uint64_t{1} : 0,
            scores.hangs_on_tie(label.image_class, 5) ? std::uint64_t{1} : 0};
  }

  std::span<const NumberField> count_fields() const override { return k_count_fields_of_fault; }
  std::vector<Number> count_numbers(const FaultCounts& counts) const override {
    return {counts.images,
            counts.golden_correct,
            counts.faulty_correct,
            counts.faulty_top5_correct,
            counts.changed,
            counts.top5_lost,
            counts.output_identical,
            tolerable(counts),
            counts.correct_to_wrong,
            counts.wrong_to_correct,
            counts.nan + counts.infinity};
  }

  std::span<const NumberField> golden_fields() const override { return k_golden_fields; }
  std::vector<Number> golden_numbers(const FaultCounts& counts, const TieCounts& ties) const override {
    return {counts.images,
            counts.golden_correct,
            counts.faulty_top5_correct,
            share_of(counts.golden_correct, counts.images),
            share_of(counts.faulty_top5_correct, counts.images),
            ties.ties,
            ties.hanging,
            counts.nan + counts.infinity};
  }

  std::span<const NumberField> run_fields() const override { return k_run_fields; }
  std::vector<Number> run_numbers(const FaultCounts& counts, const TieCounts& ties) const override {
    return {counts.faulty_correct, counts.faulty_top5_correct, ties.ties, ties.hanging};
  }
  std::string run_text(const FaultCounts& counts, const TieCounts& ties) const override {
    return fmt::format("  top-1  {}  ({})\n  top-5  {}  ({}; {} labels hang on a tie for place 5)\n",
                       share_text(share_of(counts.faulty_correct, counts.labelled)), counts.faulty_correct,
                       share_text(share_of(counts.faulty_top5_correct, counts.labelled)),
                       counts.faulty_top5_correct, ties.hanging);
  }

  bool can_be(const FaultCounts& counts) const override { return counts.confusion.classes() == 0; }
};

}  // namespace

const Task& classification_task() {
  static const Classification task;
  return task;
}

}  // namespace qfi
