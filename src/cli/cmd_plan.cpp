// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "campaign_options.hpp"
#include "qfi/report/table.hpp"
#include "qfi/results/compute.hpp"

namespace qfi::cli {
namespace {

Result<int> run(const CampaignOptions& options) {
  QFI_TRY(CampaignConfig config, load_config(options));
  const unsigned threads = thread_count(options, config);
  PlanParams params{threads, options.kernels, {}};
  params.model_memory = options.model_memory;
  QFI_TRY(const Plan plan, load_plan(std::move(config), params));
  QFI_TRY(const double seconds, expected_seconds(plan, threads));
  fmt::print("{}", options.json ? plan_json(plan, threads, seconds) : plan_table(plan, threads, seconds));
  return k_done;
}

}  // namespace

void add_plan(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("plan", "what a campaign would run: populations, samples, time");
  auto options = std::make_shared<CampaignOptions>();
  add_campaign_options(*command, *options);
  command->add_flag("--json", options->json, "print JSON instead of a table");
  command->footer("Example: qfi plan campaigns/demo.yaml");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
