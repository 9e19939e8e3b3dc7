// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/plan.hpp"

#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"

namespace qfi {
namespace {

class Planner {
 public:
  Planner(Plan& plan, const PlanParams& params) : m_plan(plan), m_params(params) {}

  // Adds a set with its driver, and draws its first faults.
  Result<void> add_set(std::size_t index) {
    QFI_CHECK(check_labels(faults(index)));
    QFI_CHECK(std::visit([&](const auto& model) { return make(model, index); }, faults(index).model));
    QFI_CHECK(set_images());
    const auto note = m_params.notes.find(index);
    m_plan.drivers.push_back(
        make_driver(m_plan.sets.back()->config().sample,
                    {m_plan.config.interval.confidence,
                     note == m_params.notes.end() ? std::nullopt : std::optional(note->second),
                     index == 0 ? std::optional(m_params.started) : std::nullopt}));
    return m_plan.drivers.back()->begin(*m_plan.sets.back(), m_params.threads);
  }

 private:
  // How many images the faults of the last set meet.
  Result<void> set_images() {
    FaultSet& set = *m_plan.sets.back();
    m_plan.pilots.emplace_back();
    if (!m_plan.config.design.is_nested()) return {};
    if (const auto images = m_plan.config.design.nested_images()) return set.set_images_of_a_fault(*images);
    QFI_TRY(m_plan.pilots.back(), choose_images_of_a_fault(set, m_params.threads));
    return {};
  }

  const FaultsConfig& faults(std::size_t index) const { return m_plan.config.faults[index]; }

  Result<void> check_labels(const FaultsConfig& faults) const {
    if (m_plan.workload->task->has_accuracy() || !traits_of(faults.sample).watches_accuracy) return {};
    return bad_input(
        "the sample is decided by accuracy, and the data have no labels; give 'labels', or watch "
        "the metric sdc_rate");
  }

  template <class Set>
  Result<void> add(std::unique_ptr<Set> set) {
    m_plan.kinds.emplace_back(set.get());
    m_plan.sets.push_back(std::move(set));
    return {};
  }

  Result<void> make(const StuckAtConfig&, std::size_t index) {
    QFI_TRY(auto set, StuckAtSet::make(*m_plan.workload, m_plan.config, faults(index),
                                       seed_of_set(m_plan.config, index), m_params.threads));
    return add(std::move(set));
  }

  Result<void> make(const TableConfig&, std::size_t index) {
    QFI_TRY(auto set, TableSet::make(*m_plan.workload, m_plan.config, faults(index), m_params.threads));
    return add(std::move(set));
  }

  Result<void> make(const BitFaultConfig&, std::size_t index) {
    if (!m_plan.golden_blocks)
      m_plan.golden_blocks =
          std::make_unique<GoldenBlocks>(*m_plan.workload, m_plan.config.input, m_params.golden_bytes);
    QFI_TRY(auto set, BitSet::make(*m_plan.workload, *m_plan.golden_blocks, m_plan.config, index,
                                   seed_of_set(m_plan.config, index)));
    set->set_execution(m_params.execution);
    return add(std::move(set));
  }

  Plan& m_plan;
  const PlanParams& m_params;
};

}  // namespace

std::uint64_t seed_of_set(const CampaignConfig& config, std::size_t index) {
  return index == 0 ? config.seed : random_bits(config.seed, purpose::k_fault_set, index);
}

Result<Plan> make_plan(CampaignConfig config, const PlanParams& params) {
  Plan plan;
  plan.config = std::move(config);
  QFI_TRY(Model model, load_tflite(plan.config.model.path,
                                   load_params(params.model_memory, plan.config.signature.value_or(""))));
  QFI_CHECK(narrow_stored_weights(model, plan.config.faults));
  QFI_TRY(Workload workload, make_workload(std::move(model), plan.config.model.path.string(), plan.config,
                                           {params.threads, params.kernels, params.model_memory,
                                            plan.config.design.is_nested(), params.device}));
  plan.workload = std::make_unique<Workload>(std::move(workload));
  Planner planner(plan, params);
  for (std::size_t i = 0; i < plan.config.faults.size(); ++i)
    if (auto added = planner.add_set(i); !added)
      return at(
          plan.config.faults.size() > 1 ? fmt::format("faults '{}'", plan.config.faults[i].name) : "faults",
          added.error());
  return plan;
}

}  // namespace qfi
