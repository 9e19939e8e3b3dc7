// SPDX-License-Identifier: Apache-2.0
// Owns results.json. CampaignResults go in and its text comes out; a file that is not trusted goes in and
// CampaignResults come out. Its schema comes from the same description.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/results/campaign_results.hpp"
#include "qfi/results/fault_records.hpp"

namespace qfi {

/// The text of results.json. It depends neither on the machine, nor on threads or time, but for how many
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

/// Reads results.json and the tables that it names. Errors name the file and the place in it.
Result<ResultsFile> read_results(const std::filesystem::path& file);

/// A name and a value for people, of everything below some members of the JSON: "netlist, cells". Lists of
/// objects are left out.
using Facts = std::vector<std::pair<std::string, std::string>>;
/// The facts of a campaign: versions, seed, hashes, the golden run.
Facts campaign_facts(const CampaignResults& results);
/// The facts of a set: how it was drawn, what was proved, counts.
Facts set_facts(const CampaignResults& results, const SetResults& set);

}  // namespace qfi
