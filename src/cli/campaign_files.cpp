// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

#include "qfi_git.hpp"

namespace qfi::cli {

ToolInfo this_tool() { return {QFI_VERSION, k_git_commit}; }

Result<std::unique_ptr<Journal>> open_known_journal(const std::filesystem::path& folder, bool restarts) {
  const std::filesystem::path file = folder / k_journal_name;
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, ignored))) return nullptr;
  if (!restarts) return Journal::open(file);
  QFI_CHECK(Journal::remove(file));
  return nullptr;
}

Result<std::string> write_results(const Plan& plan, const CampaignRun& done,
                                  const VerificationOutcome& verification, const RunInfo& info,
                                  const OutputFolder& folder) {
  const std::vector<SetFiles> of_sets = set_files(plan);
  std::string results = results_json(plan, done, of_sets, this_tool());
  std::vector<std::pair<std::string, std::string>> files = {{"results.json", results}};
  for (const SetFiles& set : of_sets)
    for (const auto* table : {&set.faults, &set.bits})
      if (*table) files.emplace_back((*table)->name, (*table)->csv);
  files.emplace_back("run.json", run_json(plan, done, verification, this_tool(), info));
  QFI_CHECK(folder.write(files));
  return results;
}

}  // namespace qfi::cli
