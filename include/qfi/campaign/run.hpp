// SPDX-License-Identifier: Apache-2.0
// Owns the loop of a campaign. A Plan goes in, its faults are run, and each set's driver draws what comes
// next until it is satisfied; why it stopped comes out. What the faults did is in the plan's sets.
#pragma once

#include <string>
#include <vector>

#include "qfi/campaign/plan.hpp"

namespace qfi {

struct SetRun {
  std::vector<Look> looks;  ///< empty for drivers that do not decide by an interval
  std::string stopped;      ///< why no more faults were drawn
};

struct CampaignRun {
  std::vector<SetRun> sets;  ///< in the order of the plan's
  double seconds = 0;
};

/// Runs every set; `params.set` is not used. After a shard the sets are not complete.
Result<CampaignRun> run_campaign(Plan& plan, const RunParams& params);

}  // namespace qfi
