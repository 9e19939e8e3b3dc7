// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/table_set.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_most_file_bytes = std::uint64_t{1} << 24;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TableSet::TableSet(const Workload& workload, const FaultsConfig& faults)
    : FaultSet(workload, faults, Design{}, 0) {}
TableSet::~TableSet() = default;

Result<std::unique_ptr<TableSet>> TableSet::make(const Workload& workload, const CampaignConfig& config,
                                                 const FaultsConfig& faults, unsigned threads) {
  auto set = std::unique_ptr<TableSet>(new TableSet(workload, faults));
  const TableConfig& table = set->table_config();
  QFI_TRY(const std::string content, read_file(table.file.path, k_most_file_bytes));
  set->m_sha256 = sha256_hex(bytes_of(content));
  QFI_TRY(set->m_operators, choose_operators(*workload.program, table.operators, table.layers));
  QFI_TRY(set->m_table, TableUnits::make(*workload.program, set->m_operators,
                                         {table.file.path.string(), content}, table.reading, table.padding));

  set->add_stratum("table", 1);
  QFI_CHECK(set->count_golden(config.input, threads));
  return set;
}

Result<void> TableSet::count_golden(const InputScaling& input, unsigned threads) {
  QFI_TRY(m_runner, UnitRunner::make(m_workload, input, m_operators, table_config().padding, threads));
  std::vector<std::uint64_t> pairs(k_code_pairs, 0);
  for (const PairCounter& counter : m_runner->golden_pairs()) counter.add_to(pairs);
  m_runner->forget_golden_pairs();
  measure_errors(pairs);
  return {};
}

void TableSet::measure_errors(std::span<const std::uint64_t> golden_pairs) {
  const int first = smallest_code(m_table->type());
  double distances = 0, errors = 0, relative = 0, golden_distances = 0;
  std::uint64_t nonzero = 0;
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x) {
      const std::int64_t error = std::int64_t{m_table->product(w, x)} - w * x;
      const auto distance = static_cast<std::uint64_t>(std::abs(error));
      const std::uint64_t used = golden_pairs[byte_index(w) * 256 + byte_index(x)];
      m_errors.wrong += error != 0 ? 1 : 0;
      m_errors.worst = std::max(m_errors.worst, distance);
      m_errors.golden_products += used;
      m_errors.golden_wrong += error != 0 ? used : 0;
      errors += static_cast<double>(error);
      distances += static_cast<double>(distance);
      golden_distances += static_cast<double>(distance) * static_cast<double>(used);
      if (w * x == 0) continue;
      ++nonzero;
      relative += static_cast<double>(distance) / std::abs(w * x);
    }
  m_errors.mean_error = errors / static_cast<double>(k_code_pairs);
  m_errors.mean_distance = distances / static_cast<double>(k_code_pairs);
  m_errors.mean_relative = relative / static_cast<double>(nonzero);
  m_errors.golden_mean_distance =
      golden_distances / static_cast<double>(std::max<std::uint64_t>(m_errors.golden_products, 1));
}

Result<void> TableSet::draw(const std::vector<std::uint64_t>&, unsigned) {
  add_drawn(0);
  m_strata.front().drawn = 1;
  return {};
}

FaultSet::Images TableSet::images_of(std::uint64_t, std::uint64_t block) const {
  return {m_runner->blocks()[block].first, m_runner->blocks()[block].count};
}

Result<void> TableSet::prove() {
  const std::unique_ptr<Device> device = m_runner->make_device();
  Units units = m_table->units();
  device->prepare(units);
  if (m_runner->agrees_with_tables(units, &units, 1, *device)) return {};
  return failed("internal error: the fast kernels differ from plain look-ups in the table");
}

std::vector<std::span<const TrialPlace>> TableSet::jobs(std::span<TrialPlace> places, unsigned) const {
  if (m_runner->devices().takes_many_tasks()) return {places};
  std::vector<std::span<const TrialPlace>> single;
  for (std::size_t i = 0; i < places.size(); ++i) single.push_back(places.subspan(i, 1));
  return single;
}

void TableSet::take(std::uint64_t fault, std::uint64_t block, const Trial& trial) {
  m_counts += trial.outcome.counts;
  for (std::size_t i = 0; i < trial.events.size(); ++i)
    add_image(fault, m_runner->blocks()[block].first + i, trial.events[i]);
}

class TableSet::Trials final : public FaultSet::Executor {
 public:
  explicit Trials(const TableSet& set)
      : m_set(set), m_device(set.m_runner->make_device()), m_units(set.m_table->units()) {
    m_device->prepare(m_units);
  }

  Result<void> run(std::span<const TrialPlace> job, const Emit& emit) override {
    std::vector<UnitRunner::Part> parts;
    for (const TrialPlace& place : job)
      parts.push_back({place.block, m_set.images_of(place.fault, place.block)});
    m_set.m_runner->score(parts, m_units, *m_device,
                          [&](std::size_t part, const Trial& trial) { return emit(job[part], trial); });
    return {};
  }

 private:
  const TableSet& m_set;
  std::unique_ptr<Device> m_device;
  Units m_units;
};

std::unique_ptr<FaultSet::Executor> TableSet::make_executor(std::size_t) {
  return std::make_unique<Trials>(*this);
}

Result<double> TableSet::expected_seconds_per_fault() {
  const std::unique_ptr<Device> device = m_runner->make_device();
  Units units = m_table->units();
  device->prepare(units);
  const UnitRunner::Sample sample = m_runner->sample(m_workload.images());
  const auto start = std::chrono::steady_clock::now();
  m_runner->score(sample.parts, units, *device, [](std::size_t, const Trial&) { return true; });
  return seconds_since(start) * static_cast<double>(m_workload.images()) / static_cast<double>(sample.images);
}

}  // namespace qfi
