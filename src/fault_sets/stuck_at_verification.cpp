// SPDX-License-Identifier: Apache-2.0
// Tables of drawn faults are compared with Verilator's.
#include <algorithm>

#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"
#include "qfi/base/stop.hpp"
#include "qfi/fault_sets/stuck_at_set.hpp"

namespace qfi {

// A fault list may name sites of the other kind, or nets that nothing reads. Bridges are built in for those
// faults that are drawn.
FaultPlaces StuckAtSet::places_to_verify(const std::vector<std::uint64_t>& drawn) const {
  std::vector<NetlistFault> faults;
  for (const Site& site : m_netlist_population.sites()) faults.emplace_back(StuckAt{site, false});
  for (const PlannedFault& fault : m_faults)
    for (const StuckAt& stuck : fault.fault.stuck) faults.emplace_back(StuckAt{stuck.site, false});
  for (const std::uint64_t fault : drawn) faults.push_back(m_faults[fault].fault);
  return places_of(faults);
}

std::vector<std::uint64_t> StuckAtSet::faults_to_verify(std::uint64_t count) const {
  count = std::min<std::uint64_t>(count, m_faults.size());
  return draw_without_replacement(m_faults.size(), count, m_seed, purpose::k_verify);
}

Result<VerificationTimes> StuckAtSet::expected_verification(std::uint64_t count,
                                                            const std::filesystem::path& cache) const {
  if (count == 0) return VerificationTimes{};
  QFI_TRY(const VerilatorTimes times,
          VerilatorModel::expected_times(*m_netlist, places_to_verify(faults_to_verify(count)), cache));
  const auto products = std::min<std::uint64_t>(count, m_faults.size()) * m_tables->simulator().grid().size();
  return VerificationTimes{times.compiling,
                           times.checking + times.multiplying * static_cast<double>(products)};
}

// Compares all products of the grid, and says how many they are.
Result<std::uint64_t> StuckAtSet::verify_table(VerilatorModel& model, const NetlistFault& fault,
                                               FaultTables::Scratch& scratch) const {
  const OperandGrid& grid = m_tables->simulator().grid();
  m_tables->examine(fault, scratch);
  model.inject(fault);
  std::size_t index = 0;
  for (int outer = grid.outer.first; outer <= grid.outer.last; ++outer)
    for (int inner = grid.inner.first; inner <= grid.inner.last; ++inner, ++index) {
      const std::int32_t product =
          grid.outer_is_rs1 ? model.multiply(outer, inner) : model.multiply(inner, outer);
      if (product != scratch.products[index])
        return failed("verify: {}: Verilator gives {} for {} and {}, the simulator {}",
                      qfi::fault_name(*m_netlist, fault), product, outer, inner, scratch.products[index]);
    }
  model.clear();
  return index;
}

Result<VerificationOutcome> StuckAtSet::verify(std::uint64_t count,
                                               const std::filesystem::path& cache) const {
  VerificationOutcome outcome;
  if (count == 0) {
    outcome.reason = "verify: 0";
    return outcome;
  }
  const std::vector<std::uint64_t> drawn = faults_to_verify(count);
  auto model = VerilatorModel::open(*m_netlist, places_to_verify(drawn), cache);
  if (!model) {
    if (model.error().kind != ErrorKind::unavailable) return tl::unexpected(model.error());
    outcome.reason = model.error().message;
    return outcome;
  }
  outcome.version = model->version();
  FaultTables::Scratch scratch;
  for (const std::uint64_t i : drawn) {
    QFI_CHECK(check_stop());
    QFI_TRY(const std::uint64_t products, verify_table(*model, m_faults[i].fault, scratch));
    ++outcome.tables;
    outcome.products += products;
  }
  outcome.is_done = true;
  return outcome;
}

}  // namespace qfi
