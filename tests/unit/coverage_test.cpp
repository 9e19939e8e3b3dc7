// SPDX-License-Identifier: Apache-2.0
// How often 95 % intervals hold the truth where nearly all faults, or nearly all images, are alike.
// QFI_REPETITIONS=2000 repeats more often and prints every case: the figures of src/statistics/README.md.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>

#include "qfi/base/csv.hpp"
#include "qfi/base/random.hpp"
#include "qfi/base/text.hpp"
#include "qfi/statistics/statistics.hpp"
#include "support.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_images = 100;
constexpr std::uint64_t k_golden = 90;

// Faults by how many of the images are right under them.
using Faults = std::vector<std::uint64_t>;

// `share` of the faults leave 88 or 89 images right, the others about as many as guessing does.
Faults few_survivors(double share) {
  Faults faults(4000);
  for (std::uint64_t f = 0; f < faults.size(); ++f)
    faults[f] = static_cast<double>(f) < share * 4000.0 ? 88 + f % 2 : 9 + random_below(3, "guess", f, 3);
  return faults;
}

// `share` of the faults leave as many images right as guessing does, the others nearly all.
Faults few_victims(double share) {
  Faults faults(4000);
  for (std::uint64_t f = 0; f < faults.size(); ++f)
    faults[f] = static_cast<double>(f) < share * 4000.0 ? 10 : k_golden - random_below(3, "right", f, 2);
  return faults;
}

double mean_of(const Faults& faults) {
  return std::accumulate(faults.begin(), faults.end(), 0.0) / static_cast<double>(faults.size() * k_images);
}

// The interval on these images that a random order of the faults gives. `half_width`: draws go on, a tenth
// more after each look, until half the interval is as narrow.
Interval sampled(const Faults& faults, std::uint64_t draws, std::optional<double> half_width,
                 std::uint64_t seed) {
  const auto order = draw_without_replacement(faults.size(), faults.size(), seed, "coverage");
  FaultStratum stratum;
  stratum.population = faults.size();
  for (std::uint64_t target = draws;; target = (target * 11 + 9) / 10) {
    while (stratum.drawn < std::min<std::uint64_t>(target, faults.size()))
      stratum.add(faults[order[stratum.drawn]], k_golden, k_images);
    const SampledShare what{static_cast<double>(k_golden) / k_images, k_images, true};
    const Interval interval = *sampled_mean(std::span(&stratum, 1), what, 0.95).these_images;
    if (!half_width || interval.high - interval.low <= 2.0 * *half_width || stratum.drawn == faults.size())
      return interval;
  }
}

std::uint64_t repetitions() {
  const char* set = std::getenv("QFI_REPETITIONS");
  return set == nullptr ? 150 : std::stoull(set);
}

void expect_coverage(const std::string& name, double truth,
                     const std::function<Interval(std::uint64_t)>& draw) {
  double covered = 0;
  double width = 0;
  for (std::uint64_t seed = 0; seed < repetitions(); ++seed) {
    const Interval interval = draw(seed);
    covered += interval.low <= truth + 1e-12 && truth <= interval.high + 1e-12 ? 1.0 : 0.0;
    width += interval.high - interval.low;
  }
  covered /= static_cast<double>(repetitions());
  // A true coverage of 95 % falls below 89 % of 150 once in 1,500 cases.
  EXPECT_GE(covered, repetitions() >= 500 ? 0.93 : 0.89) << name;
  if (std::getenv("QFI_REPETITIONS") != nullptr)
    fmt::print("{}: truth {:.4f}, covered {:.4f}, width {:.4f}\n", name, truth, covered,
               width / static_cast<double>(repetitions()));
}

TEST(Coverage, HoldsWhereFewFaultsSurvive) {
  for (const double share : {0.2, 0.12, 0.05, 0.02, 0.01})
    for (const std::uint64_t n : std::initializer_list<std::uint64_t>{20, 40, 100, 200, 1000}) {
      const Faults faults = few_survivors(share);
      expect_coverage(fmt::format("{} % survive, n = {}", 100 * share, n), mean_of(faults),
                      [&](std::uint64_t seed) { return sampled(faults, n, std::nullopt, seed); });
    }
}

TEST(Coverage, HoldsWhereFewFaultsDoHarm) {
  for (const double share : {0.2, 0.05, 0.02, 0.01})
    for (const std::uint64_t n : std::initializer_list<std::uint64_t>{20, 40, 100, 200, 1000}) {
      const Faults faults = few_victims(share);
      expect_coverage(fmt::format("{} % do harm, n = {}", 100 * share, n), mean_of(faults),
                      [&](std::uint64_t seed) { return sampled(faults, n, std::nullopt, seed); });
    }
}

