// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/run.hpp"

#include <chrono>

namespace qfi {
namespace {

Result<SetRun> run_set(FaultSet& set, Driver& driver, const RunParams& params) {
  driver.start();
  for (;;) {
    QFI_CHECK(set.run(params));
    QFI_TRY(const std::optional<std::string> stopped, driver.next(set, params.threads));
    const std::optional<std::uint64_t> note = driver.note();
    if (note && params.keep_note) QFI_CHECK(params.keep_note(params.set, *note));
    if (stopped) return SetRun{driver.looks(), *stopped};
  }
}

}  // namespace

Result<CampaignRun> run_campaign(Plan& plan, const RunParams& given) {
  const auto start = std::chrono::steady_clock::now();
  CampaignRun run;
  RunParams params = given;
  for (params.set = 0; params.set < plan.sets.size(); ++params.set) {
    QFI_TRY(run.sets.emplace_back(), run_set(*plan.sets[params.set], *plan.drivers[params.set], params));
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

}  // namespace qfi
