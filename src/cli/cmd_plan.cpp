// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "campaign_options.hpp"
#include "qfi/report/table.hpp"
#include "qfi/results/compute.hpp"

namespace qfi::cli {
namespace {

using Clock = std::chrono::steady_clock;

Result<int> run(const CampaignOptions& options) {
  QFI_CHECK(check_device(options.device));
  QFI_TRY(CampaignConfig config, load_config(options));
  const unsigned threads = thread_count(options, config);
  PlanParams params{threads, options.kernels, {}};
  params.model_memory = options.model_memory;
  params.device = options.device;
  QFI_TRY(const Plan plan, load_plan(std::move(config), params));
  const double planning = std::chrono::duration<double>(Clock::now() - params.started).count();
  QFI_TRY(const ExpectedTimes times, expected_times(plan, {threads, options.cache, planning}));
  fmt::print("{}", options.json ? plan_json(plan, threads, times) : plan_table(plan, threads, times));
  return k_done;
}

}  // namespace

void add_plan(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("plan", "what a campaign would run: populations, samples, time");
  auto options = std::make_shared<CampaignOptions>();
  add_campaign_options(*command, *options);
  add_device_options(*command, options->device);
  add_cache_option(*command, options->cache);
  command->add_flag("--json", options->json, "print JSON instead of a table");
  command->footer("Example: qfi plan campaigns/demo.yaml");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
