// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/run.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>

#include "qfi/base/parallel.hpp"
#include "qfi/base/random.hpp"
#include "qfi/netlist/verilator.hpp"

namespace qfi {
namespace {

// What a thread keeps from trial to trial.
struct Worker {
  explicit Worker(const Plan& plan)
      : batch(*plan.program, plan.blocks.front().count),
        tables(*plan.program, *plan.tables, plan.operators, plan.config.faults.padding) {}
  Batch batch;
  FaultTables::Scratch scratch;
  FaultyUnitTables tables;
  std::size_t fault = static_cast<std::size_t>(-1);  ///< whose tables are set
  std::vector<ImageScore> scores;
};

// Every fault whose outcome this trial gives gets the counts: the one that runs and its equals.
class Collector {
 public:
  explicit Collector(const Plan& plan) : m_plan(plan), m_sharers(plan.faults.size(), 0) {
    for (const PlannedFault& fault : plan.faults)
      if (fault.fate == FaultFate::runs || fault.fate == FaultFate::equal) ++m_sharers[fault.same_as];
    m_outcome.counts.resize(plan.faults.size());
    for (auto* sums : {&m_outcome.top1_of_image, &m_outcome.top5_of_image, &m_outcome.changed_of_image})
      sums->assign(plan.data.images(), 0);
  }

  void add(std::size_t fault, const ImageBlock& block, const ClassificationCounts& counts,
           const std::vector<ImageScore>& scores) {
    m_outcome.counts[fault] += counts;
    for (std::size_t i = 0; i < block.count; ++i) add_image(block.first + i, scores[i], m_sharers[fault]);
    m_outcome.inferences += block.count;
  }

  CampaignOutcome finish() {
    for (std::size_t i = 0; i < m_plan.faults.size(); ++i) {
      const PlannedFault& fault = m_plan.faults[i];
      if (fault.fate == FaultFate::equal) m_outcome.counts[i] = m_outcome.counts[fault.same_as];
      if (fault.fate != FaultFate::table_masked && fault.fate != FaultFate::use_masked) continue;
      m_outcome.counts[i] = m_plan.golden.counts;
      for (std::size_t image = 0; image < m_plan.data.images(); ++image)
        add_image(image, m_plan.golden.scores[image], 1);
    }
    return std::move(m_outcome);
  }

 private:
  void add_image(std::size_t image, const ImageScore& score, std::uint64_t faults) {
    m_outcome.top1_of_image[image] += score.top1 ? faults : 0;
    m_outcome.top5_of_image[image] += score.top5 ? faults : 0;
    m_outcome.changed_of_image[image] += score.changed ? faults : 0;
  }

  const Plan& m_plan;
  std::vector<std::uint64_t> m_sharers;
  CampaignOutcome m_outcome;
};

}  // namespace

CampaignOutcome run_plan(const Plan& plan, const RunParams& params) {
  const auto start = std::chrono::steady_clock::now();
  const std::size_t trials = plan.running.size() * plan.blocks.size();
  std::vector<std::unique_ptr<Worker>> workers(params.threads);
  Collector collector(plan);
  std::mutex lock;
  std::uint64_t done = 0;
  parallel_for(trials, params.threads, [&](std::size_t trial, unsigned index) {
    if (!workers[index]) workers[index] = std::make_unique<Worker>(plan);
    Worker& worker = *workers[index];
    const std::size_t fault = plan.running[trial / plan.blocks.size()];
    const ImageBlock& block = plan.blocks[trial % plan.blocks.size()];
    if (worker.fault != fault) {
      plan.tables->examine(std::span(&plan.faults[fault].fault, 1), worker.scratch);
      worker.tables.set(worker.scratch.products);
      worker.fault = fault;
    }
    restore_block(plan, block, worker.batch);
    plan.program->run(worker.batch, plan.cut, plan.program->model().operators.size(), &worker.tables.unit());
    const ClassificationCounts counts = score_block(plan, worker.batch, block, worker.scores);
    const std::scoped_lock guard(lock);
    collector.add(fault, block, counts, worker.scores);
    if (params.progress) params.progress(++done, trials);
  });
  CampaignOutcome outcome = collector.finish();
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

Result<VerificationOutcome> verify_tables(const Plan& plan, const std::filesystem::path& cache) {
  VerificationOutcome outcome;
  if (plan.config.verify == 0) {
    outcome.reason = "verify: 0";
    return outcome;
  }
  // A fault list may name sites of the other kind, or nets that nothing reads.
  std::set<Site> sites_and_listed;
  for (const Site& site : enumerate_sites(*plan.netlist, plan.config.faults.sites))
    sites_and_listed.insert(site);
  for (const PlannedFault& fault : plan.faults) sites_and_listed.insert(fault.fault.site);
  const std::vector<Site> sites(sites_and_listed.begin(), sites_and_listed.end());
  auto model = VerilatorModel::open(*plan.netlist, sites, cache);
  if (!model) {
    if (model.error().kind != ErrorKind::unavailable) return tl::unexpected(model.error());
    outcome.reason = model.error().message;
    return outcome;
  }
  outcome.version = model->version();
  const Simulator& simulator = plan.tables->simulator();
  const OperandGrid& grid = simulator.grid();
  FaultTables::Scratch scratch;
  const std::uint64_t count = std::min<std::uint64_t>(plan.config.verify, plan.faults.size());
  for (const std::uint64_t i :
       draw_without_replacement(plan.faults.size(), count, plan.config.seed, "verify")) {
    const StuckAt& fault = plan.faults[i].fault;
    plan.tables->examine(std::span(&fault, 1), scratch);
    model->inject(fault.site, fault.value);
    std::size_t index = 0;
    for (int outer = grid.outer.first; outer <= grid.outer.last; ++outer)
      for (int inner = grid.inner.first; inner <= grid.inner.last; ++inner, ++index) {
        const std::int32_t product =
            grid.outer_is_rs1 ? model->multiply(outer, inner) : model->multiply(inner, outer);
        if (product != scratch.products[index])
          return failed("verify: {} stuck at {}: Verilator gives {} for {} and {}, the simulator {}",
                        site_name(*plan.netlist, fault.site), int{fault.value}, product, outer, inner,
                        scratch.products[index]);
      }
    model->clear();
    ++outcome.tables;
    outcome.products += index;
  }
  outcome.is_done = true;
  return outcome;
}

}  // namespace qfi
