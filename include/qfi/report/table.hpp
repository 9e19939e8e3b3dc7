// SPDX-License-Identifier: Apache-2.0
// CampaignResults -> text for people, and what a plan says before a campaign runs.
#pragma once

#include <string>
#include <vector>

#include "qfi/campaign/plan.hpp"
#include "qfi/results/campaign_results.hpp"

namespace qfi {

/// What running a set took, and how its sample was drawn, in words.
struct SetWork {
  std::string sample;
  std::uint64_t inferences = 0;
  double seconds = 0;
};
/// Of every set of a campaign that was run.
std::vector<SetWork> work_of(const Plan& plan);

/// Of every set: accuracy under faults with intervals, classes of faults and the distribution as bars; of
/// stored bits also the sensitivity by layer, bit and direction. `work`: of each set.
std::string summary_table(const CampaignResults& results, const std::vector<SetWork>& work);

/// What will be run and how long it takes.
std::string plan_table(const Plan& plan, unsigned threads, double expected_seconds);

/// Plain against structural execution, where they were compared; else empty.
std::string comparison_table(const Plan& plan);

/// "2 h 05 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);

}  // namespace qfi
