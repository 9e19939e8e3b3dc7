// SPDX-License-Identifier: Apache-2.0
// Owns the tables that campaigns print. CampaignResults, or a Plan before it runs, goes in; text for people
// comes out.
#pragma once

#include <string>
#include <vector>

#include "qfi/campaign/expected_times.hpp"
#include "qfi/campaign/plan.hpp"
#include "qfi/results/campaign_results.hpp"

namespace qfi {

/// What running a set took, and how its sample was drawn, in words.
struct SetWork {
  std::string sample;
  std::uint64_t inferences = 0;
  double seconds = 0;
};
/// The work of every set of a campaign that was run.
std::vector<SetWork> work_of(const Plan& plan);

/// For every set accuracy under faults with intervals, classes of faults and the distribution as bars; for
/// stored bits also the sensitivity by layer, bit and direction. `work` is that of each set.
std::string summary_table(const CampaignResults& results, const std::vector<SetWork>& work);

/// What will be run and how long it takes.
std::string plan_table(const Plan& plan, unsigned threads, const ExpectedTimes& times);

/// Compares plain with structural execution; empty where they were not compared.
std::string comparison_table(const Plan& plan);

/// A duration as "2 h 05 min", "3 min 20 s" or "12 s".
std::string duration_text(double seconds);

}  // namespace qfi
