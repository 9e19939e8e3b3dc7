// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace qfi {

struct Interval {
  double low = 0;
  double high = 0;
};

/// Wilson's interval for `events` among `drawn` of `population` members, drawn without
/// replacement: n_eff = n (N - 1) / (N - n). The whole population drawn: a point.
Interval wilson_interval(std::uint64_t events, std::uint64_t drawn, std::uint64_t population,
                         double confidence);

/// The exact interval for the share of a population of which `events` among `drawn` members, drawn
/// without replacement, have a property: what neither one-sided hypergeometric test rejects at
/// (1 - confidence) / 2. Of populations from 2^40 on Clopper's and Pearson's.
/// Covers at least as often as it says. Precondition: 0 < drawn, events <= drawn <= population.
Interval exact_interval(std::uint64_t events, std::uint64_t drawn, std::uint64_t population,
                        double confidence);

/// Of one stratum: how many of the drawn members show the event. Precondition: 0 < drawn.
struct StratumCounts {
  std::uint64_t population = 0;
  std::uint64_t drawn = 0;
  std::uint64_t events = 0;
};

struct Share {
  double share = 0;
  Interval interval;
};

/// The share of a population in strata, each weighted by its population. The interval adds the
/// distances to the ends of the strata's exact intervals in squares (MOVER; Zou and Donner 2008), so
/// that a stratum with few draws and no event widens it; each side is at least as long as if all strata
/// had the combined share, without which many strata of one to five draws are covered too seldom (86 %).
/// One stratum has its exact interval. Conservative: over 400 random sets of 1 to 100 strata with at
/// least 5 expected events a 95 % interval covered 95 to 100 %, nearly always 100 where strata had one to
/// five draws. Precondition: at least one stratum.
Share stratified_share(std::span<const StratumCounts> strata, double confidence);

/// Sums over a crossed campaign: every drawn fault with every image, an event in each pair or not.
struct CrossedCounts {
  std::uint64_t population = 0;  ///< faults that could have been drawn
  std::span<const std::uint64_t>
      of_fault;  ///< events (right answers, say) among the images under each drawn fault
  std::span<const std::uint64_t> of_image;  ///< events among the drawn faults for each image
};

/// The mean share of events and its uncertainty. Nothing where one fault or one image
/// does not allow an estimate.
struct CrossedMean {
  double mean = 0;
  std::optional<Interval> these_images;      ///< faults sampled, images fixed
  std::optional<Interval> image_population;  ///< faults and images both sampled (two-way variance)
};

/// Variances from the two-way layout without repetition (fault, image, remainder); Student's t
/// with Satterthwaite's degrees of freedom; finite-population correction for the faults.
CrossedMean crossed_mean(const CrossedCounts& counts, double confidence);

}  // namespace qfi
