// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/stuck_at_set.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "qfi/base/file.hpp"
#include "qfi/base/parallel.hpp"
#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/base/stop.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/fault_sets/cell_rates.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_faults_per_thread = 8;
constexpr std::size_t k_proof_images = 16;

}  // namespace

// What a thread keeps from trial to trial.
struct StuckAtSet::Worker {
  explicit Worker(const StuckAtSet& set)
      : device(set.m_runner->make_device()),
        tables(*set.m_workload.program, *set.m_tables, set.m_operators, set.unit_config().padding,
               device.get()) {}
  std::unique_ptr<Device> device;
  FaultTables::Scratch scratch;
  FaultyUnitTables tables;
  std::size_t fault = static_cast<std::size_t>(-1);  ///< whose tables are set
};

// The fault-free, approximate multiplier, and the workload whose golden run went through it.
struct StuckAtSet::GoldenUnit {
  GoldenUnit(const Workload& exact, const Netlist& netlist, const StuckAtConfig& config,
             const std::vector<std::size_t>& chosen)
      : tables(netlist, collect_uses(*exact.program, chosen, config.padding, operators), config.unit),
        unit(*exact.program, tables, operators, config.padding) {
    unit.set(tables.simulator().golden());
  }
  std::vector<FaultyOperator> operators;
  FaultTables tables;
  FaultyUnitTables unit;
  Workload workload;
};

Result<std::unique_ptr<StuckAtSet::GoldenUnit>> StuckAtSet::make_golden_unit(const Workload& workload,
                                                                             const CampaignConfig& config,
                                                                             const StuckAtConfig& unit,
                                                                             const Netlist& netlist,
                                                                             unsigned threads) {
  QFI_TRY(const std::vector<std::size_t> chosen,
          choose_operators(*workload.program, unit.operators, unit.layers));
  auto golden = std::make_unique<GoldenUnit>(workload, netlist, unit, chosen);
  QFI_TRY(golden->workload, with_golden_units(workload, golden->unit.units(), config.input, threads));
  return golden;
}

StuckAtSet::StuckAtSet(const Workload& workload, const CampaignConfig& config, const FaultsConfig& faults,
                       std::uint64_t seed)
    : FaultSet(workload, faults, config.design, seed) {}
StuckAtSet::~StuckAtSet() = default;

// The golden run again, to keep what the faulty runs start from and to count the operand pairs of the
// faulty operators.
Result<void> StuckAtSet::run_golden(const CampaignConfig& config, unsigned threads) {
  std::vector<std::size_t> operators;
  for (const FaultyOperator& op : m_operators) operators.push_back(op.index);
  QFI_TRY(m_runner, UnitRunner::make(m_workload, config.input, std::move(operators), unit_config().padding,
                                     threads, m_golden_unit ? &m_golden_unit->unit.units() : nullptr));
  for (std::size_t k = 0; k < m_operators.size(); ++k)
    m_runner->golden_pairs()[k].add_to(m_uses[m_operators[k].use].golden_pairs);
  m_runner->forget_golden_pairs();
  for (std::size_t use = 0; use < m_uses.size(); ++use) {
    m_tables->add_golden_pairs(use, m_uses[use].golden_pairs);
    for (const std::uint64_t pairs : m_uses[use].golden_pairs) m_proof.golden_products += pairs;
  }
  return {};
}

// Fault-free tables, looked up product by product, must give what the exact kernels gave; those of an
// approximate multiplier what its golden run gave.
Result<void> StuckAtSet::prove_table_path() {
  Worker worker(*this);
  const Simulator& simulator = m_tables->simulator();
  worker.tables.set(simulator.golden());
  // Taps in the padding are multiplied only by the table path, where they add (w - z_w) * 0.
  const std::size_t images = std::min(k_proof_images, m_runner->blocks().front().count);
  const Units* golden = m_golden_unit ? &m_golden_unit->unit.units() : nullptr;
  if (!m_runner->agrees_with_tables(worker.tables.units(), golden, images, *worker.device))
    return failed("internal error: the table path with fault-free tables differs from the golden path");
  if (m_golden_unit) QFI_CHECK(prove_golden_unit(*worker.device));
  m_proof.table_path_images = images;
  const ProductErrors errors = product_errors(simulator);
  m_proof.fault_free_pairs = errors.pairs - errors.wrong;
  return {};
}

