// SPDX-License-Identifier: Apache-2.0
// Which task a network and its data make, and how one value becomes a class.
#include "qfi/workload/task.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "qfi/base/file.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/workload/golden_check.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

Tensor output_of(TensorType type, std::vector<int> shape, Quantization quantization = {}) {
  Tensor tensor;
  tensor.name = "scores";
  tensor.type = type;
  tensor.shape = std::move(shape);
  tensor.quantization = std::move(quantization);
  return tensor;
}

// Two images with the labels 0 and 1, or without labels.
DataSet two_images(bool has_labels) {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  const std::vector<std::uint8_t> pixels(8), labels = {0, 1};
  const std::array<std::uint64_t, 2> shape = {2, 4};
  const std::array<std::uint64_t, 1> count = {2};
  EXPECT_TRUE(write_file(folder.path() / "x.npy", npy_bytes("u1", shape, std::as_bytes(std::span(pixels)))));
  EXPECT_TRUE(write_file(folder.path() / "y.npy", npy_bytes("u1", count, std::as_bytes(std::span(labels)))));
  DataConfig config;
  config.images = {"x.npy", folder.path() / "x.npy"};
  if (has_labels) config.labels = {"y.npy", folder.path() / "y.npy"};
  return value_of(DataSet::open(config, 1));
}

std::string error_of(const Tensor& tensor, bool has_labels, const Metric& metric = {}) {
  const auto chosen = choose_task(tensor, two_images(has_labels), metric);
  return chosen ? "no error" : chosen.error().message;
}

const Task* task_of(const Tensor& tensor, bool has_labels) {
  return value_of(choose_task(tensor, two_images(has_labels), {})).task;
}

TEST(Task, IsThatOfTheOutputAndTheLabels) {
  const Tensor scores = output_of(TensorType::int8, {1, 10});
  const Tensor value = output_of(TensorType::float32, {1, 1});
  EXPECT_EQ(task_of(scores, true), &classification_task());
  EXPECT_EQ(task_of(output_of(TensorType::int8, {1, 1, 1, 10}), true), &classification_task());
  EXPECT_EQ(task_of(value, true), &binary_classification_task());
  EXPECT_EQ(task_of(scores, false), &unlabelled_task());
  EXPECT_EQ(task_of(value, false), &unlabelled_task());
}

TEST(Task, AMapOfBoxesIsNoAnswerWithOrWithoutLabels) {
  for (const bool has_labels : {true, false}) {
    EXPECT_THAT(error_of(output_of(TensorType::int8, {1, 4, 4, 6}), has_labels),
                HasSubstr("tensor 'scores' of shape 1x4x4x6 has no score per class"));
    EXPECT_THAT(error_of(output_of(TensorType::int64, {1}), has_labels), HasSubstr("holds a class number"));
    EXPECT_THAT(error_of(output_of(TensorType::int8, {1, 10}), has_labels, {"output", 0.3}),
                HasSubstr("a threshold is for an output of one value"));
  }
}

int class_of(const Tensor& tensor, const Metric& metric, std::span<const std::byte> values) {
  const ChosenTask chosen = value_of(choose_task(tensor, two_images(true), metric));
  return chosen.task->classes_of({tensor, values, chosen.answer}).front();
}

TEST(Task, OneValueIsClassOneAboveTheThreshold) {
  const Tensor real = output_of(TensorType::float32, {1, 1});
  const auto of_real = [&](float value, const Metric& metric) {
    return class_of(real, metric, std::as_bytes(std::span(&value, 1)));
  };
  EXPECT_EQ(of_real(0.51F, {}), 1);
  EXPECT_EQ(of_real(0.5F, {}), 0) << "not above";
  EXPECT_EQ(of_real(0.4F, {"output", 0.3}), 1);
  EXPECT_EQ(of_real(NAN, {}), -1);
  // Code 0 of a sigmoid in INT8 stands for (0 + 128) / 256.
  const Tensor sigmoid = output_of(TensorType::int8, {1, 1}, {{1.0F / 256}, {-128}, 0});
  for (int code = -128; code < 128; ++code) {
    const auto stored = static_cast<std::int8_t>(code);
    EXPECT_EQ(class_of(sigmoid, {}, std::as_bytes(std::span(&stored, 1))),
              (code + 128) / 256.0 > 0.5 ? 1 : 0);
  }
}

TEST(Task, CollapseAndChanceAreTheTasks) {
  const FaultCounts none;
  AnswerShape shape;
  shape.classes = 10;
  EXPECT_DOUBLE_EQ(collapsed_accuracy(classification_task().chance(shape, none)), 0.2);
  shape.classes = 2;
  EXPECT_DOUBLE_EQ(collapsed_accuracy(binary_classification_task().chance(shape, none)), 0.75)
      << "twice chance would be all";
  // A map of classes tells how many there are by those that occur.
  FaultCounts golden;
  golden.confusion = ConfusionMatrix(4);
  shape.classes = 0;
  EXPECT_DOUBLE_EQ(segmentation_task().chance(shape, golden), 0.25);
}

TEST(Task, NearChanceIsTheLastTenthOfTheWay) {
  EXPECT_TRUE(is_near_chance(19, 100, 0.1));
  EXPECT_FALSE(is_near_chance(20, 100, 0.1));
  EXPECT_TRUE(is_near_chance(55, 100, 0.5));
  EXPECT_FALSE(is_near_chance(56, 100, 0.5));
}

}  // namespace
}  // namespace qfi
