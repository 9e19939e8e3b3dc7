// SPDX-License-Identifier: Apache-2.0
#include "qfi/statistics/statistics.hpp"

#include <boost/math/distributions/beta.hpp>
#include <cmath>

#include "qfi/base/random.hpp"
#include "qfi/statistics/sample_size.hpp"
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

// Two strata by hand: W = 0.9 and 0.1 with p (1 - p) / n of 0.25 / 100 each; 200 draws of all would have 0.25
// / 200.
TEST(SampleSize, SaysHowWellStrataWillKnowTheWhole) {
  const std::uint64_t million = 1'000'000'000;
  const PlannedStratum strata[] = {{9 * million, 100, 0.5}, {million, 100, 0.5}};
  const ExpectedMargin expected = expected_margin(strata, 2.0);
  EXPECT_NEAR(expected.half_width, 2.0 * std::sqrt((0.81 + 0.01) * 0.25 / 100.0), 1e-6);
  EXPECT_NEAR(expected.design_effect, 0.82 * 2.0, 1e-6);
  const PlannedStratum whole[] = {{50, 50, 0.5}, {1, 1, 0.5}};
  EXPECT_EQ(expected_margin(whole, 2.0).half_width, 0.0);
}

TEST(ExactInterval, EqualsAHandEnumeratedOne) {
  // 4 drawn of 10, 1 event: with K of 10, P(X >= 1) = 1 - C(10-K,4)/C(10,4) > 0.025 from K = 1 on
  // (0.4); P(X <= 1) = (C(10-K,4) + K C(10-K,3)) / 210 is 0.119 for K = 6, 0.033 for 7, 0 for 8.
  const Interval interval = exact_interval(1, 4, 10, 0.95);
  EXPECT_DOUBLE_EQ(interval.low, 0.1);
  EXPECT_DOUBLE_EQ(interval.high, 0.7);
}

TEST(ExactInterval, OfLargePopulationsIsCloppersAndPearsons) {
  // 10 of 100: 4.90 % to 17.62 %.
  for (const std::uint64_t population :
       std::initializer_list<std::uint64_t>{2'000'000'000ULL, 1'000'000'000'000ULL}) {
    const Interval interval = exact_interval(10, 100, population, 0.95);
    EXPECT_NEAR(interval.low, 0.0490, 1e-4);
    EXPECT_NEAR(interval.high, 0.1762, 1e-4);
  }
}

TEST(ExactInterval, EndsAndTheWholePopulation) {
  EXPECT_EQ(exact_interval(0, 20, 1000, 0.95).low, 0.0);
  EXPECT_EQ(exact_interval(20, 20, 1000, 0.95).high, 1.0);
  EXPECT_GT(exact_interval(0, 20, 1000, 0.95).high, 0.1);
  const Interval whole = exact_interval(3, 10, 10, 0.95);
  EXPECT_DOUBLE_EQ(whole.low, 0.3);
  EXPECT_DOUBLE_EQ(whole.high, 0.3);
}

double binomial_coefficient(int n, int k) {
  return k < 0 || k > n ? 0 : std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1));
}

// No simulation: the coverage of every truth, summed over all outcomes.
TEST(ExactInterval, CoversEveryTruthAtLeastAsOftenAsItSays) {
  constexpr int k_population = 60;
  constexpr int k_drawn = 17;
  for (int truth = 0; truth <= k_population; ++truth) {
    double covered = 0;
    for (int x = 0; x <= k_drawn; ++x) {
      const double chance = binomial_coefficient(truth, x) *
                            binomial_coefficient(k_population - truth, k_drawn - x) /
                            binomial_coefficient(k_population, k_drawn);
      if (chance == 0) continue;
      const Interval interval = exact_interval(static_cast<std::uint64_t>(x), k_drawn, k_population, 0.95);
      const double share = static_cast<double>(truth) / k_population;
      if (interval.low <= share + 1e-12 && share <= interval.high + 1e-12) covered += chance;
    }
    EXPECT_GE(covered, 0.95 - 1e-9) << truth << " of " << k_population;
  }
}

// Layers and bits as a data-aware sample has them: large strata of low bits with few draws and hardly
// an event, small ones of high bits with many.
struct StratifiedTruth {
  std::uint64_t population;
  std::uint64_t events;
  std::uint64_t drawn;
};

