// SPDX-License-Identifier: Apache-2.0
// Owns what the drawn faults of a set say by layer, bit and direction, with a protection and as failure
// rates. A set that was run goes in; rows of numbers with intervals come out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qfi/campaign/estimates.hpp"
#include "qfi/campaign/plan.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

/// Sums over the drawn faults of one layer, one bit, or both; of data, in one stage.
struct DomainRow {
  std::optional<std::size_t> layer;
  std::optional<Stage> stage;
  std::optional<int> bit;
  std::uint64_t population = 0;  ///< faults
  std::uint64_t drawn = 0;
  std::uint64_t trials = 0;  ///< faults x images
  std::uint64_t units = 0;
  std::uint64_t changed = 0;  ///< units whose class changed
  std::uint64_t nan = 0;
  std::uint64_t infinity = 0;
  double deviation = 0;       ///< standard deviation over the drawn faults of the share changed
  SampledMean changed_share;  ///< weighted by strata
  std::vector<std::optional<double>> derived;  ///< the task's metrics, of all trials together
};
/// The rows that have a population, by layer, stage, then bit; empty where faults have more bits than one.
/// Lists get no intervals.
std::vector<DomainRow> domain_rows(const BitSet& set, bool by_layer, bool by_bit,
                                   const IntervalConfig& intervals);

/// Sums over faults of one bit by what the bit and its value did.
struct DirectionRow {
  std::optional<std::size_t> layer;  ///< nullopt for all layers together
  std::string direction;             ///< 0->1, 1->0, away, towards, neither
  TrialSums sums;
  std::optional<Ratio> share;  ///< share of changed units, weighted
};
/// All layers together have a row for every direction; a layer has rows for those that occurred. Empty where
/// faults have more bits than one.
std::vector<DirectionRow> direction_rows(const BitSet& set, double confidence);

/// What equal logical faults do without the protection and with it.
struct ProtectionEffect {
  std::uint64_t changed_before = 0;  ///< units whose class changes without it
  std::uint64_t changed_after = 0;
  std::optional<Ratio> removed;  ///< share of changed units that is gone, weighted
};
/// nullopt where no protection is compared.
std::optional<ProtectionEffect> protection_effect(const BitSet& set, double confidence);

/// A rate of failures, with its interval on these images.
struct DeratedRate {
  double fit = 0;
  std::optional<Interval> interval;
};

/// The raw rate times the chance that a fault makes an inference fail.
struct FailureRate {
  double raw_fit = 0;                             ///< raw rate of the whole set
  DeratedRate of_one_inference;                   ///< a fault meets one image
  std::optional<Interval> on_images_like_these;   ///< of it, images sampled too
  std::optional<DeratedRate> of_critical_faults;  ///< a fault stays until it has met all images
  std::optional<std::uint64_t> inferences;        ///< that a fault stays for, where the config says so
  std::optional<DeratedRate> of_inferences;
  // With the protection, where one is compared:
  std::optional<DeratedRate> protected_of_one_inference;
  std::optional<DeratedRate> protected_of_inferences;
};
/// nullopt where the config gives no rate.
std::optional<FailureRate> failure_rate(const Plan& plan, std::size_t set, const SetEstimates& estimates);

/// The estimates of all sets together, by the user's weights.
struct CombinedEstimates {
  std::optional<Share> faulty_accuracy;  ///< nullopt: no labels
  Share sdc_rate;
};
/// nullopt where a set has no weight.
std::optional<CombinedEstimates> combine(const Plan& plan, const std::vector<SetEstimates>& sets);

}  // namespace qfi