TEST(Coverage, HoldsWhereASequentialSampleStops) {
  for (const double half_width : {0.05, 0.02})
    for (const double share : {0.2, 0.05, 0.01}) {
      for (const auto& [what, faults] :
           {std::pair{"survive", few_survivors(share)}, std::pair{"do harm", few_victims(share)}})
        expect_coverage(
            fmt::format("{} % {}, half width {}", 100 * share, what, half_width), mean_of(faults),
            [&, &faults = faults](std::uint64_t seed) { return sampled(faults, 30, half_width, seed); });
    }
}

// Images by the share of 50 faults under which they are right; all faults are run.
Interval of_images(const std::vector<std::uint64_t>& images, std::uint64_t drawn, std::uint64_t seed) {
  constexpr std::uint64_t k_faults = 50;
  std::vector<std::uint64_t> of_image;
  for (const std::uint64_t image : draw_without_replacement(images.size(), drawn, seed, "images"))
    of_image.push_back(images[image]);
  FaultStratum stratum;
  stratum.population = k_faults;
  stratum.of_image = of_image;
  for (std::uint64_t fault = 0; fault < k_faults; ++fault)
    stratum.add(static_cast<std::uint64_t>(
                    std::ranges::count_if(of_image, [&](std::uint64_t right) { return fault < right; })),
                drawn, drawn);
  return *sampled_mean(std::span(&stratum, 1), {1.0, static_cast<double>(drawn), true}, 0.95)
              .image_population;
}