Share draw_and_estimate(std::span<const StratifiedTruth> truth, std::uint64_t seed) {
  std::vector<StratumCounts> counts;
  for (std::size_t s = 0; s < truth.size(); ++s) {
    StratumCounts stratum{truth[s].population, truth[s].drawn, 0};
    for (const std::uint64_t member :
         draw_without_replacement(truth[s].population, truth[s].drawn, seed, "stratum " + std::to_string(s)))
      stratum.events += member < truth[s].events ? 1 : 0;
    counts.push_back(stratum);
  }
  return stratified_share(counts, 0.95);
}

double share_of(std::span<const StratifiedTruth> truth) {
  double events = 0;
  double population = 0;
  for (const StratifiedTruth& stratum : truth) {
    events += static_cast<double>(stratum.events);
    population += static_cast<double>(stratum.population);
  }
  return events / population;
}

// 200 repetitions with fixed seeds, at least 5 events expected in each: at least 93 %.
TEST(StratifiedShare, CoversTheTruthWhereFiveEventsAreExpected) {
  const std::vector<std::vector<StratifiedTruth>> truths = {
      {{4000, 0, 10}, {4000, 4, 20}, {4000, 40, 40}, {4000, 400, 70}, {500, 300, 70}},
      {{1000, 10, 100}, {1000, 20, 100}, {1000, 30, 100}},
      {{200, 100, 50}, {3000, 2700, 60}, {3000, 1500, 60}},
      {{5000, 250, 100}},
      {{300, 290, 150}, {300, 5, 150}, {10'000, 300, 200}},
      std::vector<StratifiedTruth>(100, {2000, 100, 1}),
      std::vector<StratifiedTruth>(50, {2000, 100, 2}),
      std::vector<StratifiedTruth>(100, {200, 10, 5}),
  };
  for (std::size_t k = 0; k < truths.size(); ++k) {
    const double truth = share_of(truths[k]);
    int covered = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Share estimate = draw_and_estimate(truths[k], seed);
      covered += estimate.interval.low <= truth && truth <= estimate.interval.high ? 1 : 0;
    }
    EXPECT_GE(covered, 186) << "population " << k;
  }
}

TEST(StratifiedShare, OfOneStratumIsTheExactInterval) {
  const StratumCounts one{1000, 100, 7};
  const Share share = stratified_share({&one, 1}, 0.95);
  const Interval exact = exact_interval(7, 100, 1000, 0.95);
  EXPECT_DOUBLE_EQ(share.share, 0.07);
  EXPECT_NEAR(share.interval.low, exact.low, 1e-12);
  EXPECT_NEAR(share.interval.high, exact.high, 1e-12);
}

TEST(StratifiedShare, OfWholePopulationsIsThePoint) {
  const StratumCounts strata[] = {{10, 10, 3}, {30, 30, 30}};
  const Share share = stratified_share(strata, 0.95);
  EXPECT_DOUBLE_EQ(share.share, 33.0 / 40.0);
  EXPECT_DOUBLE_EQ(share.interval.low, 33.0 / 40.0);
  EXPECT_DOUBLE_EQ(share.interval.high, 33.0 / 40.0);
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

SampledMean estimate(const TwoPeaks& truth, const std::vector<std::uint64_t>& faults,
                     const std::vector<std::uint64_t>& images) {
  std::vector<std::uint64_t> of_image(images.size(), 0);
  FaultStratum stratum;
  stratum.population = TwoPeaks::k_faults;
  for (const std::uint64_t fault : faults) {
    std::uint64_t events = 0;
    for (std::size_t i = 0; i < images.size(); ++i)
      if (truth.right(fault, images[i])) {
        ++events;
        ++of_image[i];
      }
    stratum.add(events, 88 * images.size() / 100, images.size());
  }
  stratum.of_image = of_image;
  const double golden = static_cast<double>(88 * images.size() / 100) / static_cast<double>(images.size());
  return sampled_mean(std::span(&stratum, 1), {golden, static_cast<double>(images.size()), true}, 0.95);
}

// 300 repetitions with fixed seeds: a true coverage of 95 % gives fewer than 273 hits once in 2,000.
TEST(SampledMean, IntervalsCoverTheTruthAsOftenAsTheySay) {
  const TwoPeaks truth;
  const double mean_of_100 = truth.mean(100);
  const double mean_of_all = truth.mean(TwoPeaks::k_images);
  std::vector<std::uint64_t> first_images(100);
  for (std::uint64_t i = 0; i < 100; ++i) first_images[i] = i;
  int covered_fixed = 0;
  int covered_population = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto faults = draw_without_replacement(TwoPeaks::k_faults, 200, seed, "faults");
    const SampledMean fixed = estimate(truth, faults, first_images);
    covered_fixed +=
        fixed.these_images->low <= mean_of_100 && mean_of_100 <= fixed.these_images->high ? 1 : 0;
    const auto images = draw_without_replacement(TwoPeaks::k_images, 100, seed, "images");
    const auto many = draw_without_replacement(TwoPeaks::k_faults, 500, seed, "many");
    const SampledMean both = estimate(truth, many, images);
    covered_population +=
        both.image_population->low <= mean_of_all && mean_of_all <= both.image_population->high ? 1 : 0;
  }
  EXPECT_GE(covered_fixed, 273);
  EXPECT_GE(covered_population, 273);
}

TEST(SampledMean, AllFaultsOnTheseImagesIsThePoint) {
  const std::vector<std::uint64_t> of_image = {2, 2, 2, 2};
  FaultStratum stratum;
  stratum.population = 4;
  for (const std::uint64_t events : std::initializer_list<std::uint64_t>{3, 1, 0, 4})
    stratum.add(events, 4, 4);
  stratum.of_image = of_image;
  const SampledMean exhaustive = sampled_mean(std::span(&stratum, 1), {1.0, 4, true}, 0.95);
  EXPECT_DOUBLE_EQ(exhaustive.mean, 0.5);
  EXPECT_DOUBLE_EQ(exhaustive.these_images->low, 0.5);
  EXPECT_DOUBLE_EQ(exhaustive.these_images->high, 0.5);
  FaultStratum alone;
  alone.population = 4;
  alone.add(3, 4, 4);
  alone.of_image = of_image;
  EXPECT_FALSE(sampled_mean(std::span(&alone, 1), {1.0, 4, true}, 0.95).these_images)
      << "one fault says nothing about the spread";
}

// Faults on 50 images: most harmless, some that break few images, some that break most of them.
struct Impacts {
  std::vector<std::uint64_t> changed;  ///< images, by fault
};
std::vector<Impacts> bit_flips(std::uint64_t seed) {
  const std::uint64_t strata = 1 + random_below(seed, "strata", 0, 12);
  std::vector<Impacts> population(strata);
  for (std::uint64_t s = 0; s < strata; ++s) {
    const std::uint64_t size = 100 + random_below(seed, "size", s, 900);
    const std::uint64_t critical = random_below(seed, "critical", s, 300);  // of 1,000
    for (std::uint64_t f = 0; f < size; ++f) {
      const std::uint64_t at = s * 10'000 + f;
      const bool is_hit = random_below(seed, "hit", at, 1000) < critical;
      const bool is_heavy = random_below(seed, "heavy", at, 3) > 0;
      population[s].changed.push_back(!is_hit    ? 0
                                      : is_heavy ? 30 + random_below(seed, "many", at, 21)
                                                 : 1 + random_below(seed, "few", at, 4));
    }
  }
  return population;
}

struct Coverage {
  double covered = 0;   ///< share of repetitions
  double width = 0;     ///< mean
  double expected = 0;  ///< faults that deviate, in one sample
};

// 50 images that are all right without a fault.
Coverage coverage_of(const std::vector<Impacts>& population, std::uint64_t draws, std::uint64_t repetitions) {
  constexpr std::uint64_t k_images = 50;
  double truth = 0;
  double size = 0;
  Coverage result;
  for (const Impacts& stratum : population) {
    size += static_cast<double>(stratum.changed.size());
    std::uint64_t hit = 0;
    for (const std::uint64_t changed : stratum.changed) {
      truth += static_cast<double>(changed) / k_images;
      hit += changed > 0 ? 1 : 0;
    }
    result.expected += static_cast<double>(draws * hit) / static_cast<double>(stratum.changed.size());
  }
  truth /= size;
  const std::vector<std::uint64_t> none(k_images, 0);
  for (std::uint64_t seed = 0; seed < repetitions; ++seed) {
    std::vector<FaultStratum> strata;
    for (std::size_t s = 0; s < population.size(); ++s) {
      FaultStratum& stratum = strata.emplace_back();
      stratum.population = population[s].changed.size();
      for (const std::uint64_t f :
           draw_without_replacement(stratum.population, draws, seed, "draw" + std::to_string(s)))
        stratum.add(population[s].changed[f], 0, k_images);
      stratum.of_image = none;
    }
    const Interval interval = *sampled_mean(strata, {0.0, k_images, true}, 0.95).these_images;
    result.covered += interval.low <= truth && truth <= interval.high ? 1.0 : 0.0;
    result.width += interval.high - interval.low;
  }
  result.covered /= static_cast<double>(repetitions);
  result.width /= static_cast<double>(repetitions);
  return result;
}

// Few faults that break nearly everything, and many that break next to nothing: the many say nothing of
// the few. And gains beside losses.
TEST(SampledMean, CoversTheTruthWhereHeavyFaultsAreRare) {
  struct Case {
    double heavy;
    double light;
    std::uint64_t draws;
    bool gains;  ///< the light ones
  };
  const Case cases[] = {{0.01, 0.3, 200, false}, {0.003, 0.2, 500, false}, {0.05, 0.3, 60, false},
                        {0.03, 0.2, 30, true},   {0.01, 0.2, 100, true},   {0.1, 0.1, 100, true}};
  for (const Case& c : cases) {
    constexpr std::uint64_t k_size = 4000;
    constexpr std::uint64_t k_golden = 90;
    std::vector<std::uint64_t> right(k_size);
    double truth = 0;
    for (std::uint64_t f = 0; f < k_size; ++f) {
      const double at = static_cast<double>(f) / k_size;
      right[f] = at < c.heavy ? 10 : at < c.heavy + c.light ? (c.gains ? 91 : 89) : k_golden;
      truth += static_cast<double>(right[f]) / 100.0 / k_size;
    }
    const std::vector<std::uint64_t> none(100, 0);
    int covered = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      FaultStratum stratum;
      stratum.population = k_size;
      stratum.of_image = none;
      for (const std::uint64_t f : draw_without_replacement(k_size, c.draws, seed, "rare"))
        stratum.add(right[f], k_golden, 100);
      const Interval interval = *sampled_mean(std::span(&stratum, 1), {0.9, 100.0, true}, 0.95).these_images;
      covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
    }
    EXPECT_GE(covered, 370) << c.heavy << " " << c.light << " " << c.draws;
  }
}

