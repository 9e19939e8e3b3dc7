// SPDX-License-Identifier: Apache-2.0
#include "qfi/statistics/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <numeric>

#include "qfi/statistics/sample_size.hpp"

namespace qfi {
namespace {

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

void FaultStratum::add(std::uint64_t events, std::uint64_t golden_events, std::uint64_t units) {
  ++drawn;
  if (golden_events == 0) mixed += events * (units - events);
  if (events == golden_events) return;
  Side& side = events > golden_events ? gains : losses;
  const std::uint64_t moved = events > golden_events ? events - golden_events : golden_events - events;
  const std::uint64_t most = events > golden_events ? units - golden_events : golden_events;
  side.sum += moved;
  side.squares += moved * moved;
  side.most = std::max(side.most, moved);
  side.heavy += 2 * moved >= most ? 1 : 0;
}

namespace {

// Of a share with that variance: Clopper and Pearson for the number of trials that would give it.
Interval share_interval(double share, double variance, double degrees, double confidence) {
  if (variance <= 0 || share <= 0 || share >= 1) return {share, share};
  const double tail = (1.0 - confidence) / 2.0;
  const double t = boost::math::quantile(boost::math::students_t(std::max(degrees, 1.0)), 1.0 - tail);
  const double trials = share * (1.0 - share) / variance * square(normal_quantile(confidence) / t);
  const double events = trials * share;
  constexpr double k_many = 1e7;  // from here on the normal distribution is as good, and beta's takes long
  if (trials > k_many) {
    const double half = t * std::sqrt(variance);
    return {std::max(0.0, share - half), std::min(1.0, share + half)};
  }
  const auto quantile = [](double a, double b, double p) {
    return boost::math::quantile(boost::math::beta_distribution(a, b), p);
  };
  return {quantile(events, trials - events + 1.0, tail), quantile(events + 1.0, trials - events, 1.0 - tail)};
}

constexpr std::uint64_t k_enough = 5;  // members of a kind, below which the share of that kind may be missed

// The largest share of a population of which a sample as good as 1 / `single` draws may show nothing.
double unseen_share(double single, double confidence) {
  return 1.0 - std::pow((1.0 - confidence) / 2.0, single);
}

// Of independent values.
double variance_of_mean(const std::vector<double>& values) {
  double sum = 0;
  double squares = 0;
  for (const double value : values) {
    sum += value;
    squares += square(value);
  }
  const auto n = static_cast<double>(values.size());
  return std::max(0.0, squares - sum * sum / n) / (n - 1.0) / n;
}

// Widens the interval of the mean of shares of 0 .. 1: where fewer than 5 are high, or low, more that are may
// be among those that were not seen.
void allow_for_unseen(const std::vector<double>& shares, double mean, double confidence, Interval& interval) {
  const double unseen = unseen_share(1.0 / static_cast<double>(shares.size()), confidence);
  const auto high =
      static_cast<std::uint64_t>(std::ranges::count_if(shares, [](double share) { return share >= 0.5; }));
  if (high < k_enough)
    interval.high = std::min(1.0, mean + std::hypot(interval.high - mean, unseen * (1.0 - mean)));
  if (shares.size() - high < k_enough)
    interval.low = std::max(0.0, mean - std::hypot(mean - interval.low, unseen * mean));
}

// The mean of a stratified population, faults sampled.
class StratifiedMean {
 public:
  StratifiedMean(std::span<const FaultStratum> strata, const SampledShare& what, double confidence)
      : m_strata(strata), m_what(what), m_confidence(confidence) {
    for (const FaultStratum& stratum : strata) m_population += static_cast<double>(stratum.population);
    for (const FaultStratum& stratum : strata) {
      const auto drawn = static_cast<double>(stratum.drawn);
      m_degrees += drawn - 1.0;
      m_drawn += drawn;
      m_single += factor_of(stratum);
    }
    m_gain = side(&FaultStratum::gains, 1.0 - what.golden);
    m_loss = side(&FaultStratum::losses, what.golden);
  }

  double mean() const { return std::clamp(m_what.golden + m_gain.mean - m_loss.mean, 0.0, 1.0); }
  double degrees() const { return std::max(m_degrees, 1.0); }
  double variance() const { return m_gain.variance + m_loss.variance; }

  Interval these_images() const {
    const double below = std::hypot(m_gain.mean - m_gain.interval.low, m_loss.interval.high - m_loss.mean);
    const double above = std::hypot(m_gain.interval.high - m_gain.mean, m_loss.mean - m_loss.interval.low);
    return {std::clamp(mean() - below, 0.0, mean()), std::clamp(mean() + above, mean(), 1.0)};
  }

