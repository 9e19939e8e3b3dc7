// SPDX-License-Identifier: Apache-2.0
// Networks whose output is no class: boxes, key points, pictures. What counts is whether a fault changes any
// of the output's values.
#include <algorithm>
#include <array>

#include "qfi/workload/task.hpp"

namespace qfi {
namespace {

constexpr TaskNames k_names = {
    .name = "outputs",
    .unit = "images",
    .unit_key = "images",
    .unit_of_trials = "trials",
    .accuracy = nullptr,
    .accuracy_in_full = nullptr,
    .accuracy_key = nullptr,
    .top5_key = nullptr,
    .changed = "output changes",
    .changed_of = "trials (fault x image)",
    .changed_long = "images change their output",
    .changed_key = "output_change_rate",
    .fault_units_key = "images",
    .fault_changed_key = "output_changed",
    .fault_labelled_key = nullptr,
    .golden_correct_key = nullptr,
    .golden_labelled_key = nullptr,
    .derived_key = nullptr,
};

constexpr std::array<NumberField, 4> k_count_fields_of_fault = {{
    {"images"},
    {"output_changed", NumberField::Kind::count, "some value of the scored output is not the golden one"},
    {"output_identical"},
    {"due", NumberField::Kind::count, "images with NaN or infinity in the output"},
}};

constexpr std::array<NumberField, 2> k_golden_fields = {{
    {"images"},
    {"due"},
}};

class Outputs final : public Task {
 public:
  const TaskNames& names() const override { return k_names; }

  Result<AnswerShape> check(const Tensor&, const DataSet&, const Metric&) const override {
    return AnswerShape();
  }

  double chance(const AnswerShape&, const FaultCounts&) const override { return 0.0; }

  // All outputs are of one class, as only their values are compared.
  std::vector<std::int16_t> classes_of(const Answer&) const override { return {0}; }

  FaultCounts score(const Answer& answer, const Label&, const GoldenAnswer* golden, bool) const override {
    FaultCounts counts;
    counts.images = counts.units = 1;
    counts.changed = golden != nullptr && !std::ranges::equal(answer.values, golden->values) ? 1 : 0;
    return counts;
  }

  std::span<const NumberField> count_fields() const override { return k_count_fields_of_fault; }
  std::vector<Number> count_numbers(const FaultCounts& counts) const override {
    return {counts.images, counts.changed, counts.output_identical, counts.nan + counts.infinity};
  }

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

}  // namespace

const Task& outputs_task() {
  static const Outputs task;
  return task;
}

}  // namespace qfi
