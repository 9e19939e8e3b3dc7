// SPDX-License-Identifier: Apache-2.0
// How often 95 % intervals hold the truth where nearly all faults, or nearly all images, are alike.
// QFI_REPETITIONS=2000 repeats more often and prints every case: the figures of src/statistics/README.md.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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

// A nested design on images drawn from an endless population. Three kinds of faults meet three kinds of
// images; whether a fault changes an image's class is drawn once for each pair.
class NestedSample {
 public:
  struct Params {
    std::uint64_t images = 400;
    std::uint64_t of_a_fault = 4;
    std::uint64_t faults = 400;  // in all strata
    std::size_t strata = 1;
  };

  NestedSample(const Params& params, std::uint64_t seed) : m_params(params), m_seed(seed) {
    for (std::uint64_t image = 0; image < params.images; ++image) {
      m_kind_of_image.push_back(kind(k_image_shares, uniform(1, image, 0)));
      m_golden.push_back(uniform(2, image, 0) < k_right[m_kind_of_image.back()] ? 1 : 0);
    }
    const std::uint64_t groups = params.images / params.of_a_fault;
    for (std::size_t h = 0; h < params.strata; ++h) {
      m_sums.emplace_back(params.images);
      m_met.emplace_back(params.images);
      for (auto* strata : {&m_strata, &m_rights})
        strata->emplace_back().population = k_faults / params.strata * groups;
      Kinds& kinds = m_kinds.emplace_back();
      for (std::uint64_t fault = 0; fault < k_faults / params.strata; ++fault) ++kinds[fault_kind(h, fault)];
      std::vector<std::uint64_t> turn;
      for (std::uint64_t j = 0; j < params.faults / params.strata; ++j) {
        if (turn.empty())
          turn = draw_without_replacement(groups, groups, seed, fmt::format("stratum {} turn {}", h, j));
        run(h, j, turn.back() * params.of_a_fault);
        turn.pop_back();
      }
    }
    for (auto* strata : {&m_strata, &m_rights})
      for (std::size_t h = 0; h < params.strata; ++h) {
        (*strata)[h].of_image = m_sums[h];
        (*strata)[h].faults_of_image = m_met[h];
      }
  }

  SampledMean accuracy() const {
    double golden = 0;
    for (const std::uint64_t right : m_golden) golden += static_cast<double>(right);
    SampledShare what{golden / static_cast<double>(m_params.images), static_cast<double>(m_params.of_a_fault),
                      false};
    what.images_of_a_fault = m_params.of_a_fault;
    what.pairs_of_a_fault = m_params.images / m_params.of_a_fault;
    what.golden_of_image = m_golden;
    SampledShare itself = what;
    itself.golden = 0;
    const std::vector<std::uint64_t> none(m_params.images);
    itself.golden_of_image = none;
    return narrower(sampled_mean(m_strata, what, 0.95), sampled_mean(m_rights, itself, 0.95));
  }

  // On the images that were drawn: what all faults would do.
  double truth() const {
    double sum = 0;
    for (std::uint64_t image = 0; image < m_params.images; ++image)
      sum += expected(m_kind_of_image[image], static_cast<double>(m_golden[image]));
    return sum / static_cast<double>(m_params.images);
  }

