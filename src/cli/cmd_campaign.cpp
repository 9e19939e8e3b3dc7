// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "campaign_files.hpp"
#include "logging.hpp"
#include "progress_line.hpp"
#include "qfi/report/table.hpp"
#include "qfi/results/results_file.hpp"

namespace qfi::cli {
namespace {

struct Options : CampaignOptions {
  std::string output;
  bool compares_naive = false;
  bool restarts = false;
  std::string shard;
};

bool has_tables(const Plan& plan) {
  for (std::size_t i = 0; i < plan.sets.size(); ++i)
    if (plan.stuck_at(i) != nullptr) return true;
  return false;
}

// A device that nothing of the campaign runs on.
void log_idle_device(const Plan& plan, const DeviceParams& device) {
  if (device.choice == DeviceChoice::cpu) return;
  for (std::size_t i = 0; i < plan.sets.size(); ++i)
    if (plan.stuck_at(i) != nullptr || plan.table(i) != nullptr) return;
  log(LogLevel::warning, "--device: faults of stored bits run on the CPU, and this campaign has no others");
}

// The seconds that budgets still give; nullopt: there are none.
std::optional<double> seconds_left(const Plan& plan, std::chrono::steady_clock::time_point start) {
  double budget = 0;
  for (const FaultsConfig& faults : plan.config.faults)
    if (const auto* sample = std::get_if<SampleBudget>(&faults.sample)) budget += sample->seconds;
  if (budget == 0) return std::nullopt;
  return budget - std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Checks some tables of every set that has them, unless compiling for that takes what a budget gives.
Result<VerificationOutcome> verify(const Plan& plan, const Options& options,
                                   std::chrono::steady_clock::time_point start, ProgressLine& progress) {
  VerificationOutcome outcome;
  outcome.reason = "no netlist in this campaign";
  if (!has_tables(plan)) return outcome;
  QFI_TRY(const VerificationTimes expected, expected_verification(plan, options.cache));
  if (const auto left = seconds_left(plan, start); left && expected.compiling > *left / 2) {
    outcome.reason = fmt::format("compiling Verilator's model takes about {}, more than half of the budget",
                                 duration_text(expected.compiling));
    return outcome;
  }
  for (std::size_t i = 0; i < plan.sets.size(); ++i)
    if (const StuckAtSet* set = plan.stuck_at(i)) {
      progress.note(expected.compiling > 0
                        ? fmt::format("compiling Verilator's model, about {}, to check tables",
                                      duration_text(expected.compiling))
                        : "checking tables with Verilator");
      auto verified = set->verify(plan.config.verify, options.cache);
      progress.clear();
      QFI_TRY(const VerificationOutcome of_set, std::move(verified));
      const std::uint64_t tables = outcome.tables;
      const std::uint64_t products = outcome.products;
      outcome = of_set;
      outcome.tables += tables;
      outcome.products += products;
    }
  return outcome;
}

// A campaign that asks for checked tables says so where it could not have them.
void log_verification(const Plan& plan, const VerificationOutcome& outcome) {
  if (outcome.is_done) log(LogLevel::debug, fmt::format("{} tables checked by Verilator", outcome.tables));
  else if (plan.config.verify == 0 || !has_tables(plan))
    log(LogLevel::debug, fmt::format("no tables checked by Verilator: {}", outcome.reason));
  else log(LogLevel::warning, fmt::format("no tables checked by Verilator: {}", outcome.reason));
}

Result<void> check_shard(const Plan& plan, const Shard& shard) {
  if (shard.count == 1) return {};
  for (const auto& set : plan.sets)
    if (traits_of(set->config().sample).is_decided_while_it_runs)
      return bad_input("--shard: the sample of '{}' is decided while it runs and cannot be split",
                       set->config().name);
  return {};
}

// Makes the journal this campaign's, or finds out that it is not.
Result<void> take_over(const Plan& plan, const Shard& shard, Journal& journal) {
  // First, as a journal that is this campaign's must say it.
  if (!journal.identity()) QFI_CHECK(keep_notes(plan, journal));
  QFI_CHECK(journal.identify(campaign_identity(plan, this_tool())));
  const ShardNotes now = shard_notes(plan, shard);
  QFI_TRY(const auto before, journal.note("shard"));
  if (before && *before != now.shard)
    return bad_input("{}: of shard {}, not {}; choose another output folder", journal.file().string(),
                     *before, now.shard);
  QFI_CHECK(journal.set_note("shard", now.shard));
  return journal.set_note("partition", now.partition);
}

// What of the campaign is not run now, and why.
Result<void> log_start(const Options& options, const Shard& shard, const Journal& journal) {
  if (shard.count > 1)
    log(LogLevel::info,
        fmt::format("shard {}/{}: the other shards' trials are not run", shard.index, shard.count));
  QFI_TRY(const std::uint64_t trials, journal.trials());
  if (trials > 0 && !options.compares_naive)
    log(LogLevel::info, fmt::format("{} trials are taken from {}", trials, journal.file().string()));
  return {};
}

Result<CampaignRun> run_with_journal(Plan& plan, const Shard& shard, unsigned threads, Journal* journal,
                                     ProgressLine& progress) {
  RunParams params;
  params.threads = threads;
  params.progress = [&](const ProgressState& state) { progress.update(state); };
  params.journal = journal;
  params.shard = shard;
  if (journal != nullptr)
    params.keep_note = [journal](std::uint64_t set, std::uint64_t note) {
      return journal->set_note(driver_note(set), std::to_string(note));
    };
  progress.note("first trials");
  auto ran = run_campaign(plan, params);
  progress.clear();
  if (journal != nullptr) {
    QFI_CHECK(journal->finish());
    if (ran && shard.count > 1) QFI_CHECK(journal->set_note("finished", "yes"));
  }
  if (!ran && ran.error().kind == ErrorKind::stopped && journal != nullptr) {
    QFI_TRY(const std::uint64_t trials, journal->trials());
    return tl::unexpected(Error{fmt::format("stopped; {} trials are in {}: the same command goes on", trials,
                                            journal->file().string()),
                                ErrorKind::stopped});
  }
  return ran;
}

void print_summary(const Plan& plan, const CampaignResults& results, const VerificationOutcome& verification,
                   const OutputFolder& folder) {
  fmt::print("{}", summary_table(results, work_of(plan)) + comparison_table(plan));
  if (has_tables(plan))
    fmt::print("\n{} tables checked by Verilator{}", verification.tables,
               verification.is_done ? ", no difference" : " (" + verification.reason + ")");
  fmt::print("\nresults in {}\n", folder.file("results.json").string());
}

Result<int> run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  QFI_CHECK(check_device(options.device));
  QFI_TRY(RunInfo info, begin_run(options));
  QFI_TRY(const Shard shard, shard_of(options.shard));
  QFI_TRY(CampaignConfig config, load_config(options));
  const unsigned threads = info.threads = thread_count(options, config);
  const std::string output = options.output.empty() ? config.output.path.string() : options.output;
  if (shard.count > 1 && options.compares_naive)
    return bad_input("--compare-naive keeps no trials: not together with --shard");
  QFI_TRY(auto journal, options.restarts ? nullptr : open_known_journal(output));
  ProgressLine progress;
  progress.note("golden run and drawing of faults");
  PlanParams plan_params{threads, options.kernels, {}};
  plan_params.started = start;
  plan_params.model_memory = options.model_memory;
  plan_params.device = options.device;
  plan_params.execution.compares_naive = options.compares_naive;
  if (journal) QFI_CHECK(recall_notes(config, *journal, plan_params));
  auto planned = load_plan(std::move(config), plan_params);
  progress.clear();
  QFI_TRY(Plan plan, std::move(planned));
  QFI_CHECK(check_shard(plan, shard));
  log_idle_device(plan, options.device);
  QFI_TRY(const OutputFolder folder, OutputFolder::open(output));
  QFI_CHECK(open_run_log(folder.path()));
  if (options.restarts) QFI_CHECK(remove_known_journal(output));
  if (!journal) {
    QFI_TRY(journal, Journal::open(folder.file(k_journal_name), count_columns()));
  }
  QFI_CHECK(take_over(plan, shard, *journal));
  QFI_CHECK(log_start(options, shard, *journal));
  info.plan_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  QFI_TRY(const VerificationOutcome verification, verify(plan, options, start, progress));
  log_verification(plan, verification);

  // Trials that are compared are all run.
  Journal* const kept = options.compares_naive ? nullptr : journal.get();
  QFI_TRY(const CampaignRun done, run_with_journal(plan, shard, threads, kept, progress));
  info.journal_seconds = journal->seconds();
  if (shard.count > 1) {
    fmt::print("shard {}/{} is done: {}; merge all with qfi merge\n", shard.index, shard.count,
               journal->file().string());
    return k_done;
  }
  QFI_TRY(const CampaignResults results, write_results(plan, done, verification, info, folder));
  if (options.json) fmt::print("{}", results_text(results));
  else print_summary(plan, results, verification, folder);
  return k_done;
}

}  // namespace

void add_campaign(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("campaign", "run a fault-injection campaign");
  auto options = std::make_shared<Options>();
  add_campaign_options(*command, *options);
  add_device_options(*command, options->device);
  command->add_option("-o,--output", options->output, "output folder instead of the config's")
      ->type_name("FOLDER");
  add_cache_option(*command, options->cache);
  command->add_flag("--compare-naive", options->compares_naive,
                    "run every fault of stored bits in the plain way too, compare and time both");
  command->add_flag("--restart", options->restarts, "forget what an earlier run left in the output folder");
  add_shard_option(*command, options->shard, "run part I of N alone; qfi merge joins them");
  command->add_flag("--json", options->json, "print results.json instead of a table");
  command->footer("Example: qfi campaign campaigns/demo.yaml --output demo-results");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
