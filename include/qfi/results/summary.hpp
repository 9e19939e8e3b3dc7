// SPDX-License-Identifier: Apache-2.0
// What the drawn faults of a set say by layer, bit and direction, with a protection and as failure rates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qfi/campaign/estimates.hpp"
#include "qfi/campaign/plan.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

/// Sums over the drawn faults of one layer, one bit, or both.
struct DomainRow {
  std::optional<std::size_t> layer;
  std::optional<int> bit;
  std::uint64_t population = 0;  ///< faults
  std::uint64_t drawn = 0;
  std::uint64_t trials = 0;  ///< faults x images
  std::uint64_t units = 0;
  std::uint64_t changed = 0;  ///< units
  std::uint64_t nan = 0;
  std::uint64_t infinity = 0;
  double deviation = 0;       ///< standard deviation over the drawn faults of the share changed
  SampledMean changed_share;  ///< weighted by strata
  std::vector<std::optional<double>> derived;  ///< the task's metrics, of all trials together
};
/// Faults of one bit each; else empty. Lists get no intervals. Rows that have a population, by layer, then
/// bit.
std::vector<DomainRow> domain_rows(const BitSet& set, bool by_layer, bool by_bit, double confidence);

/// Faults of one bit by what it and the value did.
struct DirectionRow {
  std::optional<std::size_t> layer;  ///< nothing: all
  std::string direction;             ///< 0->1, 1->0, away, towards, neither
  TrialSums sums;
  std::optional<Ratio> share;  ///< of changed units, weighted
};
/// Of all layers together every direction has a row, of a layer those that occurred.
std::vector<DirectionRow> direction_rows(const BitSet& set, double confidence);

/// The same logical faults without and with the protection.
struct ProtectionEffect {
  std::uint64_t changed_before = 0;  ///< units
  std::uint64_t changed_after = 0;
  std::optional<Ratio> removed;  ///< share of changed units that is gone, weighted
};
std::optional<ProtectionEffect> protection_effect(const BitSet& set, double confidence);

/// Raw rate times the share of trials whose class changes. Nothing: no rate given.
struct FailureRate {
  double raw_fit = 0;  ///< of the whole set
  double derated_fit = 0;
  std::optional<Interval> interval;
};
std::optional<FailureRate> failure_rate(const Plan& plan, std::size_t set, const SetEstimates& estimates);

/// Estimates of all sets by the user's weights. Nothing: a set has none.
struct CombinedEstimates {
  Share faulty_accuracy;
  Share sdc_rate;
};
std::optional<CombinedEstimates> combine(const Plan& plan, const std::vector<SetEstimates>& sets);

}  // namespace qfi