TEST(Coverage, HoldsWhereImagesAreAlike) {
  struct Case {
    const char* name;
    double share;         // of the images
    std::uint64_t those;  // right under so many of 50 faults
    std::uint64_t rest;
  };
  const Case cases[] = {{"all right", 0.0, 0, 50},         {"1 % always wrong", 0.01, 0, 50},
                        {"3 % always wrong", 0.03, 0, 50}, {"2 % right under half", 0.02, 25, 50},
                        {"1 % always right", 0.01, 50, 5}, {"10 % always wrong", 0.1, 0, 48},
                        {"half right", 0.5, 0, 50}};
  for (const Case& c : cases)
    for (const std::uint64_t n : std::initializer_list<std::uint64_t>{30, 50, 100, 300}) {
      std::vector<std::uint64_t> images(20'000);
      for (std::size_t i = 0; i < images.size(); ++i)
        images[i] = static_cast<double>(i) < c.share * 20'000.0 ? c.those : c.rest;
      const double truth = std::accumulate(images.begin(), images.end(), 0.0) / (50.0 * 20'000.0);
      expect_coverage(fmt::format("{}, {} images", c.name, n), truth,
                      [&](std::uint64_t seed) { return of_images(images, n, seed); });
    }
}

// Every image has faults of its own, of which a share changes its class that differs from image to image.
TEST(Coverage, HoldsInPairedDesigns) {
  for (const double sensitive : {0.02, 0.3})
    for (const std::uint64_t faults_per_image : std::initializer_list<std::uint64_t>{1, 5, 20})
      for (const std::uint64_t n : std::initializer_list<std::uint64_t>{50, 200}) {
        const auto chance_of = [&](std::uint64_t image) {
          return static_cast<double>(image % 1000) < 1000.0 * sensitive ? 0.4 : 0.02;
        };
        const double truth = sensitive * 0.4 + (1 - sensitive) * 0.02;
        expect_coverage(
            fmt::format("paired, {} % sensitive, {} images with {} faults", 100 * sensitive, n,
                        faults_per_image),
            truth, [&](std::uint64_t seed) {
              std::vector<std::uint64_t> of_image(n, 0);
              FaultStratum stratum;
              stratum.population = std::uint64_t{1} << 40;
              for (std::uint64_t i = 0; i < n; ++i)
                for (std::uint64_t k = 0; k < faults_per_image; ++k) {
                  const double chance = chance_of(random_below(seed, "image", i, 1'000'000));
                  const bool changes = static_cast<double>(random_below(seed, "trial", i * 1000 + k,
                                                                        1 << 20)) < chance * (1 << 20);
                  stratum.add(changes ? 1 : 0, 0, 1);
                  of_image[i] += changes ? 1 : 0;
                }
              stratum.of_image = of_image;
              return *sampled_mean(std::span(&stratum, 1), {0.0, 1.0, false}, 0.95).image_population;
            });
      }
}

// 1,500 draws of flips in the weights of ResNet-8 (MLPerf Tiny) at each of nine bit error rates: how often
// which number of the first 64 test images of CIFAR-10 was right, of which 55 are without a flip. What
// follows takes them for all there are.
struct ErrorRate {
  std::string rate;
  double flips = 0;             ///< expected of a draw
  std::vector<double> correct;  ///< of each draw
};

std::vector<ErrorRate> recorded_error_rates() {
  std::vector<ErrorRate> rates;
  const std::vector<std::string> names = {"rate", "flips", "correct", "draws"};
  const auto read =
      for_each_csv_row(test::source_folder() / "tests/data/resnet8_error_rates.csv", names,
                       [&](std::size_t, auto fields) -> Result<void> {
                         std::uint64_t draws = 0;
                         double correct = 0;
                         if (rates.empty() || rates.back().rate != fields[0])
                           rates.push_back({std::string(fields[0]), 0, {}});
                         EXPECT_TRUE(parse_number(fields[1], rates.back().flips) &&
                                     parse_number(fields[2], correct) && parse_number(fields[3], draws));
                         rates.back().correct.insert(rates.back().correct.end(), draws, correct);
                         return {};
                       });
  EXPECT_TRUE(read);
  return rates;
}

TEST(Coverage, HoldsAtBitErrorRatesOfARealNetwork) {
  constexpr std::uint64_t k_few_images = 64;
  const std::vector<ErrorRate> rates = recorded_error_rates();
  EXPECT_EQ(rates.size(), 9U);
  for (const ErrorRate& rate : rates)
    for (const std::uint64_t n : std::initializer_list<std::uint64_t>{10, 20, 50, 100, 300}) {
      const auto all = static_cast<double>(rate.correct.size());
      const double truth =
          std::accumulate(rate.correct.begin(), rate.correct.end(), 0.0) / all / k_few_images;
      expect_coverage(fmt::format("rate {}, n = {}", rate.rate, n), truth, [&](std::uint64_t seed) {
        FaultStratum stratum;
        stratum.population = std::uint64_t{1} << 62;
        std::vector<double> sums;
        for (std::uint64_t i = 0; i < n; ++i) {
          const double correct = rate.correct[random_below(seed, rate.rate, i, rate.correct.size())];
          stratum.add(static_cast<std::uint64_t>(correct), 55, k_few_images);
          sums.push_back(correct / k_few_images);
        }
        SampledShare what{55.0 / k_few_images, k_few_images, true};
        if (rate.flips >= k_many_flips) what.sums = sums;
        return *sampled_mean(std::span(&stratum, 1), what, 0.95).these_images;
      });
    }
}

TEST(Coverage, IntervalsOfFewImagesAreShares) {
  for (const std::vector<std::uint64_t>& images : std::initializer_list<std::vector<std::uint64_t>>{
           {50, 50, 50, 50, 0}, {0, 50}, {50, 49}, {0, 1, 50}}) {
    const Interval interval = of_images(images, images.size(), 1);
    EXPECT_GE(interval.low, 0.0);
    EXPECT_LE(interval.high, 1.0);
  }
}

// Twenty draws of many flips that all leave 93 of 100 images right, and twenty with a spread of 1.7 points.
TEST(Coverage, DrawsOfManyFlipsAreNotWidenedByWhatSingleFaultsMayDo) {
  const auto half_width = [](double spread) {
    std::vector<double> values;
    for (int i = 0; i < 20; ++i) values.push_back(0.93 + spread * (i % 2 == 0 ? 1.0 : -1.0));
    const Interval interval = interval_of_sums(values, 100.0, 0.95);
    return (interval.high - interval.low) / 2.0;
  };
  EXPECT_LT(half_width(0.0), 0.003);
  EXPECT_GT(half_width(0.0), 0.001) << "the next one may differ by an image";
  EXPECT_LT(half_width(0.017), 0.0100);
  EXPECT_GT(half_width(0.017), 0.0079) << "Student's t alone";
}

TEST(Coverage, WhatAllDrawsShowIsNoProof) {
  const auto interval = [](std::uint64_t right, std::uint64_t n) {
    FaultStratum stratum;
    stratum.population = std::uint64_t{1} << 40;
    for (std::uint64_t i = 0; i < n; ++i) stratum.add(right, k_golden, k_images);
    return *sampled_mean(std::span(&stratum, 1), {0.9, k_images, true}, 0.95).these_images;
  };
  EXPECT_NEAR(interval(10, 100).high, 0.1 + 0.8 * 0.0362, 1e-3) << "100 draws that all collapse";
  EXPECT_NEAR(interval(90, 100).low, 0.9 - 0.9 * 0.0362, 1e-3) << "100 draws that do nothing";
  const std::vector<std::uint64_t> images(20'000, 50);
  EXPECT_NEAR(of_images(images, 100, 1).low, 0.964, 1e-3) << "100 of 100 images right";
  EXPECT_EQ(of_images(images, 100, 1).high, 1.0);
}

}  // namespace
}  // namespace qfi
