// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/statistics.hpp"

#include "qfi/base/random.hpp"
#include "qfi/faults/sample_size.hpp"
#include "support.hpp"

namespace qfi {
namespace {

struct PublishedSize {
  std::uint64_t population;
  double margin;
  double t;
  double n;
  std::uint64_t nearest;
  std::uint64_t up;
};

// DSN-W 2025 (1,174), AICAS 2023, DATE 2023 (16,625 and 16,639).
TEST(SampleSize, EqualsThePublishedOnes) {
  const PublishedSize cases[] = {
      {3'216, 0.03, 2.58, 1174.25, 1174, 1175},        {22'528, 0.01, 1.96, 6733.7, 6734, 6734},
      {37'472, 0.01, 1.96, 7644.8, 7645, 7645},        {825'344, 0.01, 1.96, 9493.5, 9494, 9494},
      {17'174'144, 0.01, 2.58, 16624.9, 16625, 16625}, {141'029'376, 0.01, 2.58, 16639.04, 16639, 16640}};
  for (const PublishedSize& c : cases) {
    const SampleSize nearest = sample_size(c.population, c.margin, c.t, 0.5, Rounding::nearest);
    EXPECT_NEAR(nearest.exact, c.n, 0.06) << c.population;
    EXPECT_EQ(nearest.rounded, c.nearest) << c.population;
    EXPECT_EQ(sample_size(c.population, c.margin, c.t, 0.5, Rounding::up).rounded, c.up) << c.population;
  }
}

TEST(SampleSize, ExactQuantileGivesADifferentN) {
  EXPECT_NEAR(normal_quantile(0.99), 2.5758293, 1e-6);
  EXPECT_NEAR(sample_size(3'216, 0.03, normal_quantile(0.99), 0.5, Rounding::nearest).exact, 1171.8, 0.05);
}

// System B (IOLTS 2025): AlexNet, 8 bits, per layer and bit, p(i) from D(i) = 2^i.
TEST(SampleSize, DataAwareSumEqualsThePublishedTotal) {
  const std::uint64_t weights[] = {1728, 110592, 663552, 884736, 589824, 9437184, 16777216, 40960};
  std::uint64_t up = 0;
  std::uint64_t nearest = 0;
  for (const std::uint64_t layer : weights)
    for (int bit = 0; bit < 8; ++bit) {
      const double least = 1.0 / 256.0;
      const double p = least + ((1 << bit) - 1) * (0.5 - least) / 127.0;
      up += sample_size(layer, 0.1, 1.645, p, Rounding::up).rounded;
      nearest += sample_size(layer, 0.1, 1.645, p, Rounding::nearest).rounded;
    }
  EXPECT_EQ(up, 1469U);
  EXPECT_EQ(nearest, 1434U);
}

TEST(SampleSize, StaysBetweenOneAndThePopulation) {
  EXPECT_EQ(sample_size(10, 0.5, 0.01, 0.5, Rounding::nearest).rounded, 1U);
  EXPECT_EQ(sample_size(10, 0.001, 2.58, 0.5, Rounding::up).rounded, 10U);
}

TEST(Wilson, KnownValuesAndTheWholePopulation) {
  const Interval large = wilson_interval(10, 100, 1'000'000'000'000, 0.95);
  EXPECT_NEAR(large.low, 0.0552, 1e-4);
  EXPECT_NEAR(large.high, 0.1744, 1e-4);
  // Half of the population drawn: n_eff = 100 * 199 / 100 = 199.
  const Interval half = wilson_interval(10, 100, 200, 0.95);
  EXPECT_NEAR(half.low, 0.0656, 1e-4);
  EXPECT_NEAR(half.high, 0.1495, 1e-4);
  const Interval whole = wilson_interval(10, 100, 100, 0.95);
  EXPECT_EQ(whole.low, 0.1);
  EXPECT_EQ(whole.high, 0.1);
  const Interval none = wilson_interval(0, 50, 1'000, 0.95);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_GT(none.high, 0.0);
}

// A population as campaigns have it: a tenth of the faults harmless, the rest random classifiers.
class TwoPeaks {
 public:
  static constexpr std::uint64_t k_faults = 2000;
  static constexpr std::uint64_t k_images = 400;

  TwoPeaks() : m_right(k_faults * k_images) {
    for (std::uint64_t f = 0; f < k_faults; ++f)
      for (std::uint64_t i = 0; i < k_images; ++i) {
        const bool golden = random_below(9, "golden", i, 100) < 88;
        // Half of the collapsed ones always answer class 0: images of that class are the easy ones.
        const std::uint64_t guess = f % 2 == 0 ? 0 : random_below(9, "guess", f, 10);
        const bool guessed = guess == random_below(9, "class", i, 10);
        m_right[f * k_images + i] = f % 10 == 0 ? golden : guessed;
      }
  }
  bool right(std::uint64_t fault, std::uint64_t image) const { return m_right[fault * k_images + image]; }
  double mean(std::uint64_t images) const {
    double sum = 0;
    for (std::uint64_t f = 0; f < k_faults; ++f)
      for (std::uint64_t i = 0; i < images; ++i) sum += right(f, i) ? 1 : 0;
    return sum / static_cast<double>(k_faults * images);
  }

 private:
  std::vector<bool> m_right;
};

CrossedMean estimate(const TwoPeaks& truth, const std::vector<std::uint64_t>& faults,
                     const std::vector<std::uint64_t>& images) {
  std::vector<std::uint64_t> of_fault(faults.size(), 0);
  std::vector<std::uint64_t> of_image(images.size(), 0);
  for (std::size_t f = 0; f < faults.size(); ++f)
    for (std::size_t i = 0; i < images.size(); ++i)
      if (truth.right(faults[f], images[i])) {
        ++of_fault[f];
        ++of_image[i];
      }
  return crossed_mean({TwoPeaks::k_faults, of_fault, of_image}, 0.95);
}

// 300 repetitions with fixed seeds: a true coverage of 95 % gives fewer than 273 hits once in 2,000.
TEST(CrossedMean, IntervalsCoverTheTruthAsOftenAsTheySay) {
  const TwoPeaks truth;
  const double mean_of_100 = truth.mean(100);
  const double mean_of_all = truth.mean(TwoPeaks::k_images);
  std::vector<std::uint64_t> first_images(100);
  for (std::uint64_t i = 0; i < 100; ++i) first_images[i] = i;
  int covered_fixed = 0;
  int covered_population = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto faults = draw_without_replacement(TwoPeaks::k_faults, 200, seed, "faults");
    const CrossedMean fixed = estimate(truth, faults, first_images);
    covered_fixed +=
        fixed.these_images->low <= mean_of_100 && mean_of_100 <= fixed.these_images->high ? 1 : 0;
    const auto images = draw_without_replacement(TwoPeaks::k_images, 100, seed, "images");
    const auto many = draw_without_replacement(TwoPeaks::k_faults, 500, seed, "many");
    const CrossedMean both = estimate(truth, many, images);
    covered_population +=
        both.image_population->low <= mean_of_all && mean_of_all <= both.image_population->high ? 1 : 0;
  }
  EXPECT_GE(covered_fixed, 273);
  EXPECT_GE(covered_population, 273);
}

TEST(CrossedMean, AllFaultsOnTheseImagesIsThePoint) {
  const std::vector<std::uint64_t> of_fault = {3, 1, 0, 4};
  const std::vector<std::uint64_t> of_image = {2, 2, 2, 2};
  const CrossedMean exhaustive = crossed_mean({4, of_fault, of_image}, 0.95);
  EXPECT_DOUBLE_EQ(exhaustive.mean, 0.5);
  EXPECT_DOUBLE_EQ(exhaustive.these_images->low, 0.5);
  EXPECT_DOUBLE_EQ(exhaustive.these_images->high, 0.5);
  const std::vector<std::uint64_t> alone = {3};
  EXPECT_FALSE(crossed_mean({4, alone, of_image}, 0.95).these_images)
      << "one fault says nothing about the spread";
}

}  // namespace
}  // namespace qfi
