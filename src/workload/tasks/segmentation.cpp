// SPDX-License-Identifier: Apache-2.0
// Segmentation: a map of classes, or of scores for each class, and a class map as label.
#include "qfi/workload/segmentation.hpp"

#include <algorithm>
#include <array>

#include "qfi/workload/task.hpp"

namespace qfi {
namespace {

constexpr TaskNames k_names = {
    .name = "segmentation",
    .unit = "pixels",
    .unit_key = "pixels",
    .unit_of_trials = "pixels",
    .accuracy = "pixels",
    .accuracy_in_full = "pixel accuracy",
    .accuracy_key = "faulty_pixel_accuracy",
    .top5_key = nullptr,
    .changed = "pixels changed",
    .changed_of = "pixels under faults",
    .changed_long = "pixels change their class",
    .changed_key = "pixels_changed",
    .fault_units_key = "pixels",
    .fault_changed_key = "pixels_changed",
    .fault_labelled_key = "labelled_pixels",
    .golden_correct_key = "pixels_correct",
    .golden_labelled_key = "labelled_pixels",
    .derived_key = "iou_of_drawn",
};

constexpr std::array<NumberField, 10> k_count_fields_of_fault = {{
    {"images"},
    {"pixels"},
    {"pixels_changed"},
    {"labelled_pixels"},
    {"golden_correct"},
    {"faulty_correct"},
    {"output_identical"},
    {"correct_to_wrong"},
    {"wrong_to_correct"},
    {"due", NumberField::Kind::count, "images with NaN or infinity in the scores"},
}};

constexpr std::array<NumberField, 9> k_golden_fields = {{
    {"images"},
    {"pixels"},
    {"labelled_pixels"},
    {"pixels_correct"},
    {"pixel_accuracy", NumberField::Kind::share},
    {"mean_iou", NumberField::Kind::share_or_null},
    {"global_iou", NumberField::Kind::share_or_null},
    {"weighted_iou", NumberField::Kind::share_or_null},
    {"due"},
}};

constexpr std::array<NumberField, 6> k_run_fields = {{
    {"pixels"},
    {"pixels_correct"},
    {"pixels_ignored"},
    {"iou_mean", NumberField::Kind::share_or_null},
    {"iou_global", NumberField::Kind::share_or_null},
    {"iou_weighted_by_inverse_frequency", NumberField::Kind::share_or_null},
}};

constexpr std::array<DerivedMetric, 3> k_derived = {{
    {"mean_iou", "mean", "IoU, mean"},
    {"global_iou", "global", "IoU, global"},
    {"weighted_iou", "weighted", "IoU, weighted"},
}};

Number number_of(const std::optional<double>& share) { return share ? Number(*share) : Number(); }

// The classes that labels may have.
int most_classes(const AnswerShape& shape) {
  return shape.classes > 0 ? static_cast<int>(shape.classes) : ConfusionMatrix::k_max_classes;
}

class Segmentation final : public Task {
 public:
  const TaskNames& names() const override { return k_names; }

  Result<AnswerShape> check(const Tensor& tensor, const DataSet& data, const Metric&) const override {
    QFI_TRY(const ClassMap first, data.label_map(0));
    auto shape = check_image(tensor, {}, {0, &first});
    if (!shape) return at(fmt::format("image {}", data.indices().front()), shape.error());
    return shape;
  }

  Result<AnswerShape> check_image(const Tensor& tensor, const AnswerShape&,
                                  const Label& label) const override {
    AnswerShape shape;
    QFI_TRY(shape.map, map_shape(tensor, *label.map));
    shape.classes = shape.map->classes;
    QFI_CHECK(check_classes(shape, *label.map));
    return shape;
  }

  // A map of classes does not say how many there may be.
  double chance(const AnswerShape& shape, const FaultCounts& golden) const override {
    const std::size_t classes = shape.classes > 0 ? shape.classes : golden.confusion.classes();
    return 1.0 / static_cast<double>(std::max<std::size_t>(classes, 2));
  }

  std::vector<std::int16_t> classes_of(const Answer& answer) const override {
    const std::vector<int> classes = predicted_classes(answer.tensor, *answer.shape.map, answer.values);
    return {classes.begin(), classes.end()};
  }

