// SPDX-License-Identifier: Apache-2.0
// Owns estimates, which say what the drawn faults of a set say of its population. A FaultSet whose faults
// were run goes in; means and shares with their intervals come out. Drivers look at them while a campaign
// runs, results hold them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "qfi/fault_sets/bit_set.hpp"
#include "qfi/fault_sets/stuck_at_set.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

/// A count among the drawn faults (paired: of trials), the share of the population that it estimates,
/// and an interval where the draw was random.
struct FaultShare {
  std::uint64_t faults = 0;
  double share = 0;
  std::optional<Interval> interval;
};

/// Intervals are left out for fault lists. Strata are weighted by population; those of bit error rates
/// are no parts of one population, and have estimates of their own only. Without labels nothing is said of
/// accuracy: those numbers are 0, without intervals.
struct SetEstimates {
  double golden_accuracy = 0;  ///< top-1, or pixels
  double golden_top5 = 0;
  SampledMean faulty_accuracy;
  SampledMean faulty_top5;
  SampledMean sdc_rate;  ///< share of trials (segmentation: of pixels) whose class changes
  FaultShare critical;   ///< change the class of at least one unit; paired: the same as sdc_rate
  /// One-sided bounds at the same confidence, on these images: what the two are at most.
  std::optional<double> sdc_rate_at_most;
  std::optional<double> critical_at_most;
  FaultShare output_identical;  ///< every output of every image is the golden one
  FaultShare due;               ///< NaN or infinity in the scores of an image
  FaultShare harmless;          ///< lose at most 1 point of accuracy
  FaultShare between;
  FaultShare collapsed;  ///< accuracy at most collapsed_accuracy() of the task's chance
  std::vector<std::optional<double>>
      derived;  ///< the task's metrics, of all trials of the drawn faults together
  std::array<std::uint64_t, 20> histogram{};  ///< faults by faulty accuracy, 5 points each, 100 % in the last
};

/// Estimates for the whole population, or for `stratum` alone.
SetEstimates estimate(const FaultSet& set, double confidence,
                      std::optional<std::size_t> stratum = std::nullopt);

/// The mean chance that a fault changes a class in at least one of so many inferences, each of an image taken
/// at random from these. nullopt in a paired design, where a fault has one image, and where an image has many
/// classes. `with_protection`: of the same faults with it; nullopt where none is compared.
std::optional<SampledMean> chance_of_a_change(const FaultSet& set, std::uint64_t inferences,
                                              double confidence);
std::optional<SampledMean> chance_of_a_change_with_protection(const BitSet& set, std::uint64_t inferences,
                                                              double confidence);

/// Estimates for the same faults with the protection, on these images; nullopt where no protection is
/// compared.
std::optional<SetEstimates> estimate_with_protection(const BitSet& set, double confidence);

/// Counts the drawn faults of a netlist that have this fate.
FaultShare share_with_fate(const StuckAtSet& set, FaultFate fate, double confidence);

/// The class of a fault by its accuracy: "harmless", "between" or "collapsed". Precondition: the task has
/// one.
std::string_view harm_class(const Workload& workload, const FaultCounts& counts);

}  // namespace qfi
