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
  static const std::array<const Task*, 2> all = {&classification_task(), &segmentation_task()};
  return all;
}

const Task* find_task(std::string_view name) {
  const auto all = tasks();
  const auto found = std::ranges::find(all, name, [](const Task* task) { return task->names().name; });
  return found == all.end() ? nullptr : *found;
}

const Task* task_of(const DataSet& data) {
  if (data.has_label_maps()) return &segmentation_task();
  return data.labels().empty() ? nullptr : &classification_task();
}

Result<Label> read_label(const DataSet& data, std::size_t image, ClassMap& map) {
  if (!data.has_label_maps()) return Label{data.labels()[image], nullptr};
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
