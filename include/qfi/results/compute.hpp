// SPDX-License-Identifier: Apache-2.0
// Owns the way from fault sets to results, the only one there is. A finished or merged campaign goes in;
// CampaignResults come out.
#pragma once

#include <string>
#include <vector>

#include "qfi/campaign/expected_times.hpp"
#include "qfi/campaign/run.hpp"
#include "qfi/results/campaign_results.hpp"
#include "qfi/results/fault_files.hpp"

namespace qfi {

/// Works out the results. `files` are the tables of faults that were written, of each set.
CampaignResults compute_results(const Plan& plan, const CampaignRun& run, const std::vector<SetFiles>& files,
                                const ToolInfo& tool);

/// What `qfi plan --json` says: populations, strata, n, images, expected time.
std::string plan_json(const Plan& plan, unsigned threads, const ExpectedTimes& times);

/// Whether the network's results depend on the kind of CPU, as those with FLOAT32 scores do.
bool depends_on_cpu(const Workload& workload);

InputFacts input_facts(const Plan& plan);

}  // namespace qfi