// One fault more or less on one side does not change the interval much.
TEST(SampledMean, GainsAndLossesThatCancelAreNoSpecialCase) {
  const std::vector<std::uint64_t> none(100, 0);
  const auto interval = [&](int gains, int losses) {
    FaultStratum stratum;
    stratum.population = 1'000'000;
    stratum.of_image = none;
    for (int i = 0; i < 1000; ++i) stratum.add(i < gains ? 51 : i < gains + losses ? 49 : 50, 50, 100);
    return *sampled_mean(std::span(&stratum, 1), {0.5, 100.0, true}, 0.95).these_images;
  };
  for (const int number : {0, 5, 200}) {
    const Interval even = interval(number, number);
    const Interval odd = interval(number, number + 1);
    EXPECT_NEAR(even.low, odd.low, 1e-4);
    EXPECT_NEAR(even.high, odd.high, 1e-4);
  }
}

TEST(RatioShare, OfAWholePopulationIsThePoint) {
  const RatioFault faults[] = {{1, 0, 3, 10}, {1, 0, 0, 10}, {1, 0, 10, 10}};
  const Ratio whole = *ratio_share(faults, 0.95);
  EXPECT_DOUBLE_EQ(whole.share, 13.0 / 30.0);
  EXPECT_DOUBLE_EQ(whole.interval->low, whole.share);
  EXPECT_DOUBLE_EQ(whole.interval->high, whole.share);
  const RatioFault some[] = {{5, 0.8, 3, 10}, {5, 0.8, 0, 10}, {5, 0.8, 10, 10}};
  EXPECT_LT(ratio_share(some, 0.95)->interval->low, 0.2);
  EXPECT_FALSE(ratio_share({}, 0.95));
}

