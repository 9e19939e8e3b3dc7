// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/stuck_at_set.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <set>

#include "qfi/base/parallel.hpp"
#include "qfi/base/random.hpp"
#include "qfi/netlist/verilator.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_block_bytes = std::size_t{64} << 20;  // of activations in one batch
constexpr std::size_t k_most_block_images = 64;
constexpr std::size_t k_faults_per_thread = 8;
constexpr std::uint64_t k_live_bytes = std::uint64_t{512} << 20;  // of golden tensors kept for all images

void keep(const Batch& batch, int tensor, std::span<std::byte> to) {
  const auto from = batch.tensor(tensor);
  std::memcpy(to.data(), from.data(), from.size());
}

// The latest operator, not after the first faulty one, before which all images' live tensors fit.
std::size_t choose_cut(const Workload& workload, std::size_t first_faulty) {
  const auto live_bytes = [&](std::size_t cut) {
    std::uint64_t bytes = 0;
    for (const int tensor : workload.program->live_tensors(cut, workload.watched))
      bytes += workload.tensor(tensor).bytes();
    return bytes * workload.images();
  };
  std::size_t cut = first_faulty;
  while (cut > 0 && live_bytes(cut) > k_live_bytes) --cut;
  return cut;
}

TensorOf image_of(const Workload& workload, const Batch& batch, std::size_t image) {
  return [&workload, &batch, image](int tensor) {
    const std::size_t bytes = workload.tensor(tensor).bytes();
    return batch.tensor(tensor).subspan(image * bytes, bytes);
  };
}

}  // namespace

// What a thread keeps from trial to trial.
struct StuckAtSet::Worker {
  explicit Worker(const StuckAtSet& set)
      : batch(*set.m_workload.program, set.m_blocks.front().count),
        tables(*set.m_workload.program, *set.m_tables, set.m_operators, set.unit_config().padding) {}
  Batch batch;
  FaultTables::Scratch scratch;
  FaultyUnitTables tables;
  std::size_t fault = static_cast<std::size_t>(-1);  ///< whose tables are set
};

StuckAtSet::StuckAtSet(const Workload& workload, const CampaignConfig& config, const FaultsConfig& faults,
                       std::uint64_t seed)
    : FaultSet(workload, faults, config.design), m_seed(seed) {}
StuckAtSet::~StuckAtSet() = default;

void StuckAtSet::make_blocks() {
  const std::size_t fitting = k_block_bytes / std::max<std::size_t>(m_workload.program->bytes_per_image(), 1);
  const std::size_t size = std::clamp<std::size_t>(fitting, 1, k_most_block_images);
  for (std::size_t first = 0; first < m_workload.images(); first += size)
    m_blocks.push_back({first, std::min(size, m_workload.images() - first), {}});
}

void StuckAtSet::restore(const ImageBlock& block, Batch& batch) const {
  batch.set_images(block.count);
  for (std::size_t k = 0; k < m_live_tensors.size(); ++k)
    std::memcpy(batch.tensor(m_live_tensors[k]).data(), block.live[k].data(), block.live[k].size());
}

// The golden run again, to keep what the faulty runs start from and to count the operand pairs of the
// faulty operators.
Result<void> StuckAtSet::run_golden(const CampaignConfig& config, unsigned threads) {
  const Program& program = *m_workload.program;
  const auto workers = static_cast<unsigned>(std::min<std::size_t>(threads, m_blocks.size()));
  std::vector<std::vector<TableUse>> uses_of_worker(workers, m_uses);
  std::vector<std::unique_ptr<Batch>> batches(workers);
  std::vector<Result<void>> outcomes(m_blocks.size());
  parallel_for(m_blocks.size(), workers, [&](std::size_t b, unsigned worker) {
    ImageBlock& block = m_blocks[b];
    if (!batches[worker]) batches[worker] = std::make_unique<Batch>(program, m_blocks[0].count);
    Batch& batch = *batches[worker];
    batch.set_images(block.count);
    const auto values = read_inputs(m_workload, config.input, block.first, block.count);
    if (!values) {
      outcomes[b] = tl::unexpected(values.error());
      return;
    }
    std::memcpy(batch.tensor(program.model().inputs[0]).data(), values->data(), values->size());
    auto next = m_operators.begin();
    for (std::size_t i = 0; i < program.model().operators.size(); ++i) {
      if (i == m_cut)
        for (const int tensor : m_live_tensors) {
          block.live.emplace_back(batch.tensor(tensor).size());
          keep(batch, tensor, block.live.back());
        }
      if (next != m_operators.end() && next->index == i) {
        program.count_pairs(batch, i, unit_config().padding, uses_of_worker[worker][next->use].golden_pairs);
        ++next;
      }
      program.run(batch, i, i + 1);
    }
  });
  for (const Result<void>& outcome : outcomes) QFI_CHECK(outcome);
  m_uses = std::move(uses_of_worker[0]);
  for (unsigned worker = 1; worker < workers; ++worker)
    for (std::size_t u = 0; u < m_uses.size(); ++u)
      for (std::size_t i = 0; i < 65536; ++i)
        m_uses[u].golden_pairs[i] += uses_of_worker[worker][u].golden_pairs[i];
  for (const TableUse& use : m_uses)
    for (const std::uint64_t count : use.golden_pairs) m_proof.golden_products += count;
  return {};
}

