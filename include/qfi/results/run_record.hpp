// SPDX-License-Identifier: Apache-2.0
// run.json: what depends on the machine that ran a campaign. Results never hold it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "qfi/campaign/run.hpp"
#include "qfi/results/campaign_results.hpp"

namespace qfi {

/// What depends on the machine.
struct RunInfo {
  unsigned threads = 1;
  std::string started;  ///< ISO 8601, UTC
  std::string config;   ///< path of the config file
  std::vector<std::pair<std::string, std::string>> defines;
  double plan_seconds = 0;
  double journal_seconds = 0;  ///< of its writer, beside the run
};
std::string run_json(const Plan& plan, const CampaignRun& run, const VerificationOutcome& verification,
                     const ToolInfo& tool, const RunInfo& info);

}  // namespace qfi
