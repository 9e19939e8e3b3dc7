// SPDX-License-Identifier: Apache-2.0
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <set>

#include "campaign_files.hpp"
#include "campaign_options.hpp"
#include "qfi/report/table.hpp"

namespace qfi::cli {
namespace {

struct Options : CampaignOptions {
  std::vector<std::string> folders;
  std::string output;
  bool restarts = false;
};

struct Source {
  std::unique_ptr<Journal> journal;
  Shard shard;
};

Result<Source> open_source(const std::filesystem::path& folder, const Plan& plan,
                           const Journal::Identity& identity) {
  QFI_TRY(Source source, [&]() -> Result<Source> {
    QFI_TRY(auto journal, open_known_journal(folder, false));
    return Source{std::move(journal), {}};
  }());
  if (!source.journal) return bad_input("{}: no {} in it", folder.string(), k_journal_name);
  const std::string file = source.journal->file().string();
  if (!source.journal->identity()) return bad_input("{}: empty; run its shard", file);
  QFI_CHECK(source.journal->identify(identity));
  QFI_TRY(const auto shard, source.journal->note("shard"));
  QFI_TRY(const auto partition, source.journal->note("partition"));
  QFI_TRY(const auto finished, source.journal->note("finished"));
  if (!shard) return bad_input("{}: empty; run its shard", file);
  const std::string& text = *shard;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, source.shard.index);
  if (index.ec != std::errc() || index.ptr == end ||
      std::from_chars(index.ptr + 1, end, source.shard.count).ec != std::errc() || source.shard.index < 1 ||
      source.shard.index > source.shard.count || source.shard.count > k_most_shards)
    return bad_input("{}: damaged; it does not say which shard it is of", file);
  if (source.shard.count > 1 && !finished)
    return bad_input("{}: shard {} is not finished: run it again, it goes on", file, text);
  if (source.shard.count > 1 && partition != shard_notes(plan, source.shard).partition)
    return bad_input("{}: its faults are split in another way; run its shard anew", file);
  return source;
}

// All shards of one split, each at least once; or a whole campaign.
Result<std::vector<Source>> open_sources(const Options& options, const Plan& plan,
                                         const Journal::Identity& identity) {
  std::vector<Source> sources;
  std::set<std::filesystem::path> known;
  std::set<std::uint64_t> shards;
  for (const std::string& folder : options.folders) {
    std::error_code ignored;
    if (!known.insert(std::filesystem::weakly_canonical(folder, ignored)).second)
      return bad_input("{}: given twice", folder);
    QFI_TRY(Source source, open_source(folder, plan, identity));
    if (!sources.empty() && source.shard.count != sources.front().shard.count)
      return bad_input("{}: one of {} shards, {} is one of {}", folder, source.shard.count,
                       options.folders.front(), sources.front().shard.count);
    shards.insert(source.shard.index);
    sources.push_back(std::move(source));
  }
  std::string missing;
  for (std::uint64_t i = 1; i <= sources.front().shard.count && missing.size() < 60; ++i)
    if (!shards.contains(i)) missing += (missing.empty() ? "" : ", ") + std::to_string(i);
  if (!missing.empty()) return bad_input("shards missing, of {}: {}", sources.front().shard.count, missing);
  return sources;
}

Result<void> copy_trials(const Plan& plan, const std::vector<Source>& sources, Journal& journal) {
  for (const Source& source : sources)
    for (std::size_t set = 0; set < plan.sets.size(); ++set)
      QFI_CHECK(source.journal->read(set, 0, std::numeric_limits<std::int64_t>::max(),
                                     [&](TrialRow&& row) -> Result<void> {
                                       journal.add(std::move(row));
                                       return {};
                                     }));
  return journal.finish();
}

Result<int> run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  RunInfo info;
  info.started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now()));
  info.config = std::filesystem::absolute(options.config).string();
  QFI_TRY(info.defines, parse_defines(options.defines));
  QFI_TRY(CampaignConfig config, load_config(options));
  info.threads = thread_count(options, config);
  const std::string output = options.output.empty() ? config.output.path.string() : options.output;
  QFI_TRY(Plan plan, load_plan(std::move(config), {info.threads, options.kernels, {}}));
  const Journal::Identity identity = campaign_identity(plan, this_tool());
  QFI_TRY(const std::vector<Source> sources, open_sources(options, plan, identity));
  QFI_TRY(const OutputFolder folder, OutputFolder::open(output));
  QFI_TRY(auto journal, open_known_journal(output, options.restarts));
  if (journal)
    return bad_input("{}: there already; another --output, or --restart", journal->file().string());
  QFI_TRY(journal, Journal::open(folder.file(k_journal_name)));
  QFI_CHECK(journal->identify(identity));
  const ShardNotes whole = shard_notes(plan, {});
  QFI_CHECK(journal->set_note("shard", whole.shard));
  QFI_CHECK(journal->set_note("partition", whole.partition));
  QFI_CHECK(copy_trials(plan, sources, *journal));
  info.plan_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RunParams params;
  params.threads = info.threads;
  params.journal = journal.get();
  params.only_recorded = true;
  QFI_TRY(const CampaignRun done, run_campaign(plan, params));
  VerificationOutcome verification;
  verification.reason = "merged: the shards' runs verified";
  QFI_TRY(const std::string results, write_results(plan, done, verification, info, folder));
  fmt::print("{}", options.json ? results : summary_table(plan, done) + comparison_table(plan));
  if (!options.json)
    fmt::print("\n{} journals merged, results in {}\n", sources.size(), folder.file("results.json").string());
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
