// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

#include <fmt/chrono.h>

#include <chrono>
#include <cstdlib>

#include "qfi/results/results_file.hpp"
#include "qfi_git.hpp"

namespace qfi::cli {

ToolInfo this_tool() { return {QFI_VERSION, k_git_commit}; }

namespace {

bool has_journal(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(folder / k_journal_name, ignored));
}

}  // namespace

Result<RunInfo> begin_run(const CampaignOptions& options) {
  RunInfo info;
  info.started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now()));
  info.config = std::filesystem::absolute(options.config).string();
  QFI_TRY(info.defines, parse_defines(options.defines));
  return info;
}

Result<std::unique_ptr<Journal>> open_known_journal(const std::filesystem::path& folder) {
  if (!has_journal(folder)) return nullptr;
  return Journal::open(folder / k_journal_name, count_columns());
}

Result<void> remove_known_journal(const std::filesystem::path& folder) {
  return has_journal(folder) ? Journal::remove(folder / k_journal_name) : Result<void>();
}

Result<void> recall_notes(const CampaignConfig& config, const Journal& journal, PlanParams& params) {
  for (std::size_t i = 0; i < config.faults.size(); ++i) {
    QFI_TRY(const std::optional<std::string> note, journal.note(driver_note(i)));
    if (note) params.notes[i] = std::strtoull(note->c_str(), nullptr, 10);
  }
  return {};
}

Result<void> keep_notes(const Plan& plan, Journal& journal) {
  for (std::size_t i = 0; i < plan.drivers.size(); ++i)
    if (const auto note = plan.drivers[i]->note())
      QFI_CHECK(journal.set_note(driver_note(i), std::to_string(*note)));
  return {};
}

Result<CampaignResults> write_results(const Plan& plan, const CampaignRun& done,
                                      const VerificationOutcome& verification, const RunInfo& info,
                                      const OutputFolder& folder) {
  QFI_TRY(std::vector<SetFiles> tables, write_tables(plan, folder.path()));
  CampaignResults results = compute_results(plan, done, tables, this_tool());
  QFI_CHECK(
      folder.write(results_text(results), tables, run_json(plan, done, verification, this_tool(), info)));
  return results;
}

}  // namespace qfi::cli