  FaultCounts score(const Answer& answer, const Label& label, const GoldenAnswer* golden,
                    bool) const override {
    const std::vector<int> found = predicted_classes(answer.tensor, *answer.shape.map, answer.values);
    FaultCounts counts;
    counts.images = 1;
    counts.units = found.size();
    if (answer.shape.classes > 0) counts.confusion = ConfusionMatrix(answer.shape.classes);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const int before = golden == nullptr ? found[i] : golden->classes[i];
      const int truth = label.map->classes[i];
      counts.changed += found[i] != before ? 1 : 0;
      if (truth == DataSet::k_ignored) continue;
      const bool was_right = before == truth;
      const bool is_right = found[i] == truth;
      ++counts.labelled;
      counts.golden_correct += was_right ? 1 : 0;
      counts.faulty_correct += is_right ? 1 : 0;
      counts.correct_to_wrong += was_right && !is_right ? 1 : 0;
      counts.wrong_to_correct += !was_right && is_right ? 1 : 0;
      counts.confusion.add(truth, found[i]);
    }
    return counts;
  }

  std::span<const NumberField> count_fields() const override { return k_count_fields_of_fault; }
  std::vector<Number> count_numbers(const FaultCounts& counts) const override {
    return {counts.images,           counts.units,
            counts.changed,          counts.labelled,
            counts.golden_correct,   counts.faulty_correct,
            counts.output_identical, counts.correct_to_wrong,
            counts.wrong_to_correct, counts.nan + counts.infinity};
  }

  std::span<const NumberField> golden_fields() const override { return k_golden_fields; }
  std::vector<Number> golden_numbers(const FaultCounts& counts, const TieCounts&) const override {
    return {counts.images,
            counts.units,
            counts.labelled,
            counts.golden_correct,
            static_cast<double>(counts.golden_correct) / static_cast<double>(counts.labelled),
            number_of(counts.confusion.mean_iou()),
            number_of(counts.confusion.global_iou()),
            number_of(counts.confusion.weighted_iou()),
            counts.nan + counts.infinity};
  }

  std::span<const DerivedMetric> derived_metrics() const override { return k_derived; }
  std::vector<std::optional<double>> derived(const FaultCounts& counts) const override {
    return {counts.confusion.mean_iou(), counts.confusion.global_iou(), counts.confusion.weighted_iou()};
  }

  std::span<const NumberField> run_fields() const override { return k_run_fields; }
  std::vector<Number> run_numbers(const FaultCounts& counts, const TieCounts&) const override {
    return {counts.labelled,
            counts.faulty_correct,
            counts.units - counts.labelled,
            number_of(counts.confusion.mean_iou()),
            number_of(counts.confusion.global_iou()),
            number_of(counts.confusion.weighted_iou())};
  }
  std::string run_text(const FaultCounts& counts, const TieCounts&) const override {
    const double share = counts.labelled == 0 ? 0.0
                                              : static_cast<double>(counts.faulty_correct) /
                                                    static_cast<double>(counts.labelled);
    return fmt::format("  pixels right  {}  ({} of {}; {} ignored)\n", share_text(share),
                       counts.faulty_correct, counts.labelled, counts.units - counts.labelled) +
           fmt::format("  IoU, mean over classes              {}\n",
                       share_text(counts.confusion.mean_iou())) +
           fmt::format("  IoU, global                         {}\n",
                       share_text(counts.confusion.global_iou())) +
           fmt::format("  IoU, by inverse class frequency     {}\n",
                       share_text(counts.confusion.weighted_iou()));
  }
  bool has_iou() const override { return true; }

  bool can_be(const FaultCounts& counts) const override {
    return counts.confusion.classes() <= ConfusionMatrix::k_max_classes;
  }

 private:
  static Result<void> check_classes(const AnswerShape& shape, const ClassMap& labels) {
    const int classes = most_classes(shape);
    if (const int most = *std::ranges::max_element(labels.classes); most >= classes)
      return bad_input("its label map holds class {}, the model's classes are 0 to {}", most, classes - 1);
    return {};
  }
};

}  // namespace

const Task& segmentation_task() {
  static const Segmentation task;
  return task;
}

}  // namespace qfi
