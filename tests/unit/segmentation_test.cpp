// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/segmentation.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::ElementsAre;
using testing::HasSubstr;

// Worked by hand: 3 classes, class 2 never occurs; one pixel of class 1 has no prediction.
ConfusionMatrix example() {
  ConfusionMatrix matrix(3);
  for (int i = 0; i < 6; ++i) matrix.add(0, 0);
  for (int i = 0; i < 2; ++i) matrix.add(0, 1);
  matrix.add(1, 1);
  matrix.add(1, -1);
  return matrix;
}

TEST(ConfusionMatrix, GivesTheIntersectionsOverUnions) {
  const ConfusionMatrix matrix = example();
  EXPECT_EQ(matrix.total(), 10U);
  EXPECT_EQ(matrix.correct(), 7U);
  EXPECT_DOUBLE_EQ(*matrix.accuracy(0), 0.75);
  EXPECT_DOUBLE_EQ(*matrix.accuracy(1), 0.5) << "no prediction is wrong";
  EXPECT_FALSE(matrix.accuracy(2));
  EXPECT_DOUBLE_EQ(*matrix.iou(0), 6.0 / 8);
  EXPECT_DOUBLE_EQ(*matrix.iou(1), 1.0 / 4);
  EXPECT_FALSE(matrix.iou(2)) << "neither true nor predicted";
  EXPECT_DOUBLE_EQ(*matrix.mean_iou(), 0.5);
  EXPECT_DOUBLE_EQ(*matrix.global_iou(), 7.0 / 12);
  // Weights 1/8 and 1/2.
  EXPECT_DOUBLE_EQ(*matrix.weighted_iou(), (0.125 * 0.75 + 0.5 * 0.25) / 0.625);
  ConfusionMatrix twice = matrix;
  twice += matrix;
  EXPECT_EQ(twice.total(), 20U);
  EXPECT_FALSE(ConfusionMatrix(2).mean_iou());
  twice.add(4, 0);
  EXPECT_EQ(twice.classes(), 5U) << "grows with the classes";
  EXPECT_EQ(twice.at(0, 1), 4U);
  EXPECT_EQ(twice.without_prediction(1), 2U);
}

TEST(PredictedClasses, AreTheFirstBestOfEachPixelOrTheMapItself) {
  Tensor scores;
  scores.name = "s";
  scores.type = TensorType::float32;
  scores.shape = {1, 1, 2, 3};
  const std::vector<float> values{1, 5, 5, NAN, NAN, NAN};
  const ClassMap two{1, 2, {0, 0}};
  const MapShape shape = value_of(map_shape(scores, two));
  EXPECT_EQ(shape.classes, 3U);
  EXPECT_THAT(predicted_classes(scores, shape, std::as_bytes(std::span(values))), ElementsAre(1, -1));
  Tensor map;
  map.name = "m";
  map.type = TensorType::int64;
  map.shape = {1, 1, 2};
  const std::vector<std::int64_t> classes{7, 0};
  EXPECT_THAT(predicted_classes(map, value_of(map_shape(map, two)), std::as_bytes(std::span(classes))),
              ElementsAre(7, 0));
  EXPECT_THAT(map_shape(scores, ClassMap{2, 1, {0, 0}}).error().message,
              HasSubstr("is no map of classes for label maps of 2x1"));
}

}  // namespace
}  // namespace qfi