// How a sequential campaign stops: a tenth more after every look, until the interval is narrow enough.
SampledMean stopped_estimate(const Impacts& population, double half_width, std::uint64_t seed,
                             std::uint64_t& drawn) {
  constexpr std::uint64_t k_images = 50;
  const std::vector<std::uint64_t> none(k_images, 0);
  const std::uint64_t size = population.changed.size();
  const auto order = draw_without_replacement(size, size, seed, "sequential");
  FaultStratum stratum;
  stratum.population = size;
  stratum.of_image = none;
  for (std::uint64_t target = 100;; target = (target * 11 + 9) / 10) {
    while (stratum.drawn < std::min(target, size))
      stratum.add(population.changed[order[stratum.drawn]], 0, k_images);
    const SampledMean mean = sampled_mean(std::span(&stratum, 1), {0.0, k_images, true}, 0.95);
    drawn = stratum.drawn;
    if ((mean.these_images->high - mean.these_images->low) / 2.0 <= half_width || drawn == size) return mean;
  }
}

TEST(SampledMean, CoversTheTruthWhereASequentialSampleStops) {
  const char* set = std::getenv("QFI_REPETITIONS");
  const std::uint64_t repetitions = set == nullptr ? 200 : std::stoull(set);
  for (std::uint64_t seed = 100; seed < 110; ++seed)
    for (const double half_width : {0.05, 0.02}) {
      Impacts population;  // the strata of some as one
      for (std::uint64_t copy = 0; copy < 3; ++copy)
        for (const Impacts& stratum : bit_flips(seed + 1000 * copy))
          population.changed.insert(population.changed.end(), stratum.changed.begin(), stratum.changed.end());
      double truth = 0;
      for (const std::uint64_t changed : population.changed) truth += static_cast<double>(changed) / 50.0;
      truth /= static_cast<double>(population.changed.size());
      double covered = 0;
      double sizes = 0;
      for (std::uint64_t repetition = 0; repetition < repetitions; ++repetition) {
        std::uint64_t drawn = 0;
        const Interval interval = *stopped_estimate(population, half_width, repetition, drawn).these_images;
        covered += interval.low <= truth && truth <= interval.high ? 1.0 : 0.0;
        sizes += static_cast<double>(drawn);
      }
      covered /= static_cast<double>(repetitions);
      EXPECT_GE(covered, repetitions >= 1000 ? 0.93 : 0.895)
          << "seed " << seed << " half width " << half_width;
      if (set != nullptr)
        std::printf(
            "sequential: N = %d, half width %.2f, stops at %.0f on average, truth %.4f, covered %.4f\n",
            static_cast<int>(population.changed.size()), half_width, sizes / static_cast<double>(repetitions),
            truth, covered);
    }
}

