// SPDX-License-Identifier: Apache-2.0
// Campaign records -> text for people.
#pragma once

#include <string>

#include "qfi/campaign/run.hpp"
#include "qfi/results/summary.hpp"

namespace qfi {

/// Of every set: accuracy under faults with intervals, classes of faults and the distribution as bars; of
/// stored bits also the sensitivity by layer, bit and direction.
std::string summary_table(const Plan& plan, const CampaignRun& run);

/// What will be run and how long it takes.
std::string plan_table(const Plan& plan, unsigned threads, double expected_seconds);

/// Plain against structural execution, where they were compared; else empty.
std::string comparison_table(const Plan& plan);

/// "2 h 05 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);

}  // namespace qfi