Result<void> StuckAtSet::prove_golden_unit(Device& device) const {
  const UnitRunner::Part part = m_runner->first_part();
  bool is_same = false;
  m_runner->score(std::span(&part, 1), m_golden_unit->unit.units(), device,
                  [&](std::size_t, const Trial& trial) {
                    is_same = trial.outcome.counts.output_identical == part.images.count;
                    return true;
                  });
  if (is_same) return {};
  return failed("internal error: the fault-free multiplier does not give the outputs of its golden run");
}

// Simulating and mapping the tables, and packing weights, once for all images, in multiplications of the
// network: about what they take with AVX-512 VNNI, and several times more than with AVX2.
double StuckAtSet::set_up_cost() const {
  constexpr double k_of_pair = 160;
  constexpr double k_of_weight = 320;
  const Program& program = *m_workload.program;
  double weights = 0, all = 0;
  for (const FaultyOperator& op : m_operators)
    weights +=
        static_cast<double>(m_workload.tensor(program.model().operators[op.index].inputs[1]).elements());
  for (std::size_t i = 0; i < program.model().operators.size(); ++i)
    all += static_cast<double>(program.multiplications(i));
  const auto pairs = static_cast<double>(m_tables->simulator().grid().size());
  return (k_of_pair * pairs + k_of_weight * weights) / std::max(all, 1.0);
}

// Some faults as they are run, against plain look-ups.
Result<void> StuckAtSet::prove() {
  constexpr std::size_t k_proof_faults = 4;
  const std::size_t count = std::min(k_proof_faults, m_running.size());
  Worker worker(*this);
  for (std::size_t k = 0; k < count; ++k) {
    const NetlistFault& fault = m_faults[m_running[k * m_running.size() / count]].fault;
    set_tables(fault, worker);
    if (!m_runner->agrees_with_tables(worker.tables.units(), &worker.tables.units(), 1, *worker.device))
      return failed("internal error: {}: the fast kernels differ from plain look-ups",
                    qfi::fault_name(*m_netlist, fault));
  }
  m_proof.faulty_path_faults = count;
  return {};
}

void StuckAtSet::set_tables(const NetlistFault& fault, Worker& worker) const {
  m_tables->examine(fault, worker.scratch);
  worker.tables.set(worker.scratch.products);
}

Result<std::unique_ptr<StuckAtSet>> StuckAtSet::make(const Workload& workload, const CampaignConfig& config,
                                                     const FaultsConfig& faults, std::uint64_t seed,
                                                     unsigned threads) {
  const auto& asked = std::get<StuckAtConfig>(faults.model);
  NetlistReading reading = asked.reading;
  for (const ConfigPath& library : asked.libraries) reading.libraries.push_back(library.path);
  QFI_TRY(auto read, read_netlist(asked.netlist.path, reading));
  auto netlist = std::make_unique<Netlist>(std::move(read));
  std::unique_ptr<GoldenUnit> golden_unit;
  if (netlist->is_approximate) {
    QFI_TRY(golden_unit, make_golden_unit(workload, config, asked, *netlist, threads));
  }
  auto set = std::unique_ptr<StuckAtSet>(
      new StuckAtSet(golden_unit ? golden_unit->workload : workload, config, faults, seed));
  set->m_golden_unit = std::move(golden_unit);
  set->m_netlist = std::move(netlist);
  const StuckAtConfig& unit = set->unit_config();
  QFI_TRY(const std::vector<std::size_t> chosen,
          choose_operators(*workload.program, unit.operators, unit.layers));
  set->m_uses = collect_uses(*workload.program, chosen, unit.padding, set->m_operators);
  QFI_CHECK(set->find_population());

  set->m_tables = std::make_unique<FaultTables>(*set->m_netlist, set->m_uses, unit.unit);
  if (auto checked = set->m_tables->check_fault_free(); !checked)
    return at(unit.netlist.path.string(), checked.error());
  QFI_CHECK(set->run_golden(config, threads));
  QFI_CHECK(set->prove_table_path());
  if (set->m_traits.list) {
    QFI_TRY(set->m_listed, read_fault_list(set->m_traits.list->path, *set->m_netlist));
    QFI_CHECK(set->check_listed());
  }
  return set;
}

