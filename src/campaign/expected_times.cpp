// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/expected_times.hpp"

namespace qfi {

Result<VerificationTimes> expected_verification(const Plan& plan, const std::filesystem::path& cache) {
  VerificationTimes sum;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    const StuckAtSet* set = plan.stuck_at(i);
    if (set == nullptr) continue;
    const auto times = set->expected_verification(plan.config.verify, cache);
    if (!times && times.error().kind == ErrorKind::unavailable) return VerificationTimes{};
    if (!times) return times;
    sum.compiling += times->compiling;
    sum.comparing += times->comparing;
  }
  return sum;
}

Result<ExpectedTimes> expected_times(const Plan& plan, const ExpectedTimesParams& params) {
  ExpectedTimes times;
  times.planning = params.planning;
  QFI_TRY(const VerificationTimes verification, expected_verification(plan, params.cache));
  times.compiling = verification.compiling;
  times.verifying = verification.comparing;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    QFI_TRY(const double on_one_thread, plan.sets[i]->expected_seconds_per_fault());
    const double of_fault = plan.sets[i]->shares_device() ? on_one_thread : on_one_thread / params.threads;
    times.faults.push_back(plan.drivers[i]->expected_faults(*plan.sets[i], of_fault));
    times.trials += of_fault * static_cast<double>(times.faults.back());
  }
  return times;
}

}  // namespace qfi
