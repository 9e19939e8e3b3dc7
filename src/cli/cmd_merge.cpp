// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include "campaign_files.hpp"
#include "logging.hpp"
#include "qfi/report/table.hpp"
#include "qfi/results/results_file.hpp"

namespace qfi::cli {
namespace {

struct Options : CampaignOptions {
  std::vector<std::string> folders;
  std::string output;
  bool restarts = false;
};

// A journal of the campaign that is finished, and which shard it is of.
Result<Shard> check_source(const Journal& journal, const Plan& plan, const Journal::Identity& identity,
                           std::map<std::uint64_t, std::string>& partitions) {
  const std::string file = journal.file().string();
  QFI_CHECK(journal.check(identity));
  QFI_TRY(const auto text, journal.note("shard"));
  QFI_TRY(const auto partition, journal.note("partition"));
  QFI_TRY(const auto finished, journal.note("finished"));
  if (!text) return bad_input("{}: empty; run its shard", file);
  const std::optional<Shard> found = parse_shard(*text);
  if (!found) return bad_input("{}: damaged; it does not say which shard it is of", file);
  const Shard shard = *found;
  if (shard.count > 1 && !finished)
    return bad_input("{}: shard {} is not finished: run it again, it goes on", file, *text);
  const auto [known, is_new] = partitions.try_emplace(shard.count);
  if (is_new) known->second = shard_notes(plan, shard).partition;
  if (partition != known->second)
    return bad_input("{}: its faults are split in another way; run its shard anew", file);
  return shard;
}

Result<std::unique_ptr<Journal>> open_source(const std::string& folder) {
  const std::filesystem::path file = std::filesystem::path(folder) / k_journal_name;
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, ignored)))
    return bad_input("{}: no {} in it", folder, k_journal_name);
  QFI_TRY(auto journal, Journal::open_to_read(file));
  if (!journal->identity()) return bad_input("{}: empty; run its shard", journal->file().string());
  if (journal->columns() != count_columns())
    return bad_input("{}: damaged; its counts are not those of a campaign", journal->file().string());
  return journal;
}

// All shards of one split, each at least once; or a whole campaign. None is the output itself.
Result<void> check_sources(const Options& options, const std::string& output, const Plan& plan,
                           const Journal::Identity& identity) {
  std::error_code ignored;
  const auto canonical = [&](const std::string& folder) {
    return std::filesystem::weakly_canonical(folder, ignored);
  };
  std::set<std::filesystem::path> known;
  std::set<std::uint64_t> shards;
  std::uint64_t count = 0;
  std::map<std::uint64_t, std::string> partitions;
  for (const std::string& folder : options.folders) {
    if (!known.insert(canonical(folder)).second) return bad_input("{}: given twice", folder);
    if (canonical(folder) == canonical(output))
      return bad_input("{}: is merged and cannot be the output; choose another --output", folder);
    QFI_TRY(const auto journal, open_source(folder));
    QFI_TRY(const Shard shard, check_source(*journal, plan, identity, partitions));
    if (count != 0 && shard.count != count)
      return bad_input("{}: one of {} shards, {} is one of {}", folder, shard.count, options.folders.front(),
                       count);
    count = shard.count;
    shards.insert(shard.index);
  }
  std::string missing;
  for (std::uint64_t i = 1; i <= count && missing.size() < 60; ++i)
    if (!shards.contains(i)) missing += (missing.empty() ? "" : ", ") + std::to_string(i);
  if (!missing.empty()) return bad_input("shards missing, of {}: {}", count, missing);
  return {};
}

// One after the other, as there may be more than files can be open.
Result<void> copy_trials(const Plan& plan, const std::vector<std::string>& folders, Journal& journal) {
  for (const std::string& folder : folders) {
    QFI_TRY(const auto source, open_source(folder));
    for (std::size_t set = 0; set < plan.sets.size(); ++set)
      QFI_CHECK(
          source->read(set, 0, std::numeric_limits<std::int64_t>::max(), [&](TrialRow&& row) -> Result<void> {
            journal.add(std::move(row));
            return {};
          }));
    QFI_TRY(const std::uint64_t trials, source->trials());
    log(LogLevel::debug, fmt::format("{} trials are taken from {}", trials, source->file().string()));
  }
  return journal.finish();
}

Result<int> run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  QFI_TRY(RunInfo info, begin_run(options));
  QFI_TRY(CampaignConfig config, load_config(options));
  info.threads = thread_count(options, config);
  const std::string output = options.output.empty() ? config.output.path.string() : options.output;
  PlanParams plan_params{info.threads, options.kernels, {}};
  plan_params.model_memory = options.model_memory;
  {
    QFI_TRY(const auto first, open_source(options.folders.front()));
    QFI_CHECK(recall_notes(config, *first, plan_params));
  }
  QFI_TRY(Plan plan, load_plan(std::move(config), plan_params));
  const Journal::Identity identity = campaign_identity(plan, this_tool());
  QFI_CHECK(check_sources(options, output, plan, identity));
  QFI_TRY(const OutputFolder folder, OutputFolder::open(output));
  QFI_CHECK(open_run_log(folder.path()));
  if (options.restarts) QFI_CHECK(remove_known_journal(output));
  if (std::filesystem::exists(folder.file(k_journal_name)))
    return bad_input("{}: there already; another --output, or --restart",
                     folder.file(k_journal_name).string());
  QFI_TRY(auto journal, Journal::open(folder.file(k_journal_name), count_columns()));
  QFI_CHECK(keep_notes(plan, *journal));
  QFI_CHECK(journal->identify(identity));
  const ShardNotes whole = shard_notes(plan, {});
  QFI_CHECK(journal->set_note("shard", whole.shard));
  QFI_CHECK(journal->set_note("partition", whole.partition));
  QFI_CHECK(copy_trials(plan, options.folders, *journal));
  info.plan_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RunParams params;
  params.threads = info.threads;
  params.journal = journal.get();
  params.only_recorded = true;
  QFI_TRY(const CampaignRun done, run_campaign(plan, params));
  VerificationOutcome verification;
  verification.reason = "merged: the shards' runs verified";
  QFI_TRY(const CampaignResults results, write_results(plan, done, verification, info, folder));
  fmt::print("{}", options.json ? results_text(results)
                                : summary_table(results, work_of(plan)) + comparison_table(plan));
  if (!options.json)
    fmt::print("\n{} journals merged, results in {}\n", options.folders.size(),
               folder.file("results.json").string());
  return k_done;
}

}  // namespace

void add_merge(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("merge", "join the journals of shards into the results of one campaign");
  auto options = std::make_shared<Options>();
  add_campaign_options(*command, *options);
  command->add_option("folders", options->folders, "output folders of all shards")
      ->required()
      ->type_name("FOLDER..");
  command->add_option("-o,--output", options->output, "output folder instead of the config's")
      ->type_name("FOLDER");
  command->add_flag("--restart", options->restarts, "forget the journal that is in the output folder");
  command->add_flag("--json", options->json, "print results.json instead of a table");
  command->footer(
      "Example: for i in 1 2; do qfi campaign c.yaml --shard $i/2 -o part$i; done\n"
      "         qfi merge c.yaml part1 part2 -o all");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
