// SPDX-License-Identifier: Apache-2.0
// Owns intervals. Counts of drawn faults go in; estimates of a population with intervals come out, as pure
// functions. src/statistics/README.md writes the formulas out and says how often they cover the truth.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace qfi {

struct Interval {
  double low = 0;
  double high = 0;
};

/// The exact interval for the share of a population of which `events` among `drawn` members, drawn
/// without replacement, have a property: what neither one-sided hypergeometric test rejects at
/// (1 - confidence) / 2; for populations from 2^40 on Clopper's and Pearson's interval. It covers at least as
/// often as it says. Precondition: 0 < drawn, events <= drawn <= population.
Interval exact_interval(std::uint64_t events, std::uint64_t drawn, std::uint64_t population,
                        double confidence);

/// How many of the drawn members of one stratum show the event. Precondition: 0 < drawn.
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

/// Deviations of a share (of images that are right, of classes that change) from its golden value under the
/// drawn faults of one stratum, in units (images, pixels). A fault gains or loses in all.
struct FaultStratum {
  struct Side {
    std::uint64_t sum = 0;
    std::uint64_t squares = 0;
    std::uint64_t most = 0;   ///< that a drawn fault moves
    std::uint64_t heavy = 0;  ///< faults that move at least half of what can move
  };
  std::uint64_t population = 0;  ///< faults
  std::uint64_t drawn = 0;       ///< > 0
  Side gains;
  Side losses;
  std::uint64_t mixed = 0;  ///< events times what shows none, of each fault, where golden shows none at all
  std::span<const std::uint64_t> of_image;  ///< the event in each image, summed over the drawn faults
  std::span<const std::uint64_t> faults_of_image = {};  ///< nested: drawn faults that met each image

  /// Adds a fault of `units` units, of which `golden_events` show the event in the golden run.
  void add(std::uint64_t events, std::uint64_t golden_events, std::uint64_t units);
};

struct SampledShare {
  double golden = 0;  ///< the share in the golden run
  double units = 0;   ///< units of one fault's trials: of all its images, on average
  /// Whether each fault has all images; otherwise each has its own, and N and n count pairs of both.
  bool is_crossed = true;
  std::size_t images_of_a_fault = 0;                    ///< nested: random ones of its own; else 0
  std::uint64_t pairs_of_a_fault = 1;                   ///< nested: that N counts of each fault
  std::span<const std::uint64_t> golden_of_image = {};  ///< nested: the event in each image without a fault
  /// The share of each draw where a draw is of many flips, at least two. Then the interval on these images
  /// is the narrower one of that of sums and that of faults that move much or nothing.
  std::span<const double> sums = {};
};

/// The mean share under faults of a stratified population, and its uncertainty. An interval is nullopt where
/// one fault or one image does not allow an estimate.
struct SampledMean {
  double mean = 0;
  std::optional<Interval> these_images;      ///< faults sampled, images fixed
  std::optional<Interval> image_population;  ///< faults and images both sampled
};

/// What a drawn member of a population showed, and what it stands for.
struct WeightedValue {
  double weight = 0;
  double value = 0;  ///< 0 .. 1
};
/// The mean of the values by weight, of members that were drawn without replacement, each alike likely, from
/// so many. It is a ratio of sums; the interval is that of Korn and Graubard for the variance of its
/// linearization (Cochran, Sampling Techniques, section 6.3). Where all drawn values are alike it says how
/// many others may be unseen. There is none of fewer than two members or of no weight, and no width of a
/// whole population.
SampledMean weighted_mean(std::span<const WeightedValue> drawn, std::uint64_t population, double confidence);

/// From so many flips of a draw on, what it does is the sum of many effects.
inline constexpr double k_many_flips = 30;

/// The interval of the mean of draws that each add up the effects of many flips: Student's t, and in squares,
/// of the share of draws that would not have been seen, that they lie 1.5 times as far off the mean as the
/// farthest one that was, or as one unit of `units`. Precondition: at least two values.
Interval interval_of_sums(std::span<const double> values, double units, double confidence);

/// Estimates the mean. Gains and losses are two shares, each with an interval of the shape of Clopper's and
/// Pearson's at the effective number of faults (Korn and Graubard 1998; variance within strata, finite
/// populations, at least as large as if all strata were one; Student's t), combined by MOVER. Unless 5 drawn
/// faults move at least half of what there is, such faults may have been missed: the upper ends then add, in
/// squares, the share of them that would not have been seen (1 - (tail)^(1/n)). The interval
/// over images adds the variance of each image's mean. Precondition: at least one stratum; the same number of
/// images in all.
SampledMean sampled_mean(std::span<const FaultStratum> strata, const SampledShare& what, double confidence);

/// The one of two estimates of a mean whose interval on these images is narrower; the first, if none is.
SampledMean narrower(const SampledMean& first, const SampledMean& second);

/// What a fault adds to a share that the faults themselves determine, e.g. of flips from 0 to 1.
struct RatioFault {
  double weight = 1;   ///< what a drawn fault stands for
  double undrawn = 1;  ///< 1 - n / N of its stratum
  std::uint64_t events = 0;
  std::uint64_t trials = 0;
  std::uint64_t count = 1;  ///< number of faults like it
};
struct Ratio {
  double share = 0;
  std::optional<Interval> interval;
};
/// Events / trials, each summed over the faults with their weights; nullopt where there are no trials. The
/// faults are sampled; the variance is that of a ratio, at least as large as if all strata had the same
/// share, and as large as with faults that do all or nothing, unless 5 faults do each. One fault has no
/// interval.
std::optional<Ratio> ratio_share(std::span<const RatioFault> faults, double confidence);

/// The share of Student's t distribution beyond t. Precondition: degrees > 0.
double upper_tail(double t, double degrees);
/// The t within which, on both sides, lies that share of Student's t distribution. Precondition: degrees > 0.
double t_quantile(double confidence, double degrees);

/// The margin that a sample of n gives, the size formula turned round: e = t sqrt(p (1 - p) (N - n) / (n (N -
/// 1))).
double margin_of(std::uint64_t population, std::uint64_t n, double t, double p);

}  // namespace qfi
