// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/run_params.hpp"

#include <algorithm>
#include <cmath>

#include "qfi/base/stop.hpp"
#include "qfi/statistics/sample_size.hpp"

namespace qfi {

void ProgressCounter::add(const Trial& trial) {
  const FaultCounts& counts = trial.outcome.counts;
  const double share = static_cast<double>(counts.changed) / static_cast<double>(counts.units);
  ++m_state.done;
  m_sum += share;
  m_squares += share * share;
}

void ProgressCounter::begin(std::uint64_t missing) {
  m_state.recorded = m_state.done;
  m_state.total = m_state.done + missing;
}

const ProgressState& ProgressCounter::state() {
  const auto done = static_cast<double>(m_state.done);
  m_state.faults = m_state.done / m_of_fault;
  m_state.changed = m_state.done == 0 ? 0 : m_sum / done;
  const double variance =
      m_state.done == 0 ? 0 : std::max(0.0, m_squares / done - m_state.changed * m_state.changed);
  const double faults = std::max(1.0, static_cast<double>(m_state.faults));
  m_state.half_width = normal_quantile(0.95) * std::sqrt(variance / faults);
  return m_state;
}

bool is_stopped(const RunParams& params) {
  return is_stop_requested() || (params.is_stopped && params.is_stopped()) ||
         (params.journal != nullptr && params.journal->has_failed());
}

Result<void> check_run(const RunParams& params) {
  if (params.journal != nullptr && params.journal->has_failed()) return params.journal->finish();
  QFI_CHECK(check_stop());
  if (params.is_stopped && params.is_stopped()) return tl::unexpected(Error{"stopped", ErrorKind::stopped});
  return {};
}

tl::unexpected<Error> missing_trials(std::uint64_t count) {
  return bad_input("{} trials are missing", count);
}

}  // namespace qfi
