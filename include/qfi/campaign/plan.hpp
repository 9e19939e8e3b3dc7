// SPDX-License-Identifier: Apache-2.0
// Plan: everything that is decided before the first faulty inference. Config in; out come the workload
// with its golden run and, for each entry of `faults`, a FaultSet with its faults drawn.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "qfi/fault_sets/bit_set.hpp"
#include "qfi/fault_sets/stuck_at_set.hpp"
#include "qfi/fault_sets/table_set.hpp"

namespace qfi {

struct Plan {
  CampaignConfig config;
  std::unique_ptr<Workload> workload;
  std::unique_ptr<GoldenBlocks> golden_blocks;  ///< nullptr: no set of stored bits
  std::vector<std::unique_ptr<FaultSet>> sets;  ///< as config.faults

  /// nullptr: of another kind.
  const StuckAtSet* stuck_at(std::size_t set) const {
    return dynamic_cast<const StuckAtSet*>(sets[set].get());
  }
  const BitSet* bits(std::size_t set) const { return dynamic_cast<const BitSet*>(sets[set].get()); }
  const TableSet* table(std::size_t set) const { return dynamic_cast<const TableSet*>(sets[set].get()); }
};

struct PlanParams {
  unsigned threads = 1;
  KernelSet kernels = KernelSet::fast;
  ExecutionParams execution = {};
  std::size_t golden_bytes = std::size_t{512} << 20;  ///< golden activations that are kept
  /// Faults that the time budget of a set, by number, bought in an earlier run.
  std::map<std::size_t, std::uint64_t> bought = {};
  std::uint64_t model_memory = k_model_memory;
};

/// A sequential sample begins with its minimum; a budget is measured, and gets what it buys.
Result<Plan> make_plan(CampaignConfig config, const PlanParams& params);

/// What the draws of set `index` are seeded with.
std::uint64_t seed_of_set(const CampaignConfig& config, std::size_t index);

/// Of running what is drawn (of a search: all generations), on that many threads.
Result<double> expected_seconds(const Plan& plan, unsigned threads);

}  // namespace qfi