  // The share of each image, over the faults.
  std::vector<double> of_images() const {
    if (m_what.images_of_a_fault > 0) return of_nested_images();
    std::vector<double> shares;
    const std::size_t images = m_strata.front().of_image.size();
    for (std::size_t image = 0; image < images; ++image) {
      double share = 0;
      for (const FaultStratum& stratum : m_strata)
        share +=
            weight_of(stratum) * static_cast<double>(stratum.of_image[image]) / faults_per_image(stratum);
      share *= m_what.is_crossed ? static_cast<double>(images) : 1.0;
      shares.push_back(share / m_what.units);
    }
    return shares;
  }

  // What single trials add to the variance of the mean over images, which the variance over faults holds
  // already. It is known where an image has one unit, so that the event happens or does not.
  double variance_of_trials() const {
    const auto images = static_cast<double>(m_what.golden_of_image.size());
    if (m_what.images_of_a_fault == 0 || m_what.units != static_cast<double>(m_what.images_of_a_fault))
      return 0;
    double sum = 0;
    for (const FaultStratum& stratum : m_strata) {
      double moves = 0, trials = 0, squares = 0;
      for (std::size_t image = 0; image < m_what.golden_of_image.size(); ++image) {
        const double move = move_of(stratum, image);
        moves += move;
        squares += std::abs(move);
        trials += static_cast<double>(stratum.faults_of_image[image]);
      }
      sum += square(weight_of(stratum) / faults_per_image(stratum)) * (squares - square(moves) / trials);
    }
    return sum / square(images);
  }

 private:
  struct Side {
    double mean = 0;
    double variance = 0;
    Interval interval;
  };

  // Nested: each image has met some of the faults, which changed its golden share by so much.
  std::vector<double> of_nested_images() const {
    const double units = m_what.units / static_cast<double>(m_what.images_of_a_fault);
    std::vector<double> shares;
    for (std::size_t image = 0; image < m_what.golden_of_image.size(); ++image) {
      auto share = static_cast<double>(m_what.golden_of_image[image]);
      for (const FaultStratum& stratum : m_strata)
        share += weight_of(stratum) * move_of(stratum, image) / faults_per_image(stratum);
      shares.push_back(share / units);
    }
    return shares;
  }

  // How many more units of an image show the event under the faults that met it than without them, in all.
  double move_of(const FaultStratum& stratum, std::size_t image) const {
    return static_cast<double>(stratum.of_image[image]) -
           static_cast<double>(m_what.golden_of_image[image]) *
               static_cast<double>(stratum.faults_of_image[image]);
  }

  double weight_of(const FaultStratum& stratum) const {
    return static_cast<double>(stratum.population) / m_population;
  }
  // Of a stratum's variance in that of the mean.
  double factor_of(const FaultStratum& stratum) const {
    const auto drawn = static_cast<double>(stratum.drawn);
    return square(weight_of(stratum)) * (1.0 - drawn / static_cast<double>(stratum.population)) / drawn;
  }
  double faults_per_image(const FaultStratum& stratum) const {
    const auto images = static_cast<double>(m_strata.front().of_image.size());
    const auto drawn = static_cast<double>(stratum.drawn);
    if (m_what.images_of_a_fault > 0) return drawn * static_cast<double>(m_what.images_of_a_fault) / images;
    return drawn / (m_what.is_crossed ? 1.0 : images);
  }

  // The variance of a fault's share that a sample of them leaves open. Nested, with one unit an image: that
  // of the faults themselves shrinks with each that is drawn, that of their images does not.
  double between_faults(const FaultStratum& stratum, double variance) const {
    const auto images = static_cast<double>(m_what.images_of_a_fault);
    if (images < 2 || m_what.units != images || m_what.golden != 0) return variance;
    const auto drawn = static_cast<double>(stratum.drawn);
    const double share_drawn = std::min(
        1.0, drawn * static_cast<double>(m_what.pairs_of_a_fault) / static_cast<double>(stratum.population));
    const double of_images = static_cast<double>(stratum.mixed) / drawn / square(images) / (images - 1.0);
    return (1.0 - share_drawn) * variance + share_drawn * std::min(variance, of_images);
  }

