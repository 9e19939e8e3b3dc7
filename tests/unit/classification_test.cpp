// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/classification.hpp"

#include <cmath>

#include "support.hpp"

namespace qfi {
namespace {

Scores scores(const std::vector<float>& values) {
  Tensor tensor;
  tensor.type = TensorType::float32;
  return Scores(tensor, std::as_bytes(std::span(values)));
}

TEST(Classification, TiesGoToTheLowestClassAndNanNeverWins) {
  EXPECT_EQ(scores({1, 3, 3, 2}).top1(), 1);
  EXPECT_EQ(scores({1, 3, 3, 2}).rank(2), 1U);
  EXPECT_EQ(scores({NAN, 3, NAN, 4}).top1(), 3);
  EXPECT_EQ(scores({NAN, NAN}).top1(), -1);
  EXPECT_GT(scores({NAN, 1}).rank(0), 1000U) << "never among the first 5";
  EXPECT_TRUE(scores({NAN, 1}).has_nan_or_infinity());
  EXPECT_TRUE(scores({INFINITY, 1}).has_nan_or_infinity());
}

TEST(Classification, PlaceFiveHangsOnATieOnlyForTheTiedClasses) {
  const Scores tied = scores({9, 8, 7, 6, 1, 1, 0});
  EXPECT_TRUE(tied.ties_after(5));
  EXPECT_TRUE(tied.hangs_on_tie(4, 5));
  EXPECT_TRUE(tied.hangs_on_tie(5, 5));
  EXPECT_FALSE(tied.hangs_on_tie(0, 5));
  EXPECT_FALSE(tied.hangs_on_tie(6, 5));
  EXPECT_FALSE(scores({9, 8, 7, 6, 2, 1, 0}).ties_after(5));
  EXPECT_FALSE(scores({1, 1, 1}).ties_after(5)) << "three classes are all in the top 5";
}

}  // namespace
}  // namespace qfi
