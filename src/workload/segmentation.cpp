// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/segmentation.hpp"

#include <algorithm>
#include <numeric>

#include "qfi/model/stored_value.hpp"
#include "qfi/workload/classification.hpp"

namespace qfi {
namespace {

std::optional<double> ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void ConfusionMatrix::grow(std::size_t classes) {
  ConfusionMatrix larger(classes);
  for (std::size_t t = 0; t < m_classes; ++t) {
    larger.m_none[t] = m_none[t];
    for (std::size_t p = 0; p < m_classes; ++p) larger.m_counts[t * classes + p] = at(t, p);
  }
  *this = std::move(larger);
}

void ConfusionMatrix::add(int truth, int predicted, std::uint64_t count) {
  const auto largest = static_cast<std::size_t>(std::max(truth, predicted));
  if (largest >= m_classes) grow(largest + 1);
  const auto t = static_cast<std::size_t>(truth);
  if (predicted < 0) m_none[t] += count;
  else m_counts[t * m_classes + static_cast<std::size_t>(predicted)] += count;
}

ConfusionMatrix& ConfusionMatrix::operator+=(const ConfusionMatrix& other) {
  if (other.m_classes > m_classes) grow(other.m_classes);
  for (std::size_t t = 0; t < other.m_classes; ++t) {
    m_none[t] += other.m_none[t];
    for (std::size_t p = 0; p < other.m_classes; ++p) m_counts[t * m_classes + p] += other.at(t, p);
  }
  return *this;
}

std::uint64_t ConfusionMatrix::total() const {
  const std::uint64_t none = std::accumulate(m_none.begin(), m_none.end(), std::uint64_t{0});
  return std::accumulate(m_counts.begin(), m_counts.end(), none);
}

std::uint64_t ConfusionMatrix::correct() const {
  std::uint64_t sum = 0;
  for (std::size_t c = 0; c < m_classes; ++c) sum += at(c, c);
  return sum;
}

std::uint64_t ConfusionMatrix::of_truth(std::size_t c) const {
  std::uint64_t sum = m_none[c];
  for (std::size_t p = 0; p < m_classes; ++p) sum += at(c, p);
  return sum;
}

std::uint64_t ConfusionMatrix::of_prediction(std::size_t c) const {
  std::uint64_t sum = 0;
  for (std::size_t t = 0; t < m_classes; ++t) sum += at(t, c);
  return sum;
}

std::optional<double> ConfusionMatrix::accuracy(std::size_t c) const { return ratio(at(c, c), of_truth(c)); }

std::optional<double> ConfusionMatrix::iou(std::size_t c) const { return ratio(at(c, c), union_of(c)); }

std::optional<double> ConfusionMatrix::mean_iou() const {
  double sum = 0;
  std::uint64_t count = 0;
  for (std::size_t c = 0; c < m_classes; ++c)
    if (const auto value = iou(c)) {
      sum += *value;
      ++count;
    }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

std::optional<double> ConfusionMatrix::global_iou() const {
  std::uint64_t unions = 0;
  for (std::size_t c = 0; c < m_classes; ++c) unions += union_of(c);
  return ratio(correct(), unions);
}

std::optional<double> ConfusionMatrix::weighted_iou() const {
  double sum = 0;
  double weights = 0;
  for (std::size_t c = 0; c < m_classes; ++c) {
    if (of_truth(c) == 0) continue;
    const double weight = 1.0 / static_cast<double>(of_truth(c));
    sum += weight * *iou(c);
    weights += weight;
  }
  if (weights == 0) return std::nullopt;
  return sum / weights;
}

Result<MapShape> map_shape(const Tensor& tensor, const ClassMap& labels) {
  const bool is_class_map = tensor.type == TensorType::int32 || tensor.type == TensorType::int64;
  std::vector<int> shape = tensor.shape;
  MapShape map{labels.height, labels.width, 0};
  if (!is_class_map && !shape.empty()) {
    map.classes = static_cast<std::size_t>(shape.back());
    shape.pop_back();
  }
  const bool has_size = shape.size() >= 2 && shape[shape.size() - 2] == labels.height &&
                        shape.back() == labels.width &&
                        tensor.elements() == map.pixels() * std::max<std::size_t>(map.classes, 1);
  if (!has_size || map.classes == 1)
    return bad_input("tensor '{}' of shape {} is no map of classes for label maps of {}x{}", tensor.name,
                     fmt::join(tensor.shape, "x"), labels.height, labels.width);
  if (map.classes > ConfusionMatrix::k_max_classes)
    return bad_input("{} classes; at most {} are supported", map.classes, ConfusionMatrix::k_max_classes);
  return map;
}

std::vector<int> predicted_classes(const Tensor& tensor, const MapShape& shape,
                                   std::span<const std::byte> image) {
  std::vector<int> classes;
  classes.reserve(shape.pixels());
  const std::size_t pixel_bytes = image.size() / shape.pixels();
  for (std::size_t i = 0; i < shape.pixels(); ++i) {
    if (shape.classes > 0) {
      classes.push_back(Scores(tensor, image.subspan(i * pixel_bytes, pixel_bytes)).top1());
      continue;
    }
    const double value = number_of(tensor.type, read_bits(image, i, pixel_bytes));  // the map's own class
    const bool is_class = value >= 0 && value < ConfusionMatrix::k_max_classes;
    classes.push_back(is_class ? static_cast<int>(value) : -1);
  }
  return classes;
}

}  // namespace qfi
