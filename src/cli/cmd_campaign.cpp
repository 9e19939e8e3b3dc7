// SPDX-License-Identifier: Apache-2.0
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "campaign_options.hpp"
#include "output_folder.hpp"
#include "qfi/campaign/results.hpp"
#include "qfi/report/table.hpp"
#include "qfi_git.hpp"

namespace qfi::cli {
namespace {

struct Options : CampaignOptions {
  std::string output;
  std::string cache = default_cache().string();
  bool compares_naive = false;
};

// Of every set that has tables.
Result<VerificationOutcome> verify(const Plan& plan, const Options& options, ProgressLine& progress) {
  VerificationOutcome outcome;
  outcome.reason = "no netlist in this campaign";
  for (std::size_t i = 0; i < plan.sets.size(); ++i)
    if (const StuckAtSet* set = plan.stuck_at(i)) {
      progress.note("checking tables with Verilator (the first time for a netlist it compiles a model)");
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

// results.json is returned.
Result<std::string> write_results(const Plan& plan, const CampaignRun& done,
                                  const VerificationOutcome& verification, const RunInfo& info,
                                  const OutputFolder& folder) {
  const ToolInfo tool{QFI_VERSION, k_git_commit};
  const std::vector<SetFiles> of_sets = set_files(plan);
  std::string results = results_json(plan, done, of_sets, tool);
  std::vector<std::pair<std::string, std::string>> files = {{"results.json", results}};
  for (const SetFiles& set : of_sets)
    for (const auto* table : {&set.faults, &set.bits})
      if (*table) files.emplace_back((*table)->name, (*table)->csv);
  files.emplace_back("run.json", run_json(plan, done, verification, tool, info));
  QFI_CHECK(folder.write(files));
  return results;
}

Result<int> run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  RunInfo info;
  info.started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now()));
  info.config = std::filesystem::absolute(options.config).string();
  QFI_TRY(info.defines, parse_defines(options.defines));
  QFI_TRY(CampaignConfig config, load_config(options));
  const unsigned threads = info.threads = thread_count(options, config);
  const std::string output = options.output.empty() ? config.output.path.string() : options.output;
  ProgressLine progress;
  progress.note("golden run and drawing of faults");
  PlanParams plan_params{threads, options.kernels, {}};
  plan_params.execution.compares_naive = options.compares_naive;
  auto planned = load_plan(std::move(config), plan_params);
  progress.clear();
  QFI_TRY(Plan plan, std::move(planned));
  QFI_TRY(const OutputFolder folder, OutputFolder::open(output));
  info.plan_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  QFI_TRY(const VerificationOutcome verification, verify(plan, options, progress));

  progress.note("first trials");
  auto ran = run_campaign(
      plan, {threads, [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); }});
  progress.clear();
  QFI_TRY(const CampaignRun done, std::move(ran));
  QFI_TRY(const std::string results, write_results(plan, done, verification, info, folder));
  fmt::print("{}", options.json ? results : summary_table(plan, done) + comparison_table(plan));
  if (!options.json) {
    bool has_tables = false;
    for (std::size_t i = 0; i < plan.sets.size(); ++i) has_tables = has_tables || plan.stuck_at(i) != nullptr;
    if (has_tables)
      fmt::print("\n{} tables checked by Verilator{}", verification.tables,
                 verification.is_done ? ", no difference" : " (" + verification.reason + ")");
    fmt::print("\nresults in {}\n", folder.file("results.json").string());
  }
  return k_done;
}

}  // namespace

void add_campaign(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("campaign", "run a fault-injection campaign");
  auto options = std::make_shared<Options>();
  add_campaign_options(*command, *options);
  command->add_option("-o,--output", options->output, "output folder instead of the config's")
      ->type_name("FOLDER");
  command->add_option("--cache", options->cache, "folder of compiled Verilator models")
      ->capture_default_str()
      ->type_name("FOLDER");
  command->add_flag("--compare-naive", options->compares_naive,
                    "run every fault of stored bits in the plain way too, compare and time both");
  command->add_flag("--json", options->json, "print results.json instead of a table");
  command->footer("Example: qfi campaign campaigns/demo.yaml --output demo-results");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
