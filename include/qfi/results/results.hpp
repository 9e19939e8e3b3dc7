// SPDX-License-Identifier: Apache-2.0
// Plan and CampaignRun -> the files of a campaign's output folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/file.hpp"
#include "qfi/campaign/run.hpp"
#include "qfi/results/summary.hpp"

namespace qfi {

struct ToolInfo {
  std::string version;
  std::string git;  ///< commit the program was built from
};

/// Written, but not under its name before `file.finish()`.
struct FaultTable {
  std::string name;
  std::uint64_t rows = 0;  ///< without the header
  std::string sha256;
  OutputFile file;
};

/// What lies beside results.json for one fault set. Nothing for stuck-at faults: results.json has all.
struct SetFiles {
  std::optional<FaultTable> faults;  ///< a line for each fault, with a header
  /// The bits of every fault, a line each, as a fault list that `sample: {list: ..}` reads. Nothing too where
  /// all faults are single bits, or the bits are more than 5 million.
  std::optional<FaultTable> bits;
};
/// Of each set. Error: no file can be made in the folder.
Result<std::vector<SetFiles>> write_tables(const Plan& plan, const std::filesystem::path& folder);
/// Whether write_tables() may give a file this name.
bool is_set_file_name(std::string_view name);

/// results.json: nothing in it depends on the machine, the threads or the time (but how many faults a time
/// budget bought).
std::string results_json(const Plan& plan, const CampaignRun& run, const std::vector<SetFiles>& files,
                         const ToolInfo& tool);

/// What a campaign is: program, config, inputs and drawn faults, by name. FLOAT32 networks: the CPU too.
Journal::Identity campaign_identity(const Plan& plan, const ToolInfo& tool);

/// How a journal says which shard it is of: "i/n", and a hash of how all faults are split.
struct ShardNotes {
  std::string shard;
  std::string partition;
};
ShardNotes shard_notes(const Plan& plan, const Shard& shard);
/// The name of the journal's note that keeps what the driver of a set must know in a later run.
std::string driver_note(std::size_t set);

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

/// What `qfi plan` says: populations, strata, n, images, expected time.
std::string plan_json(const Plan& plan, unsigned threads, double expected_seconds);

}  // namespace qfi
