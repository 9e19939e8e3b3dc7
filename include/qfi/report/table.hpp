// SPDX-License-Identifier: Apache-2.0
// Campaign records -> text for people.
#pragma once

#include <string>

#include "qfi/campaign/summary.hpp"

namespace qfi {

/// Golden and faulty accuracy with intervals, classes of faults, and the distribution as bars.
std::string summary_table(const Plan& plan, const CampaignOutcome& outcome);

/// What will be run and how long it takes.
std::string plan_table(const Plan& plan, unsigned threads);

/// "2 h 05 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);

}  // namespace qfi
