// SPDX-License-Identifier: Apache-2.0
// A finished or merged campaign -> CampaignResults. The only place where results are worked out from fault
// sets.
#pragma once

#include <string>
#include <vector>

#include "qfi/campaign/run.hpp"
#include "qfi/results/campaign_results.hpp"
#include "qfi/results/fault_files.hpp"

namespace qfi {

/// `files`: the tables of faults that were written, of each set.
CampaignResults compute_results(const Plan& plan, const CampaignRun& run, const std::vector<SetFiles>& files,
                                const ToolInfo& tool);

/// What `qfi plan --json` says: populations, strata, n, images, expected time.
std::string plan_json(const Plan& plan, unsigned threads, double expected_seconds);

/// The network's arithmetic depends on the kind of CPU: it has FLOAT32 scores.
bool depends_on_cpu(const Workload& workload);

InputFacts input_facts(const Plan& plan);

}  // namespace qfi