Result<void> StuckAtSet::find_population() {
  const StuckAtConfig& unit = unit_config();
  QFI_CHECK(check_sites());
  // Those of a list are no sample of a population.
  const bool is_listed = m_traits.list.has_value();
  auto population =
      unit.bridges.empty() || is_listed
          ? NetlistPopulation::stuck_at(*m_netlist, unit.sites, is_listed ? 1 : unit.simultaneous)
          : NetlistPopulation::bridges(*m_netlist, unit.bridges);
  if (!population) return at(unit.netlist.path.string(), population.error());
  m_netlist_population = std::move(*population);
  if (m_config.raw_rate) QFI_CHECK(set_rates(*m_config.raw_rate));
  Stratum& stratum = add_stratum("network", m_netlist_population.size());
  stratum.is_drawn_with_replacement = m_netlist_population.size() == k_endless;
  return {};
}

Result<void> StuckAtSet::set_rates(const RawRate& rate) {
  if (rate.fit) {
    m_raw_fit = *rate.fit * static_cast<double>(m_netlist->cells.size());
    return {};
  }
  QFI_TRY(const std::vector<double> rates, cell_rates(*m_netlist, rate));
  m_raw_fit = std::accumulate(rates.begin(), rates.end(), 0.0);
  // A list may name sites of the other kind.
  for (const SiteKind kind : {SiteKind::nets, SiteKind::pins}) {
    const std::vector<Site> sites = enumerate_sites(*m_netlist, kind);
    const std::vector<double> weights = site_rates(*m_netlist, sites, rates);
    for (std::size_t i = 0; i < sites.size(); ++i) m_weights[sites[i]] = weights[i];
    if (kind == unit_config().sites) m_sites_fit = std::accumulate(weights.begin(), weights.end(), 0.0);
  }
  return {};
}

Result<void> StuckAtSet::check_listed() const {
  const auto is_single = [](const ListedFault& listed) { return listed.fault.stuck.size() == 1; };
  if (!m_config.raw_rate || std::ranges::all_of(m_listed, is_single)) return {};
  return bad_input("{}: 'raw_rate' is a rate of single stuck-at faults, and the list has others",
                   m_traits.list->path.string());
}

double StuckAtSet::weight_of(std::size_t fault) const {
  if (m_weights.empty()) return 1;
  const auto found = m_weights.find(m_faults[fault].fault.stuck.front().site);
  return found == m_weights.end() ? 0 : found->second;
}

Result<void> StuckAtSet::check_sites() const {
  if (!enumerate_sites(*m_netlist, unit_config().sites).empty()) return {};
  Selectable kinds{"kinds of sites", {}};
  for (const auto& [name, kind] : k_sites)
    if (!enumerate_sites(*m_netlist, kind).empty()) kinds.names.push_back(name);
  return selects_nothing(
      "sites", "",
      fmt::format("{} has no {}", unit_config().netlist.path.string(), name_in(k_sites, unit_config().sites)),
      kinds);
}

Result<void> StuckAtSet::draw(const std::vector<std::uint64_t>& targets, unsigned threads) {
  std::vector<NetlistFault> faults;
  if (m_traits.list) {
    for (const ListedFault& listed : m_listed) faults.push_back(listed.fault);
    return drawn() > 0 ? Result<void>() : add_faults(faults, threads);
  }
  const std::uint64_t target = std::max(drawn(), std::min(targets.front(), population()));
  if (m_strata.front().is_drawn_with_replacement) {
    for (std::uint64_t i = drawn(); i < target; ++i)
      faults.push_back(m_netlist_population.draw(m_seed, purpose::k_stuck_at, i));
    return add_faults(faults, threads);
  }
  for (const std::uint64_t member : members(population(), drawn(), target, purpose::k_stuck_at))
    faults.push_back(m_netlist_population.member(member));
  return add_faults(faults, threads);
}