// QFI_REPETITIONS=2000 for the figures in the documentation.
TEST(SampledMean, CoversTheTruthWhereFiveFaultsAreExpectedToDeviate) {
  const char* set = std::getenv("QFI_REPETITIONS");
  const std::uint64_t repetitions = set == nullptr ? 200 : std::stoull(set);
  double least = 1;
  int cases = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    for (const std::uint64_t draws : std::initializer_list<std::uint64_t>{5, 20, 60}) {
      const Coverage coverage = coverage_of(bit_flips(seed), draws, repetitions);
      if (coverage.expected < 5) continue;
      ++cases;
      least = std::min(least, coverage.covered);
      // 200 repetitions of a true coverage of 95 % fall below 90 % once in 400 cases.
      EXPECT_GE(coverage.covered, repetitions >= 1000 ? 0.93 : 0.895)
          << "seed " << seed << " draws " << draws;
      if (set != nullptr)
        std::printf("seed %2d, %2d strata, %2d draws each: %5.1f faults expected to deviate, covered %.3f\n",
                    static_cast<int>(seed), static_cast<int>(bit_flips(seed).size()), static_cast<int>(draws),
                    coverage.expected, coverage.covered);
    }
  EXPECT_GT(cases, 60);
  if (set != nullptr) std::printf("least %.4f of %d cases\n", least, cases);
}

// Events seen as their opposite: the mirrored interval.
TEST(SampledMean, IsMirroredWhenEventsAreCountedTheOtherWay) {
  const std::vector<std::uint64_t> none(100, 0);
  const auto interval = [&](bool mirrored) {
    FaultStratum stratum;
    stratum.population = 5000;
    stratum.of_image = none;
    for (std::uint64_t i = 0; i < 200; ++i) {
      const std::uint64_t events = i < 40 ? 20 : i < 60 ? 91 : 90;
      stratum.add(mirrored ? 100 - events : events, mirrored ? 10 : 90, 100);
    }
    return *sampled_mean(std::span(&stratum, 1), {mirrored ? 0.1 : 0.9, 100.0, true}, 0.95).these_images;
  };
  const Interval one = interval(false), other = interval(true);
  EXPECT_NEAR(one.low, 1.0 - other.high, 1e-12);
  EXPECT_NEAR(one.high, 1.0 - other.low, 1e-12);
}