// Exact tables must give what the exact kernels gave; on the way, how long a faulty run takes.
Result<void> StuckAtSet::prove_table_path() {
  const ImageBlock& block = m_blocks.front();
  Worker worker(*this);
  const Simulator& simulator = m_tables->simulator();
  worker.tables.set(simulator.golden());
  restore(block, worker.batch);
  const auto start = std::chrono::steady_clock::now();
  m_workload.program->run(worker.batch, m_cut, m_workload.program->model().operators.size(),
                          &worker.tables.unit());
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  m_seconds_per_image = taken.count() / static_cast<double>(block.count);
  // Taps in the padding are multiplied only by the table path, where they add (w - z_w) * 0.
  for (std::size_t i = 0; i < block.count; ++i)
    if (score_image(m_workload, block.first + i, image_of(m_workload, worker.batch, i)) !=
        m_workload.golden.of_image[block.first + i])
      return failed("internal error: the table path with exact tables differs from the golden path");
  m_proof.table_path_images = block.count;
  m_proof.fault_free_pairs = simulator.grid().size();
  return {};
}

Result<std::unique_ptr<StuckAtSet>> StuckAtSet::make(const Workload& workload, const CampaignConfig& config,
                                                     const FaultsConfig& faults, std::uint64_t seed,
                                                     unsigned threads) {
  auto set = std::unique_ptr<StuckAtSet>(new StuckAtSet(workload, config, faults, seed));
  const StuckAtConfig& unit = set->unit_config();
  QFI_TRY(auto netlist, read_netlist(unit.netlist.path, unit.roles));
  set->m_netlist = std::make_unique<Netlist>(std::move(netlist));
  QFI_TRY(const std::vector<std::size_t> chosen, choose_operators(*workload.program, unit));
  set->m_uses = collect_uses(*workload.program, chosen, set->m_operators);
  set->m_sites = enumerate_sites(*set->m_netlist, unit.sites);
  Stratum& stratum = set->m_strata.emplace_back();
  stratum.label = "network";
  stratum.population = 2 * set->m_sites.size();
  for (auto* sums : {&stratum.changed, &stratum.correct, &stratum.top5}) sums->assign(workload.images(), 0);

  set->make_blocks();
  set->m_cut = choose_cut(workload, set->m_operators.front().index);
  set->m_live_tensors = workload.program->live_tensors(set->m_cut, workload.watched);
  QFI_CHECK(set->run_golden(config, threads));
  set->m_tables = std::make_unique<FaultTables>(*set->m_netlist, set->m_uses, unit.unit);
  if (auto checked = set->m_tables->check_fault_free(); !checked)
    return at(unit.netlist.path.string(), checked.error());
  QFI_CHECK(set->prove_table_path());
  if (const auto* list = std::get_if<SampleList>(&faults.sample)) {
    QFI_TRY(const std::vector<StuckAt> listed, read_fault_list(list->file.path, *set->m_netlist));
    set->add_faults(listed, threads);
  }
  return set;
}

