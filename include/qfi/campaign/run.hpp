// SPDX-License-Identifier: Apache-2.0
// Plan -> what its faults did: the driver of a campaign.
#pragma once

#include <string>
#include <vector>

#include "qfi/campaign/plan.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

/// One look of a sequential sample at its results.
struct Look {
  std::uint64_t drawn = 0;
  double value = 0;
  double half_width = 0;
};

struct SetRun {
  std::vector<Look> looks;  ///< sequential only
  std::string stopped;      ///< why
};

struct CampaignRun {
  std::vector<SetRun> sets;  ///< as the plan's
  double seconds = 0;
};

/// Runs every set. A sequential one draws a tenth more after each look, until half the interval of its metric
/// is at most as wide as asked, or nothing is left to draw; it looks at results of whole rounds only, so that
/// every run of it stops at the same fault. `params.set` is not used. A shard's sets are not complete.
Result<CampaignRun> run_campaign(Plan& plan, const RunParams& params);

}  // namespace qfi