// 90 % of a population drawn: the interval is sqrt(1 - 0.9) as wide as of a sample of an endless one.
TEST(SampledMean, IntervalsShrinkAsThePopulationIsUsedUp) {
  const std::vector<std::uint64_t> none(100, 0);
  const auto width = [&](std::uint64_t population) {
    FaultStratum stratum;
    stratum.population = population;
    stratum.of_image = none;
    for (std::uint64_t i = 0; i < 900; ++i) stratum.add(i % 3 == 0 ? 40 : 90, 90, 100);
    const Interval interval = *sampled_mean(std::span(&stratum, 1), {0.9, 100.0, true}, 0.95).these_images;
    return interval.high - interval.low;
  };
  EXPECT_NEAR(width(1000) / width(1'000'000'000), std::sqrt(0.1), 0.02);
}

TEST(Margin, IsThatWhichTheSampleSizeWasFoundFrom) {
  for (const std::uint64_t population : std::initializer_list<std::uint64_t>{100U, 3216U, 825'344U})
    for (const double p : {0.5, 0.1}) {
      const std::uint64_t n = sample_size(population, 0.03, 1.96, p, Rounding::nearest).rounded;
      EXPECT_NEAR(margin_of(population, n, 1.96, p), 0.03, 0.001) << population;
    }
  EXPECT_NEAR(margin_of(1000, 500, 1.96, 0.5), 0.030999, 1e-5);
  EXPECT_EQ(margin_of(1000, 1000, 1.96, 0.5), 0.0);
}

// Korn and Graubard by hand: twelve faults, effective number p (1 - p) / v, times (z / t of 11)^2; the lower
// end is the farther one of this and of shares of the most that a fault moves.
TEST(SampledMean, OfFewFaultsUsesStudentsQuantile) {
  const std::vector<std::uint64_t> none(100, 0);
  FaultStratum stratum;
  stratum.population = 1'000'000'000;
  stratum.of_image = none;
  double sum = 0, squares = 0;
  for (const std::uint64_t events :
       std::initializer_list<std::uint64_t>{50, 60, 70, 80, 90, 20, 30, 40, 10, 45, 55, 65}) {
    stratum.add(events, 0, 100);
    sum += static_cast<double>(events) / 100.0;
    squares += static_cast<double>(events * events) / 10'000.0;
  }
  const double mean = sum / 12.0;
  const double variance = (squares - 12.0 * mean * mean) / 11.0 / 12.0;
  const auto quantile = [&](double most, bool is_upper) {
    const double p = mean / most;
    const double n = p * (1.0 - p) / (variance / most / most) * std::pow(1.959964 / 2.200985, 2);
    return most * (is_upper
                       ? boost::math::quantile(boost::math::beta_distribution(n * p + 1, n - n * p), 0.975)
                       : boost::math::quantile(boost::math::beta_distribution(n * p, n - n * p + 1), 0.025));
  };
  const Interval interval = *sampled_mean(std::span(&stratum, 1), {0.0, 100.0, true}, 0.95).these_images;
  EXPECT_NEAR(interval.low, std::min(quantile(1.0, false), quantile(0.9, false)), 1e-5);
  EXPECT_NEAR(interval.high, quantile(1.0, true), 1e-5);
}

// Paired: the images' means hold the faults' spread already; images that agree within themselves widen it.
TEST(SampledMean, OfPairedFaultsVariesAsTheImagesDo) {
  const auto width = [](std::uint64_t images, std::uint64_t draws) {
    std::vector<std::uint64_t> of_image(images, 0);
    FaultStratum stratum;
    stratum.population = 1'000'000'000;
    for (std::uint64_t i = 0; i < images; ++i)
      for (std::uint64_t k = 0; k < draws; ++k) {
        stratum.add(i % 10 < 3 ? 1 : 0, 0, 1);
        of_image[i] += i % 10 < 3 ? 1 : 0;
      }
    stratum.of_image = of_image;
    const Interval interval = *sampled_mean(std::span(&stratum, 1), {0.0, 1.0, false}, 0.95).image_population;
    return interval.high - interval.low;
  };
  EXPECT_NEAR(width(400, 1), 2 * 1.96 * std::sqrt(0.21 / 400), 0.006);
  EXPECT_NEAR(width(40, 10), 2 * 2.02 * std::sqrt(0.21 / 39), 0.025);
}

}  // namespace
}  // namespace qfi