Result<void> StuckAtSet::draw(const std::vector<std::uint64_t>& targets, unsigned threads) {
  if (!is_random_sample()) return {};
  const std::uint64_t target = std::min(targets.front(), population());
  std::vector<StuckAt> faults;
  if (target == population()) {  // in order, and those that an earlier, random draw has left
    std::set<std::uint64_t> known;
    for (const std::uint64_t i : draw_without_replacement(population(), drawn(), m_seed, "stuck_at"))
      known.insert(i);
    for (std::uint64_t i = 0; i < target; ++i)
      if (!known.contains(i)) faults.push_back(stuck_at_member(m_sites, i));
  } else {
    const auto members = draw_without_replacement(population(), target, m_seed, "stuck_at");
    for (std::size_t i = drawn(); i < members.size(); ++i)
      faults.push_back(stuck_at_member(m_sites, members[i]));
  }
  add_faults(faults, threads);
  return {};
}

// Simulates every drawn fault once, in parallel, and finds those that need no run of their own.
void StuckAtSet::add_faults(const std::vector<StuckAt>& faults, unsigned threads) {
  const std::size_t first = m_faults.size();
  m_faults.resize(first + faults.size());
  std::vector<FaultTables::Scratch> scratch(threads);
  parallel_for(faults.size(), threads, [&](std::size_t i, unsigned worker) {
    m_faults[first + i].fault = faults[i];
    m_faults[first + i].effect = m_tables->examine(std::span(&faults[i], 1), scratch[worker]);
  });
  m_counts.resize(m_faults.size());
  m_stratum_of.resize(m_faults.size(), 0);
  m_strata.front().drawn = m_faults.size();
  for (std::size_t i = first; i < m_faults.size(); ++i) {
    PlannedFault& fault = m_faults[i];
    fault.same_as = i;
    if (fault.effect.is_table_masked) {
      fault.fate = FaultFate::table_masked;
    } else if (fault.effect.golden_hits == 0) {
      fault.fate = FaultFate::use_masked;
    } else if (const auto [entry, is_new] = m_first_with.try_emplace(fault.effect.digest, i); !is_new) {
      fault.fate = FaultFate::equal;
      fault.same_as = entry->second;
    } else {
      m_running.push_back(i);
    }
  }
}

// Fills in the events of the blocks' images.
FaultCounts StuckAtSet::run_blocks(std::size_t fault, std::span<const ImageBlock> blocks, Worker& worker,
                                   std::vector<ImageEvents>& events) const {
  if (worker.fault != fault) {
    m_tables->examine(std::span(&m_faults[fault].fault, 1), worker.scratch);
    worker.tables.set(worker.scratch.products);
    worker.fault = fault;
  }
  FaultCounts counts;
  for (const ImageBlock& block : blocks) {
    restore(block, worker.batch);
    m_workload.program->run(worker.batch, m_cut, m_workload.program->model().operators.size(),
                            &worker.tables.unit());
    for (std::size_t i = 0; i < block.count; ++i) {
      const FaultCounts of_image =
          score_image(m_workload, block.first + i, image_of(m_workload, worker.batch, i));
      events[block.first + i] = ImageEvents(of_image);
      counts += of_image;
    }
  }
  return counts;
}

Result<void> StuckAtSet::run(unsigned threads, const Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::size_t> running;
  for (const std::size_t fault : m_running)
    if (fault >= m_run_faults) running.push_back(fault);
  for (const std::size_t fault : running) m_events[fault].resize(m_workload.images());
  // A fault's tables are made ready once for all its blocks, unless there are too few faults for the threads.
  const std::size_t parts = running.size() >= k_faults_per_thread * threads ? 1 : m_blocks.size();
  const std::size_t trials = running.size() * parts;
  std::vector<std::unique_ptr<Worker>> workers(threads);
  std::mutex lock;
  std::uint64_t done = 0;
  parallel_for(trials, threads, [&](std::size_t trial, unsigned index) {
    if (!workers[index]) workers[index] = std::make_unique<Worker>(*this);
    const std::size_t fault = running[trial / parts];
    const std::size_t part = trial % parts;
    const auto blocks = std::span(m_blocks).subspan(parts == 1 ? 0 : part, parts == 1 ? m_blocks.size() : 1);
    const FaultCounts counts = run_blocks(fault, blocks, *workers[index], m_events.at(fault));
    const std::scoped_lock guard(lock);
    m_counts[fault] += counts;
    if (progress) progress(++done, trials);
  });
  std::vector<ImageEvents> golden;
  for (const FaultCounts& counts : m_workload.golden.of_image) golden.emplace_back(counts);
  for (std::size_t i = m_run_faults; i < m_faults.size(); ++i) {
    const bool is_masked =
        m_faults[i].fate == FaultFate::table_masked || m_faults[i].fate == FaultFate::use_masked;
    m_counts[i] = is_masked ? m_workload.golden.counts : m_counts[m_faults[i].same_as];
    const std::vector<ImageEvents>& events = is_masked ? golden : m_events.at(m_faults[i].same_as);
    for (std::size_t image = 0; image < events.size(); ++image) add_image(i, image, events[image]);
  }
  m_run_faults = m_faults.size();
  m_inferences += running.size() * m_workload.images();
  m_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {};
}

