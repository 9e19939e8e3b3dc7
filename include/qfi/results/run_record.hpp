// SPDX-License-Identifier: Apache-2.0
// Owns run.json, which says what depends on the machine that ran a campaign; results never hold it. A
// campaign that was run goes in; its text comes out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "qfi/campaign/run.hpp"
#include "qfi/results/campaign_results.hpp"

namespace qfi {

/// How a campaign was started, and what it took beside its trials.
struct RunInfo {
  unsigned threads = 1;
  std::string started;  ///< ISO 8601, UTC
  std::string config;   ///< path of the config file
  std::vector<std::pair<std::string, std::string>> defines;
  double plan_seconds = 0;
  double journal_seconds = 0;  ///< time of the journal's writer, beside the run
};
std::string run_json(const Plan& plan, const CampaignRun& run, const VerificationOutcome& verification,
                     const ToolInfo& tool, const RunInfo& info);

}  // namespace qfi
