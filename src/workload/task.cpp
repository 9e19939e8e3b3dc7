// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/task.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "qfi/base/number_text.hpp"
#include "qfi/model/stored_value.hpp"

namespace qfi {

TieCounts& TieCounts::operator+=(const TieCounts& other) {
  ties += other.ties;
  hanging += other.hanging;
  return *this;
}

std::span<const Task* const> tasks() {
  static const std::array all = {&classification_task(), &binary_classification_task(), &unlabelled_task(),
                                 &outputs_task(), &segmentation_task()};
  return all;
}

const Task* find_task(std::string_view name) {
  const auto all = tasks();
  const auto found = std::ranges::find(all, name, [](const Task* task) { return task->names().name; });
  return found == all.end() ? nullptr : *found;
}

double Task::chance(const AnswerShape& shape, const FaultCounts&) const {
  return 1.0 / static_cast<double>(std::max<std::size_t>(shape.classes, 2));
}

double collapsed_accuracy(double chance) { return std::min(2.0 * chance, (1.0 + chance) / 2.0); }

namespace {

const Task& task_of(const Tensor& tensor, const DataSet& data) {
  if (data.has_label_maps()) return segmentation_task();
  if (data.labels().empty()) return unlabelled_task();
  return tensor.elements() == 1 ? binary_classification_task() : classification_task();
}

}  // namespace

Result<ChosenTask> choose_task(const Tensor& tensor, const DataSet& data, const Metric& metric) {
  const Task& task = task_of(tensor, data);
  QFI_TRY(const AnswerShape answer, task.check(tensor, data, metric));
  if (metric.threshold && !answer.threshold)
    return bad_input("metric: a threshold is for an output of one value; tensor '{}' has the shape {}",
                     tensor.name, fmt::join(tensor.shape, "x"));
  return ChosenTask{&task, answer};
}

Result<Label> read_label(const DataSet& data, std::size_t image, ClassMap& map) {
  if (!data.has_label_maps()) return data.labels().empty() ? Label() : Label{data.labels()[image], nullptr};
  QFI_TRY(map, data.label_map(image));
  return Label{0, &map};
}

std::string share_text(const std::optional<double>& share) {
  return share ? fmt::format("{:>8}", percent_text(*share, 2)) : std::string("       -");
}

void count_due(const Tensor& tensor, std::span<const std::byte> values, FaultCounts& counts) {
  if (tensor.type != TensorType::float32) return;
  bool has_infinity = false;
  for (std::size_t i = 0; i < values.size() / sizeof(float); ++i) {
    const double value = number_of(tensor.type, read_bits(values, i, sizeof(float)));
    if (std::isnan(value)) {
      counts.nan = 1;
      return;
    }
    has_infinity = has_infinity || std::isinf(value);
  }
  counts.infinity = has_infinity ? 1 : 0;
}

}  // namespace qfi
