// SPDX-License-Identifier: Apache-2.0
// Owns the metrics of a network whose output is a map of classes. Predicted and true classes of pixels go in;
// a confusion matrix and what is derived from it come out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/data/image.hpp"
#include "qfi/model/model.hpp"

namespace qfi {

/// Images or pixels by true and predicted class. Those without a prediction (all scores NaN) count as
/// wrong.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::size_t classes = 0)
      : m_classes(classes), m_counts(classes * classes, 0), m_none(classes, 0) {}

  std::size_t classes() const { return m_classes; }
  /// Counts a unit; a class beyond classes() makes the matrix larger. Preconditions: 0 <= truth <
  /// k_max_classes, and the same for `predicted`, or -1 where there is no prediction.
  void add(int truth, int predicted, std::uint64_t count = 1);
  static constexpr int k_max_classes = 1 << 12;
  ConfusionMatrix& operator+=(const ConfusionMatrix& other);
  bool operator==(const ConfusionMatrix&) const = default;

  std::uint64_t at(std::size_t truth, std::size_t predicted) const {
    return m_counts[truth * m_classes + predicted];
  }
  std::uint64_t total() const;
  std::uint64_t correct() const;
  std::uint64_t of_truth(std::size_t c) const;  ///< those without a prediction included
  std::uint64_t without_prediction(std::size_t c) const { return m_none[c]; }
  std::uint64_t of_prediction(std::size_t c) const;

  /// The share of the class's pixels that are right; nullopt where it has no pixels.
  std::optional<double> accuracy(std::size_t c) const;
  /// Intersection over union: right pixels / (true or predicted ones); nullopt where there are none.
  std::optional<double> iou(std::size_t c) const;
  /// The mean over the classes that have an IoU.
  std::optional<double> mean_iou() const;
  /// The right pixels of all classes over the sum of all unions.
  std::optional<double> global_iou() const;
  /// The mean weighted by inverse class frequency, over the classes that have true pixels.
  std::optional<double> weighted_iou() const;

 private:
  void grow(std::size_t classes);
  std::uint64_t union_of(std::size_t c) const { return of_truth(c) + of_prediction(c) - at(c, c); }

  std::size_t m_classes;
  std::vector<std::uint64_t> m_counts;
  std::vector<std::uint64_t> m_none;
};

/// How a tensor is a map: [.., height, width, classes] of scores, or [.., height, width] of classes.
struct MapShape {
  int height = 0;
  int width = 0;
  std::size_t classes = 0;  ///< 0 where the tensor holds the classes themselves

  std::size_t pixels() const { return static_cast<std::size_t>(height) * static_cast<std::size_t>(width); }
};
/// The shape of a tensor as a map. Error: it is no map of the size of `labels`.
Result<MapShape> map_shape(const Tensor& tensor, const ClassMap& labels);

/// The class of each pixel of one image; -1 where all its scores are NaN, or the class is none of 0 ..
/// ConfusionMatrix::k_max_classes-1.
std::vector<int> predicted_classes(const Tensor& tensor, const MapShape& shape,
                                   std::span<const std::byte> image);

}  // namespace qfi