Result<double> StuckAtSet::expected_seconds_per_fault() {
  if (m_faults.empty()) return m_seconds_per_image * static_cast<double>(m_workload.images());
  return m_seconds_per_image * static_cast<double>(m_running.size() * m_workload.images()) /
         static_cast<double>(m_faults.size());
}

std::vector<std::byte> StuckAtSet::outputs_under(const StuckAt& fault, std::size_t image) const {
  Worker worker(*this);
  m_tables->examine(std::span(&fault, 1), worker.scratch);
  worker.tables.set(worker.scratch.products);
  restore(m_blocks.front(), worker.batch);
  m_workload.program->run(worker.batch, m_cut, m_workload.program->model().operators.size(),
                          &worker.tables.unit());
  std::vector<std::byte> outputs;
  for (const int tensor : m_workload.watched) {
    const auto bytes = image_of(m_workload, worker.batch, image)(tensor);
    outputs.insert(outputs.end(), bytes.begin(), bytes.end());
  }
  return outputs;
}

void StuckAtSet::replay(const StuckAt& fault, const OutputUse& use) const {
  const Program& program = *m_workload.program;
  Worker faulty(*this);
  Batch golden(program, m_blocks.front().count);
  m_tables->examine(std::span(&fault, 1), faulty.scratch);
  faulty.tables.set(faulty.scratch.products);
  restore(m_blocks.front(), faulty.batch);
  restore(m_blocks.front(), golden);
  for (std::size_t i = m_cut; i < program.model().operators.size(); ++i) {
    program.run(faulty.batch, i, i + 1, &faulty.tables.unit());
    program.run(golden, i, i + 1);
    if (program.is_folded(i)) continue;
    for (const int output : program.model().operators[i].outputs)
      use(i, output, image_of(m_workload, golden, 0), image_of(m_workload, faulty.batch, 0));
  }
}

Result<VerificationOutcome> StuckAtSet::verify(std::uint64_t count,
                                               const std::filesystem::path& cache) const {
  VerificationOutcome outcome;
  if (count == 0) {
    outcome.reason = "verify: 0";
    return outcome;
  }
  // A fault list may name sites of the other kind, or nets that nothing reads.
  std::set<Site> sites_and_listed(m_sites.begin(), m_sites.end());
  for (const PlannedFault& fault : m_faults) sites_and_listed.insert(fault.fault.site);
  const std::vector<Site> sites(sites_and_listed.begin(), sites_and_listed.end());
  auto model = VerilatorModel::open(*m_netlist, sites, cache);
  if (!model) {
    if (model.error().kind != ErrorKind::unavailable) return tl::unexpected(model.error());
    outcome.reason = model.error().message;
    return outcome;
  }
  outcome.version = model->version();
  const OperandGrid& grid = m_tables->simulator().grid();
  FaultTables::Scratch scratch;
  count = std::min<std::uint64_t>(count, m_faults.size());
  for (const std::uint64_t i : draw_without_replacement(m_faults.size(), count, m_seed, "verify")) {
    const StuckAt& fault = m_faults[i].fault;
    m_tables->examine(std::span(&fault, 1), scratch);
    model->inject(fault.site, fault.value);
    std::size_t index = 0;
    for (int outer = grid.outer.first; outer <= grid.outer.last; ++outer)
      for (int inner = grid.inner.first; inner <= grid.inner.last; ++inner, ++index) {
        const std::int32_t product =
            grid.outer_is_rs1 ? model->multiply(outer, inner) : model->multiply(inner, outer);
        if (product != scratch.products[index])
          return failed("verify: {} stuck at {}: Verilator gives {} for {} and {}, the simulator {}",
                        site_name(*m_netlist, fault.site), int{fault.value}, product, outer, inner,
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
