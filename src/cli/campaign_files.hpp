// SPDX-License-Identifier: Apache-2.0
// What `campaign` and `merge` do with an output folder: its journal, and the files of the results.
#pragma once

#include <memory>
#include <string>

#include "campaign_options.hpp"
#include "output_folder.hpp"
#include "qfi/journal/journal.hpp"
#include "qfi/results/compute.hpp"
#include "qfi/results/identity.hpp"
#include "qfi/results/run_record.hpp"

namespace qfi::cli {

inline constexpr const char* k_journal_name = "journal.sqlite";

ToolInfo this_tool();

/// Of a run that begins now.
Result<RunInfo> begin_run(const CampaignOptions& options);

/// The folder's journal. nullptr: there is none.
Result<std::unique_ptr<Journal>> open_known_journal(const std::filesystem::path& folder);
/// If there is one.
Result<void> remove_known_journal(const std::filesystem::path& folder);

/// What the drivers noted in the run that this one goes on with, or merges.
Result<void> recall_notes(const CampaignConfig& config, const Journal& journal, PlanParams& params);
/// Keeps what the drivers of this run note.
Result<void> keep_notes(const Plan& plan, Journal& journal);

/// Writes all files of a campaign that is done, and returns its results.
Result<CampaignResults> write_results(const Plan& plan, const CampaignRun& done,
                                      const VerificationOutcome& verification, const RunInfo& info,
                                      const OutputFolder& folder);

}  // namespace qfi::cli