// Simulates every drawn fault once, in parallel, and finds those that need no run of their own.
Result<void> StuckAtSet::add_faults(const std::vector<NetlistFault>& faults, unsigned threads) {
  const std::size_t first = m_faults.size();
  m_faults.resize(first + faults.size());
  std::vector<FaultTables::Scratch> scratch(threads);
  // Every thread takes some of the faults where they are few.
  const std::size_t together = std::clamp<std::size_t>(faults.size() / threads, 1, FaultTables::k_together);
  parallel_for((faults.size() + together - 1) / together, threads, [&](std::size_t part, unsigned worker) {
    if (is_stop_requested()) return;
    const std::size_t begin = part * together;
    const auto some = std::span(faults).subspan(begin, std::min(together, faults.size() - begin));
    m_tables->examine_each(some, scratch[worker], [&](std::size_t i, const FaultEffect& effect, const auto&) {
      m_faults[first + begin + i].fault = some[i];
      m_faults[first + begin + i].effect = effect;
    });
  });
  QFI_CHECK(check_stop());
  m_counts.resize(m_faults.size());
  while (drawn() < m_faults.size()) add_drawn(0);
  m_strata.front().drawn = m_faults.size();
  for (std::size_t i = first; i < m_faults.size(); ++i) {
    PlannedFault& fault = m_faults[i];
    fault.same_as = i;
    if (fault.effect.is_table_masked) {
      fault.fate = FaultFate::table_masked;
    } else if (fault.effect.golden_hits == 0) {
      fault.fate = FaultFate::use_masked;
    } else if (const auto [entry, is_new] = m_first_with.try_emplace(fault.effect.digest, i);
               !is_new && !is_nested()) {
      fault.fate = FaultFate::equal;
      fault.same_as = entry->second;
    } else {
      m_running.push_back(i);
    }
  }
  return {};
}

FaultSet::Images StuckAtSet::images_of(std::uint64_t fault, std::uint64_t block) const {
  return images_in(fault, {m_runner->blocks()[block].first, m_runner->blocks()[block].count});
}

void StuckAtSet::forget_faults() {
  m_faults.clear();
  m_counts.clear();
  m_first_with.clear();
  m_running.clear();
  m_events.clear();
}

std::vector<std::uint64_t> StuckAtSet::costs() const {
  std::vector<std::uint64_t> costs;
  for (const PlannedFault& fault : m_faults) costs.push_back(fault.fate == FaultFate::runs ? 1 : 0);
  return costs;
}

std::string StuckAtSet::fault_name(std::size_t fault) const {
  return qfi::fault_name(*m_netlist, m_faults[fault].fault);
}

Digest StuckAtSet::faults_digest() const {
  DigestBuilder digest;
  for (std::size_t i = 0; i < m_faults.size(); ++i) {
    digest.add(bytes_of(fault_name(i)));
    digest.add(std::as_bytes(std::span(&m_faults[i].effect.digest, 1)));
  }
  return digest.digest();
}

BlockRange StuckAtSet::blocks_in(std::size_t, std::uint64_t fault) const {
  if (m_faults[fault].fate != FaultFate::runs) return {};
  return blocks_of(fault, m_runner->blocks().front().count);
}

// A fault's tables are made ready once for all its blocks, unless there are too few faults for the threads of
// the CPU.
std::vector<std::span<const TrialPlace>> StuckAtSet::jobs(std::span<TrialPlace> places,
                                                          unsigned threads) const {
  std::vector<std::span<const TrialPlace>> of_faults;
  for (std::size_t begin = 0; begin < places.size();) {
    std::size_t end = begin;
    while (end < places.size() && places[end].fault == places[begin].fault) ++end;
    of_faults.push_back(places.subspan(begin, end - begin));
    begin = end;
  }
  if (m_runner->devices().takes_many_tasks() || of_faults.size() >= k_faults_per_thread * threads)
    return of_faults;
  std::vector<std::span<const TrialPlace>> single;
  for (std::size_t i = 0; i < places.size(); ++i) single.push_back(places.subspan(i, 1));
  return single;
}

bool StuckAtSet::can_be(std::uint64_t fault, const Trial&) const {
  return m_faults[fault].fate == FaultFate::runs;
}

void StuckAtSet::take(std::uint64_t fault, std::uint64_t block, const Trial& trial) {
  m_counts[fault] += trial.outcome.counts;
  std::vector<ImageEvents>& events = m_events[fault];
  events.resize(images_of_a_fault());
  const std::size_t first = images_of(fault, block).first - group(group_of(fault)).first;
  std::ranges::copy(trial.events, events.begin() + static_cast<std::ptrdiff_t>(first));
}