  double truth_of_population() const {
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k)
      sum += (k_image_shares[k + 1] - k_image_shares[k]) * expected(k, k_right[k]);
    return sum;
  }

 private:
  using Shares = std::array<double, 4>;  // where each kind begins
  using Kinds = std::array<std::uint64_t, 3>;
  static constexpr std::uint64_t k_faults = 4000;
  static constexpr Shares k_image_shares = {0, 0.5, 0.8, 1};
  static constexpr std::array<Shares, 3> k_fault_shares = {Shares{0, 0.6, 0.8, 1}, Shares{0, 0.1, 0.2, 1},
                                                           Shares{0, 0.35, 0.5, 1}};
  static constexpr std::array<double, 3> k_right = {0.98, 0.9, 0.6};
  static constexpr double k_changes[3][3] = {{0, 0.005, 0.05}, {0.15, 0.45, 0.8}, {0.8, 0.9, 0.98}};
  static constexpr double k_guess = 0.1;

  static std::size_t kind(const Shares& shares, double at) {
    return at < shares[1] ? 0 : at < shares[2] ? 1 : 2;
  }

  double uniform(std::uint64_t purpose, std::uint64_t a, std::uint64_t b) const {
    std::uint64_t x = ((m_seed * 31 + purpose) * 1'000'003 + a) * 1'000'003 + b;
    for (int round = 0; round < 3; ++round) {
      x += 0x9E3779B97F4A7C15ULL;
      x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
      x ^= x >> 31;
    }
    return static_cast<double>(x >> 11) * 0x1p-53;
  }

  std::size_t fault_kind(std::size_t h, std::uint64_t number) const {
    return kind(k_fault_shares[m_params.strata > 1 ? h % 2 : 2], uniform(3, h * k_faults + number, 0));
  }

  void run(std::size_t h, std::uint64_t number, std::uint64_t first) {
    const std::uint64_t fault = h * k_faults + number;
    std::uint64_t right = 0, golden = 0;
    for (std::uint64_t image = first; image < first + m_params.of_a_fault; ++image) {
      const bool changes =
          uniform(4, fault, image) < k_changes[fault_kind(h, number)][m_kind_of_image[image]];
      const std::uint64_t is_right = changes ? (uniform(5, fault, image) < k_guess ? 1 : 0) : m_golden[image];
      right += is_right;
      golden += m_golden[image];
      m_sums[h][image] += is_right;
      ++m_met[h][image];
    }
    m_strata[h].add(right, golden, m_params.of_a_fault);
    m_rights[h].add(right, 0, m_params.of_a_fault);
  }

  double expected(std::size_t image_kind, double golden) const {
    double sum = 0;
    for (const Kinds& kinds : m_kinds)
      for (std::size_t f = 0; f < 3; ++f) {
        const double changes = k_changes[f][image_kind];
        sum += static_cast<double>(kinds[f]) * ((1 - changes) * golden + changes * k_guess);
      }
    return sum / static_cast<double>(k_faults);
  }

  Params m_params;
  std::uint64_t m_seed;
  std::vector<Kinds> m_kinds;  // of all faults of each stratum
  std::vector<std::size_t> m_kind_of_image;
  std::vector<std::uint64_t> m_golden;
  std::vector<std::vector<std::uint64_t>> m_sums;
  std::vector<std::vector<std::uint64_t>> m_met;
  std::vector<FaultStratum> m_strata;  // deviations from what is right without a fault
  std::vector<FaultStratum> m_rights;  // what is right
};

TEST(Coverage, HoldsWhereEachFaultMeetsImagesOfItsOwn) {
  for (const std::size_t strata : {1, 8})
    for (const std::uint64_t images : {96, 960})
      for (const std::uint64_t of_a_fault : {1, 4, 16})
        for (const std::uint64_t faults : {80, 400, 2000, 4000}) {
          const NestedSample::Params params{images, of_a_fault, faults, strata};
          const std::string name =
              fmt::format("{} faults in {} strata on {} of {} images", faults, strata, of_a_fault, images);
          // The truth differs from repetition to repetition: intervals are moved by it.
          const auto moved = [](const Interval& interval, double truth) {
            return Interval{interval.low - truth, interval.high - truth};
          };
          expect_coverage(name + ", these images", 0.0, [&](std::uint64_t seed) {
            const NestedSample sample(params, seed);
            return moved(*sample.accuracy().these_images, sample.truth());
          });
          expect_coverage(name + ", images like these", 0.0, [&](std::uint64_t seed) {
            const NestedSample sample(params, seed);
            return moved(*sample.accuracy().image_population, sample.truth_of_population());
          });
        }
}

}  // namespace
}  // namespace qfi