  // `most`: the largest share that a fault can move.
  Side side(FaultStratum::Side FaultStratum::*which, double most) const {
    Side result;
    double squares = 0;
    double within = 0;
    std::uint64_t heavy = 0;
    double most_seen = 0;
    for (const FaultStratum& stratum : m_strata) {
      const FaultStratum::Side& moved = stratum.*which;
      most_seen = std::max(most_seen, static_cast<double>(moved.most) / m_what.units);
      const auto drawn = static_cast<double>(stratum.drawn);
      const double mean = static_cast<double>(moved.sum) / drawn;
      const double spread = std::max(0.0, static_cast<double>(moved.squares) - drawn * square(mean));
      result.mean += weight_of(stratum) * mean / m_what.units;
      squares += weight_of(stratum) * static_cast<double>(moved.squares) / drawn / square(m_what.units);
      if (stratum.drawn > 1)
        within += factor_of(stratum) * between_faults(stratum, spread / (drawn - 1.0) / square(m_what.units));
      heavy += moved.heavy;
    }
    const double pooled =
        m_single * std::max(0.0, squares - square(result.mean)) * m_drawn / std::max(m_drawn - 1.0, 1.0);
    result.variance = m_strata.size() > 1 ? std::max(within, pooled) : within;
    result.interval = share_interval(result.mean, result.variance, degrees(), m_confidence);
    // Where most faults move as much as any, few that move less may be missed: the shape of a share near 1.
    if (most_seen > 0) {
      const double low =
          most_seen * share_interval(result.mean / most_seen, result.variance / square(most_seen), degrees(),
                                     m_confidence)
                          .low;
      result.interval.low = std::min(result.interval.low, low);
    }
    const double unseen = unseen_share(m_single, m_confidence);
    if (heavy < k_enough)
      result.interval.high = result.mean + std::hypot(result.interval.high - result.mean, unseen * most);
    if (m_drawn - static_cast<double>(heavy) < k_enough)
      result.interval.low = result.mean - std::hypot(result.mean - result.interval.low, unseen * result.mean);
    return result;
  }

