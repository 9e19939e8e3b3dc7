// SPDX-License-Identifier: Apache-2.0
// What tables, pages and messages print of shares.
#include "qfi/base/number_text.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "draw.hpp"
#include "report/table_text.hpp"

namespace qfi {
namespace {

TEST(NumberText, KeepsWhatMatters) {
  EXPECT_EQ(percent_text(0), "0.0 %");
  EXPECT_EQ(percent_text(-0.0), "0.0 %");
  EXPECT_EQ(percent_text(1), "100.0 %");
  EXPECT_EQ(percent_text(0.5), "50.0 %");
  EXPECT_EQ(percent_text(0.999), "99.9 %");
  EXPECT_EQ(percent_text(0.99988), "99.988 %");
  EXPECT_EQ(percent_text(0.00041), "0.041 %");
  EXPECT_EQ(percent_text(-0.00041), "-0.041 %");
  EXPECT_EQ(percent_text(1.23e-9), "1.2e-7 %");
  EXPECT_EQ(percent_text(1.23e-14), "1.2e-12 %");
  EXPECT_EQ(percent_text(std::nan("")), "nan %");
  EXPECT_EQ(percent_text(0.12345, 2), "12.35 %");
  EXPECT_EQ(fine_percent_text(0.5), "50.0 %");
  EXPECT_EQ(fine_percent_text(0.012345), "1.23 %");
  EXPECT_EQ(fine_percent_text(0.99988), "99.988 %");
  EXPECT_EQ(fine_percent_text(0), "0.0 %");
  EXPECT_EQ(points_text(0.005), "+0.50");
  EXPECT_EQ(points_text(-0.00001234), "-0.0012");
  EXPECT_EQ(number_text(0.00001, 1.0, 4), "0.000010");
  EXPECT_EQ(bounds(Interval{0.00001, 0.0004}), "0.0010 .. 0.040 %");
  EXPECT_EQ(bounds(Interval{0, 0.123}), "0.0 .. 12.3 %");
  EXPECT_EQ(fine_bounds(Interval{0.99991, 1}), "99.9910 .. 100.0 %");
}

// Of all sizes, near 0 and near 1.
double random_share(test::Draw& draw) {
  const double part = std::pow(10.0, -draw(0, 11)) * draw(1, 1'000'000) / 1e6;
  return draw(0, 1) == 0 ? part : 1 - part;
}

using Text = std::function<std::string(double)>;
const std::vector<Text> k_texts = {[](double share) { return percent_text(share); },
                                   [](double share) { return percent_text(share, 2); },
                                   [](double share) { return percent_text(share, 4); },
                                   fine_percent_text,
                                   percent,
                                   fine_percent};

TEST(NumberText, OnlyNothingIsPrintedAsNothingAndOnlyAllAsAll) {
  test::Draw draw(1);
  for (int i = 0; i < 10'000; ++i) {
    const double share = random_share(draw);
    if (share == 0 || share == 1) continue;
    for (const Text& text : k_texts) {
      const double printed = std::stod(text(share));
      ASSERT_GT(printed, 0.0) << text(share);
      ASSERT_LT(printed, 100.0) << text(share);
      ASSERT_NEAR(printed, 100 * share, 0.0501) << text(share);
    }
    // Two digits of what tells it from nothing or all.
    const double distance = std::min(share, 1 - share);
    if (distance < 0.000999) {
      ASSERT_NEAR(std::stod(percent_text(share)), 100 * share, 5.01 * distance + 1e-13) << share;
    }
    ASSERT_NE(std::stod(points_text(-share)), 0.0) << share;
  }
}

TEST(NumberText, PrintedIntervalsHoldThePrintedEstimate) {
  test::Draw draw(2);
  for (int i = 0; i < 10'000; ++i) {
    std::vector<double> shares;
    const double first = random_share(draw);
    for (int k = 0; k < 3; ++k)
      shares.push_back(draw(0, 1) == 0 ? random_share(draw)
                                       : std::clamp(first * (1 + draw(-99, 99) / 1000.0), 0.0, 1.0));
    std::ranges::sort(shares);
    for (const Text& text : k_texts) {
      const double low = std::stod(text(shares[0]));
      const double value = std::stod(text(shares[1]));
      const double high = std::stod(text(shares[2]));
      ASSERT_LE(low, value) << text(shares[0]) << " of " << text(shares[1]);
      ASSERT_LE(value, high) << text(shares[1]) << " of " << text(shares[2]);
    }
    const std::string interval = bounds(Interval{shares[0], shares[2]});
    ASSERT_EQ(interval.substr(0, interval.find(' ')) + " %", percent_text(shares[0]));
  }
}

}  // namespace
}  // namespace qfi
