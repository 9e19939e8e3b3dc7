// SPDX-License-Identifier: Apache-2.0
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "campaign_options.hpp"
#include "qfi/base/file.hpp"
#include "qfi/report/table.hpp"
#include "qfi_git.hpp"

namespace qfi::cli {
namespace {

struct Options : CampaignOptions {
  std::string output;
  std::string cache = default_cache().string();
};

// An earlier run's results may be replaced, anything else not.
Result<void> prepare_output(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return failed("{}: cannot create the output folder: {}", folder.string(), error.message());
  for (const char* name : {"results.json", "run.json"}) {
    const auto file = folder / name;
    if (!std::filesystem::exists(file)) continue;
    const auto content = read_file(file);
    if (!content || content->find("\"schema\": \"qfi-") == std::string::npos)
      return bad_input("{}: exists and was not written by qfi; choose another output folder", file.string());
  }
  return {};
}

Result<int> run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const std::string started =
      fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now()));
  QFI_TRY(CampaignConfig config, load_config(options));
  const unsigned threads = thread_count(options, config);
  const std::filesystem::path folder =
      options.output.empty() ? config.output.path : std::filesystem::path(options.output);
  ProgressLine progress;
  progress.note("golden run and tables of the drawn faults");
  auto planned = load_plan(std::move(config), options, threads);
  progress.clear();
  QFI_TRY(const Plan plan, std::move(planned));
  QFI_CHECK(prepare_output(folder));
  const std::chrono::duration<double> plan_time = std::chrono::steady_clock::now() - start;
  progress.note("checking tables with Verilator (the first time for a netlist it compiles a model)");
  auto verified = verify_tables(plan, options.cache);
  progress.clear();
  QFI_TRY(const VerificationOutcome verification, std::move(verified));

  progress.note("first trials");
  RunParams params{threads, [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); }};
  const CampaignOutcome outcome = run_plan(plan, params);
  progress.clear();

  const ToolInfo tool{QFI_VERSION, k_git_commit};
  const std::string results = results_json(plan, outcome, tool);
  QFI_CHECK(write_file(folder / "results.json", results));
  QFI_CHECK(write_file(folder / "run.json",
                       run_json(plan, outcome, verification, tool, {threads, started, plan_time.count()})));
  fmt::print("{}", options.json ? results : summary_table(plan, outcome));
  if (!options.json) {
    fmt::print("\n{} tables checked by Verilator{}\nresults in {}\n", verification.tables,
               verification.is_done ? ", no difference" : " (" + verification.reason + ")",
               (folder / "results.json").string());
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
  command->add_flag("--json", options->json, "print results.json instead of a table");
  command->footer("Example: qfi campaign campaigns/demo.yaml --output demo-results");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
