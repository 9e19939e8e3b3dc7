// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/progress.hpp"

#include <gtest/gtest.h>

namespace qfi {
namespace {

Trial trial(std::uint64_t changed) {
  Trial trial;
  trial.outcome.counts.units = trial.outcome.counts.images = 10;
  trial.outcome.counts.changed = changed;
  return trial;
}

TEST(Progress, TellsRateTimeLeftAndTheEstimateSoFar) {
  ProgressCounter counter(2);
  for (int i = 0; i < 4; ++i) counter.add(trial(0));
  counter.begin(16);
  for (int i = 0; i < 4; ++i) counter.add(trial(5));
  // Mean 0.25, deviation 0.25, 4 faults: 1.96 * 0.25 / 2.
  EXPECT_EQ(
      progress_text(counter.state(), 2.0),
      "[########............] 40 %, 8 of 20 trials (4 faults), 2.0 per s, 6 s left, classes change 25.00 +- "
      "24.50 %");
}

TEST(Progress, HasNoRateBeforeTheFirstTrial) {
  ProgressCounter counter(1);
  counter.begin(3);
  EXPECT_EQ(progress_text(counter.state(), 0.0), "[....................] 0 %, 0 of 3 trials (0 faults)");
  EXPECT_EQ(rate_text(0, 5, 10, "images", 1.0), "50 %, 5 of 10 images, 5.0 per s, 1 s left");
}

}  // namespace
}  // namespace qfi
