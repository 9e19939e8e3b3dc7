// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/plan.hpp"

#include "qfi/base/random.hpp"

namespace qfi {

std::uint64_t seed_of_set(const CampaignConfig& config, std::size_t index) {
  return index == 0 ? config.seed : random_bits(config.seed, "fault set", index);
}

Result<double> expected_seconds(const Plan& plan, unsigned threads) {
  double seconds = 0;
  for (const auto& set : plan.sets) {
    QFI_TRY(const double of_fault, set->expected_seconds_per_fault());
    std::uint64_t faults = set->drawn();
    if (const auto* search = std::get_if<SampleGenetic>(&set->config().sample))
      faults = search->population * search->generations;
    seconds += of_fault * static_cast<double>(faults);
  }
  return seconds / threads;
}

Result<Plan> make_plan(CampaignConfig config, const PlanParams& params) {
  Plan plan;
  plan.config = std::move(config);
  QFI_TRY(Model model, load_tflite(plan.config.model.path, load_params(params.model_memory)));
  QFI_CHECK(narrow_stored_weights(model, plan.config.faults));
  QFI_TRY(Workload workload, make_workload(std::move(model), plan.config.model.path.string(), plan.config,
                                           {params.threads, params.kernels, params.model_memory}));
  plan.workload = std::make_unique<Workload>(std::move(workload));
  for (std::size_t i = 0; i < plan.config.faults.size(); ++i) {
    const FaultsConfig& faults = plan.config.faults[i];
    const std::uint64_t seed = seed_of_set(plan.config, i);
    const auto where = [&](const Error& error) {
      return at(plan.config.faults.size() > 1 ? fmt::format("faults '{}'", faults.name) : "faults", error);
    };
    if (std::holds_alternative<StuckAtConfig>(faults.model)) {
      auto set = StuckAtSet::make(*plan.workload, plan.config, faults, seed, params.threads);
      if (!set) return where(set.error());
      plan.sets.push_back(std::move(*set));
    } else if (std::holds_alternative<TableConfig>(faults.model)) {
      auto set = TableSet::make(*plan.workload, plan.config, faults, params.threads);
      if (!set) return where(set.error());
      plan.sets.push_back(std::move(*set));
    } else {
      if (!plan.golden_blocks)
        plan.golden_blocks =
            std::make_unique<GoldenBlocks>(*plan.workload, plan.config.input, params.golden_bytes);
      auto set = BitSet::make(*plan.workload, *plan.golden_blocks, plan.config, i, seed);
      if (!set) return where(set.error());
      (*set)->set_execution(params.execution);
      plan.sets.push_back(std::move(*set));
    }
    const auto bought = params.bought.find(i);
    if (auto drawn = plan.sets.back()->draw_sample(
            params.threads, bought == params.bought.end() ? std::nullopt : std::optional(bought->second));
        !drawn)
      return where(drawn.error());
  }
  return plan;
}

}  // namespace qfi
