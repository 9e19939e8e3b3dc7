// SPDX-License-Identifier: Apache-2.0
// Plan and CampaignRun -> the files of a campaign's output folder.
#pragma once

#include <string>

#include "qfi/campaign/run.hpp"
#include "qfi/campaign/summary.hpp"

namespace qfi {

struct ToolInfo {
  std::string version;
  std::string git;  ///< commit the program was built from
};

/// results.json: nothing in it depends on the machine, the threads or the time (but how many faults a time
/// budget bought).
std::string results_json(const Plan& plan, const CampaignRun& run, const ToolInfo& tool);

/// The faults of one set of stored bits, a line each, with a header; `name` is the file's.
struct FaultTable {
  std::string name;
  std::string csv;
};
FaultTable fault_table(const Plan& plan, std::size_t set);
/// How every such file begins.
inline constexpr const char* k_fault_table_begin = "fault,";

/// The bits of every fault of a set, a line each, as a fault list that `sample: {list: ..}` reads. Nothing:
/// all faults are single bits, or the bits are more than 5 million.
std::optional<FaultTable> fault_bits_table(const Plan& plan, std::size_t set);

/// What depends on the machine.
struct RunInfo {
  unsigned threads = 1;
  std::string started;  ///< ISO 8601, UTC
  std::string config;   ///< path of the config file
  std::vector<std::pair<std::string, std::string>> defines;
  double plan_seconds = 0;
};
std::string run_json(const Plan& plan, const CampaignRun& run, const VerificationOutcome& verification,
                     const ToolInfo& tool, const RunInfo& info);

/// What `qfi plan` says: populations, strata, n, images, expected time.
std::string plan_json(const Plan& plan, unsigned threads, double expected_seconds);

}  // namespace qfi
