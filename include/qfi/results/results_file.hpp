// SPDX-License-Identifier: Apache-2.0
// results.json: CampaignResults as text, read back from a file that is not trusted, and its schema.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/results/campaign_results.hpp"
#include "qfi/results/fault_records.hpp"

namespace qfi {

/// The text of results.json. Nothing in it depends on the machine, the threads or the time, but how many
/// faults a time budget bought.
std::string results_text(const CampaignResults& results);

/// The JSON Schema of that text, draft 2020-12.
std::string results_schema();

/// What a command reads: results.json and the tables of faults that it names.
struct ResultsFile {
  std::string file;
  CampaignResults results;
  std::vector<SetFaults> faults;  ///< of each set

  /// A text that is equal for results on the same images with the same labels for the same task.
  std::string images() const;
};

/// Errors name the file and the place in it.
Result<ResultsFile> read_results(const std::filesystem::path& file);

/// A name and a value for people, of everything below some members of the JSON: "netlist, cells". Lists of
/// objects are left out.
using Facts = std::vector<std::pair<std::string, std::string>>;
/// Versions, seed, hashes, the golden run.
Facts campaign_facts(const CampaignResults& results);
/// How a set was drawn, what was proved, counts.
Facts set_facts(const CampaignResults& results, const SetResults& set);

}  // namespace qfi
