// SPDX-License-Identifier: Apache-2.0
// Owns what a campaign is, by which its journal knows it again. A Plan goes in; names and values come out.
#pragma once

#include <string>

#include "qfi/campaign/plan.hpp"
#include "qfi/results/campaign_results.hpp"

namespace qfi {

/// Program, config, inputs and drawn faults, by name; of FLOAT32 networks the CPU too.
Journal::Identity campaign_identity(const Plan& plan, const ToolInfo& tool);

/// How a journal says which shard it is of: "i/n", and a hash of how all faults are split.
struct ShardNotes {
  std::string shard;
  std::string partition;
};
ShardNotes shard_notes(const Plan& plan, const Shard& shard);
/// The name of the journal's note that keeps what the driver of a set must know in a later run.
std::string driver_note(std::size_t set);

}  // namespace qfi