  std::span<const FaultStratum> m_strata;
  const SampledShare& m_what;
  double m_confidence;
  double m_population = 0;
  double m_degrees = 0;
  double m_drawn = 0;
  double m_single = 0;  ///< 1 / the number of draws of a simple sample that would be as good
  Side m_gain;
  Side m_loss;
};

}  // namespace

Interval interval_of_sums(std::span<const double> values, double units, double confidence) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  double farthest = 1.0 / units;
  for (const double value : values) {
    squares += square(value - mean);
    farthest = std::max(farthest, std::abs(value - mean));
  }
  const double error = std::sqrt(squares / (n - 1.0) / n);
  // One and a half times as far: what it takes to cover with real networks at many rates (README.md).
  const double unseen = 1.5 * farthest * unseen_share(1.0 / n, confidence);
  const double half = std::hypot(t_quantile(confidence, n - 1.0) * error, unseen);
  return {std::clamp(mean - half, 0.0, mean), std::clamp(mean + half, mean, 1.0)};
}

SampledMean sampled_mean(std::span<const FaultStratum> strata, const SampledShare& what, double confidence) {
  const StratifiedMean estimate(strata, what, confidence);
  SampledMean result;
  result.mean = estimate.mean();
  const bool is_whole = std::ranges::all_of(
      strata, [](const FaultStratum& stratum) { return stratum.drawn == stratum.population; });
  std::uint64_t drawn = 0;
  for (const FaultStratum& stratum : strata) drawn += stratum.drawn;
  if (is_whole) result.these_images = Interval{result.mean, result.mean};
  else if (drawn > 1) result.these_images = estimate.these_images();
  if (!is_whole && !what.sums.empty()) {
    const Interval of_sums = interval_of_sums(what.sums, what.units, confidence);
    if (of_sums.high - of_sums.low < result.these_images->high - result.these_images->low)
      result.these_images = of_sums;
  }
  const std::vector<double> of_image = estimate.of_images();
  if (of_image.size() < 2 || !result.these_images) return result;

  const bool has_faults = what.is_crossed || what.images_of_a_fault > 0;
  const double of_faults = is_whole || !has_faults ? 0.0 : estimate.variance();
  const double of_images = std::max(0.0, variance_of_mean(of_image) - estimate.variance_of_trials());
  const double variance = of_faults + of_images;
  const auto images = static_cast<double>(of_image.size());
  const double spread = square(of_faults) / estimate.degrees() + square(of_images) / (images - 1.0);
  const double degrees = spread > 0 ? square(variance) / spread : images - 1.0;
  Interval interval = share_interval(result.mean, variance, degrees, confidence);
  allow_for_unseen(of_image, result.mean, confidence, interval);
  // Nothing seen to vary is no proof that nothing does.
  interval.low = std::min(interval.low, result.these_images->low);
  interval.high = std::max(interval.high, result.these_images->high);
  result.image_population = interval;
  return result;
}

SampledMean narrower(const SampledMean& first, const SampledMean& second) {
  const auto width = [](const SampledMean& mean) {
    return mean.these_images ? mean.these_images->high - mean.these_images->low : 1.0;
  };
  return width(second) < width(first) ? second : first;
}

std::optional<Ratio> ratio_share(std::span<const RatioFault> faults, double confidence) {
  double trials = 0;
  double events = 0;
  double undrawn = 0;  // squares of the weighted trials, as far as they stand for others than themselves
  std::uint64_t all = 0;
  std::uint64_t none = 0;
  double n = 0;
  for (const RatioFault& fault : faults) {
    const auto count = static_cast<double>(fault.count);
    n += count;
    trials += count * fault.weight * static_cast<double>(fault.trials);
    events += count * fault.weight * static_cast<double>(fault.events);
    undrawn += count * fault.undrawn * square(fault.weight * static_cast<double>(fault.trials));
    (2 * fault.events >= fault.trials ? all : none) += fault.count;
  }
  if (trials <= 0) return std::nullopt;
  Ratio result;
  result.share = std::clamp(events / trials, 0.0, 1.0);
  if (undrawn <= 0) {
    result.interval = Interval{result.share, result.share};
    return result;
  }
  if (n < 2) return result;
  const double effective = square(trials) / undrawn;
  if (events <= 0 || result.share >= 1.0) {
    const double unseen = 1.0 - std::pow((1.0 - confidence) / 2.0, 1.0 / effective);
    result.interval = events <= 0 ? Interval{0.0, unseen} : Interval{1.0 - unseen, 1.0};
    return result;
  }
  double rests = 0;
  double spread = 0;  // of the faults' own shares, as if all strata had the same
  for (const RatioFault& fault : faults) {
    const auto own = static_cast<double>(fault.trials);
    const auto count = static_cast<double>(fault.count);
    if (fault.trials > 0)
      spread += count * fault.weight * own / trials *
                square(static_cast<double>(fault.events) / own - result.share);
    rests += count * fault.undrawn *
             square(fault.weight *
                    (static_cast<double>(fault.events) - result.share * static_cast<double>(fault.trials)));
  }
  const bool are_few = std::min(all, none) < k_enough;
  const double variance = std::max(rests * n / (n - 1.0) / square(trials),
                                   (are_few ? result.share * (1.0 - result.share) : spread) / effective);
  result.interval = share_interval(result.share, variance, n - 1.0, confidence);
  return result;
}

double upper_tail(double t, double degrees) {
  return boost::math::cdf(boost::math::complement(boost::math::students_t(degrees), t));
}

double t_quantile(double confidence, double degrees) {
  return boost::math::quantile(boost::math::students_t(degrees), (1.0 + confidence) / 2.0);
}

double margin_of(std::uint64_t population, std::uint64_t n, double t, double p) {
  if (n >= population) return 0.0;
  const auto size = static_cast<double>(population);
  const auto drawn = static_cast<double>(n);
  return t * std::sqrt(p * (1.0 - p) * (size - drawn) / (drawn * (size - 1.0)));
}

SampledMean weighted_mean(std::span<const WeightedValue> drawn, std::uint64_t population, double confidence) {
  SampledMean result;
  double weights = 0, sum = 0;
  for (const auto& [weight, value] : drawn) {
    weights += weight;
    sum += weight * value;
  }
  if (weights <= 0) return result;
  result.mean = sum / weights;
  const auto n = static_cast<double>(drawn.size());
  if (n < 2) return result;
  double squares = 0, of_weights = 0;
  for (const auto& [weight, value] : drawn) {
    squares += std::pow(weight * (value - result.mean), 2);
    of_weights += weight * weight;
  }
  const double left =
      std::max(0.0, 1.0 - n / static_cast<double>(population));  // of the population, not drawn
  if (left == 0.0) {
    result.these_images = {result.mean, result.mean};
    return result;
  }
  const double variance = left * n / (n - 1.0) * squares / (weights * weights);
  if (variance > 0) {
    result.these_images = share_interval(result.mean, variance, n - 1.0, confidence);
    return result;
  }
  // All drawn values are alike: so many equal weights tell as much.
  const double trials =
      weights * weights / of_weights * square(normal_quantile(confidence) / t_quantile(confidence, n - 1.0));
  const double unseen = 1.0 - std::pow((1.0 - confidence) / 2.0, 1.0 / trials);
  result.these_images = {result.mean * (1.0 - unseen), result.mean + (1.0 - result.mean) * unseen};
  return result;
}

}  // namespace qfi
