// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

#include "qfi/faults/sample_size.hpp"

namespace qfi {
namespace {

Interval around(double mean, double variance, double degrees, double confidence) {
  const double t =
      boost::math::quantile(boost::math::students_t(std::max(degrees, 1.0)), 0.5 + confidence / 2.0);
  const double half = t * std::sqrt(variance);
  return {std::max(0.0, mean - half), std::min(1.0, mean + half)};
}

double square(double value) { return value * value; }

// The smallest number in first .. last that fulfils `holds`, which stays true once it is; last + 1: none.
template <class Predicate>
std::uint64_t first_that(std::uint64_t first, std::uint64_t last, const Predicate& holds) {
  while (first <= last) {
    const std::uint64_t middle = first + (last - first) / 2;
    if (!holds(middle)) first = middle + 1;
    else if (middle == first) break;
    else last = middle;
  }
  return first;
}

// log of the number of ways to choose k of n; long double, as the terms cancel.
long double log_choose(std::uint64_t n, std::uint64_t k) {
  const auto log_factorial = [](std::uint64_t m) {
    return boost::math::lgamma(static_cast<long double>(m) + 1.0L);
  };
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

// The hypergeometric distribution (Boost 1.74's takes seconds where `marked` is small against a large
// population, and overflows from 2^31 on): `drawn` of `population`, of which `marked` have the property.
struct Hypergeometric {
  std::uint64_t population;
  std::uint64_t marked;
  std::uint64_t drawn;

  std::uint64_t least() const {
    const std::uint64_t unmarked = population - marked;
    return drawn > unmarked ? drawn - unmarked : 0;
  }
  std::uint64_t most() const { return std::min(drawn, marked); }

  long double probability(std::uint64_t x) const {
    return std::exp(log_choose(marked, x) + log_choose(population - marked, drawn - x) -
                    log_choose(population, drawn));
  }
  // probability(x + 1) / probability(x)
  long double ratio(std::uint64_t x) const {
    const auto up = static_cast<long double>(marked - x) * static_cast<long double>(drawn - x);
    const auto down =
        static_cast<long double>(x + 1) * static_cast<long double>(population + x + 1 - marked - drawn);
    return up / down;
  }

  // P(X <= x), summed over the side of x that is away from the mean, where terms only fall.
  long double at_most(std::uint64_t x) const {
    if (x >= most()) return 1.0L;
    if (x < least()) return 0.0L;
    const long double mean = static_cast<long double>(drawn) * static_cast<long double>(marked) /
                             static_cast<long double>(population);
    const bool is_below = static_cast<long double>(x) < mean;
    long double sum = 0;
    long double term = probability(is_below ? x : x + 1);
    for (std::uint64_t k = is_below ? x : x + 1; term > sum * 1e-18L;) {
      sum += term;
      if (k == (is_below ? least() : most())) break;
      term = is_below ? term / ratio(k - 1) : term * ratio(k);
      k = is_below ? k - 1 : k + 1;
    }
    return is_below ? sum : 1.0L - sum;
  }
};

Interval clopper_pearson(std::uint64_t events, std::uint64_t drawn, double tail) {
  const auto x = static_cast<double>(events);
  const auto n = static_cast<double>(drawn);
  const double low =
      events == 0 ? 0.0 : boost::math::quantile(boost::math::beta_distribution(x, n - x + 1), tail);
  const double high =
      events == drawn ? 1.0 : boost::math::quantile(boost::math::beta_distribution(x + 1, n - x), 1 - tail);
  return {low, high};
}

}  // namespace

Interval wilson_interval(std::uint64_t events, std::uint64_t drawn, std::uint64_t population,
                         double confidence) {
  const auto n = static_cast<double>(drawn);
  const double rate = static_cast<double>(events) / n;
  if (drawn >= population) return {rate, rate};
  const double effective =
      n * (static_cast<double>(population) - 1.0) / static_cast<double>(population - drawn);
  const double z = normal_quantile(confidence);
  const double centre = (rate + z * z / (2.0 * effective)) / (1.0 + z * z / effective);
  const double half = z / (1.0 + z * z / effective) *
                      std::sqrt(rate * (1.0 - rate) / effective + z * z / (4.0 * effective * effective));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

Interval exact_interval(std::uint64_t events, std::uint64_t drawn, std::uint64_t population,
                        double confidence) {
  const double tail = (1.0 - confidence) / 2.0;
  if (population >= std::uint64_t{1} << 40) return clopper_pearson(events, drawn, tail);
  // The number of members with the property is known to lie in events .. most.
  const std::uint64_t most = population - (drawn - events);
  const std::uint64_t low = first_that(events, most, [&](std::uint64_t marked) {
    return events == 0 || 1.0L - Hypergeometric{population, marked, drawn}.at_most(events - 1) > tail;
  });
  const std::uint64_t above = first_that(low, most, [&](std::uint64_t marked) {
    return Hypergeometric{population, marked, drawn}.at_most(events) <= tail;
  });
  const auto size = static_cast<double>(population);
  return {static_cast<double>(low) / size, static_cast<double>(above - 1) / size};
}

Share stratified_share(std::span<const StratumCounts> strata, double confidence) {
  double population = 0;
  double events = 0;
  for (const StratumCounts& stratum : strata) {
    const auto size = static_cast<double>(stratum.population);
    population += size;
    events += size * static_cast<double>(stratum.events) / static_cast<double>(stratum.drawn);
  }
  Share result;
  result.share = std::clamp(events / population, 0.0, 1.0);
  double below = 0;
  double above = 0;
  double pooled = 0;
  for (const StratumCounts& stratum : strata) {
    const auto size = static_cast<double>(stratum.population);
    const auto drawn = static_cast<double>(stratum.drawn);
    const double rate = static_cast<double>(stratum.events) / drawn;
    const Interval exact = exact_interval(stratum.events, stratum.drawn, stratum.population, confidence);
    below += square(size / population * std::max(0.0, rate - exact.low));
    above += square(size / population * std::max(0.0, exact.high - rate));
    pooled += square(size / population) * (1.0 - drawn / size) / drawn;
  }
  if (strata.size() == 1) pooled = 0;
  pooled *= square(normal_quantile(confidence)) * result.share * (1.0 - result.share);
  result.interval = {std::clamp(result.share - std::sqrt(std::max(below, pooled)), 0.0, result.share),
                     std::clamp(result.share + std::sqrt(std::max(above, pooled)), result.share, 1.0)};
  return result;
}

CrossedMean crossed_mean(const CrossedCounts& counts, double confidence) {
  const auto faults = static_cast<double>(counts.of_fault.size());
  const auto images = static_cast<double>(counts.of_image.size());
  double total = 0;
  for (const std::uint64_t events : counts.of_fault) total += static_cast<double>(events);
  CrossedMean result;
  result.mean = total / (faults * images);
  if (faults < 2) return result;

  // Each pair counts 0 or 1, so their sum is the sum of their squares.
  double fault_squares = 0;
  for (const std::uint64_t events : counts.of_fault)
    fault_squares += std::pow(static_cast<double>(events) / images - result.mean, 2);
  double image_squares = 0;
  for (const std::uint64_t events : counts.of_image)
    image_squares += std::pow(static_cast<double>(events) / faults - result.mean, 2);
  const double drawn_share = faults / static_cast<double>(counts.population);
  const double of_faults = (1.0 - drawn_share) * fault_squares / (faults - 1.0) / faults;
  result.these_images = around(result.mean, of_faults, faults - 1.0, confidence);
  if (images < 2) return result;

  const double all_squares = total - faults * images * result.mean * result.mean;
  const double ms_image = faults * image_squares / (images - 1.0);
  const double rest = std::max(0.0, all_squares - images * fault_squares - faults * image_squares);
  const double ms_rest = rest / ((faults - 1.0) * (images - 1.0));
  const double of_images = std::max(0.0, ms_image - ms_rest) / (faults * images) +
                           ms_rest / (static_cast<double>(counts.population) * images);
  const double variance = of_faults + of_images;
  const double spread = of_faults * of_faults / (faults - 1.0) + of_images * of_images / (images - 1.0);
  const double degrees = spread > 0 ? variance * variance / spread : std::min(faults, images) - 1.0;
  result.image_population = around(result.mean, variance, degrees, confidence);
  return result;
}

}  // namespace qfi