// One thread's trials; it keeps the tables of the fault that it ran last.
class StuckAtSet::Trials final : public FaultSet::Executor {
 public:
  explicit Trials(const StuckAtSet& set) : m_set(set), m_worker(set) {}

  Result<void> run(std::span<const TrialPlace> job, const Emit& emit) override {
    // All of a job's places are of one fault.
    if (m_worker.fault != job.front().fault) {
      m_set.set_tables(m_set.m_faults[job.front().fault].fault, m_worker);
      m_worker.fault = job.front().fault;
    }
    std::vector<UnitRunner::Part> parts;
    for (const TrialPlace& place : job)
      parts.push_back({place.block, m_set.images_of(place.fault, place.block)});
    m_set.m_runner->score(parts, m_worker.tables.units(), *m_worker.device,
                          [&](std::size_t part, const Trial& trial) { return emit(job[part], trial); });
    return {};
  }

 private:
  const StuckAtSet& m_set;
  Worker m_worker;
};

std::unique_ptr<FaultSet::Executor> StuckAtSet::make_executor(std::size_t) {
  return std::make_unique<Trials>(*this);
}

// Those that needed no run count what the golden run did, or the fault with the same tables.
void StuckAtSet::finish_faults(std::uint64_t first) {
  for (std::size_t i = first; i < m_faults.size(); ++i) {
    const bool is_masked =
        m_faults[i].fate == FaultFate::table_masked || m_faults[i].fate == FaultFate::use_masked;
    const Images images = group(group_of(i));
    if (is_masked) {
      for (std::size_t image = images.first; image < images.end(); ++image)
        m_counts[i] += m_workload.golden.of_image[image];
    } else if (m_faults[i].same_as != i) {
      m_counts[i] = m_counts[m_faults[i].same_as];
    }
    const ImageEvents* events =
        is_masked ? &m_golden_events[images.first] : m_events.at(m_faults[i].same_as).data();
    for (std::size_t k = 0; k < images.count; ++k) add_image(i, images.first + k, events[k]);
  }
}

std::optional<std::size_t> StuckAtSet::first_changed(std::size_t fault) const {
  const auto found = m_events.find(m_faults[fault].same_as);
  if (found == m_events.end()) return std::nullopt;
  const auto changed =
      std::ranges::find_if(found->second, [](const ImageEvents& image) { return image.changed > 0; });
  if (changed == found->second.end()) return std::nullopt;
  return group(group_of(fault)).first + static_cast<std::size_t>(changed - found->second.begin());
}

// From some faults that run, on some images; the tables' set-up is shared by all images of a fault.
Result<double> StuckAtSet::expected_seconds_per_fault() {
  constexpr std::size_t k_tried = 24;
  constexpr double k_most_seconds = 3;
  if (m_running.empty()) return 0.0;
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const UnitRunner::Sample sample = m_runner->sample(images_of_a_fault());
  const double parts = static_cast<double>(images_of_a_fault()) / static_cast<double>(sample.images);
  Worker worker(*this);
  const auto start = Clock::now();
  double seconds = 0;
  std::size_t tried = 0;
  for (; tried < std::min(k_tried, m_running.size()) && seconds_since(start) < k_most_seconds; ++tried) {
    QFI_CHECK(check_stop());
    const PlannedFault& fault = m_faults[m_running[tried * m_running.size() / k_tried % m_running.size()]];
    const auto set_up = Clock::now();
    set_tables(fault.fault, worker);
    seconds += seconds_since(set_up);
    const auto run = Clock::now();
    m_runner->score(sample.parts, worker.tables.units(), *worker.device,
                    [](std::size_t, const Trial&) { return true; });
    seconds += seconds_since(run) * parts;
  }
  return seconds / static_cast<double>(tried) * static_cast<double>(m_running.size()) /
         static_cast<double>(m_faults.size());
}

std::vector<std::byte> StuckAtSet::outputs_under(const NetlistFault& fault, std::size_t image) const {
  Worker worker(*this);
  set_tables(fault, worker);
  return m_runner->outputs_under(worker.tables.units(), image, *worker.device);
}

void StuckAtSet::replay(const NetlistFault& fault, const UnitRunner::OutputUse& use) const {
  Worker worker(*this);
  set_tables(fault, worker);
  m_runner->replay(worker.tables.units(), use);
}

}  // namespace qfi
