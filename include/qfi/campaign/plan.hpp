// SPDX-License-Identifier: Apache-2.0
// Owns Plan, everything that is decided before the first faulty inference. A config goes in; the workload
// with its golden run comes out and, for each entry of `faults`, a FaultSet with its first faults drawn and
// the Driver that draws the next ones.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "qfi/campaign/driver.hpp"
#include "qfi/campaign/pilot.hpp"
#include "qfi/fault_sets/bit_set.hpp"
#include "qfi/fault_sets/stuck_at_set.hpp"
#include "qfi/fault_sets/table_set.hpp"

namespace qfi {

/// A fault set by its kind.
using FaultSetKind = std::variant<const StuckAtSet*, const BitSet*, const TableSet*>;

struct Plan {
  CampaignConfig config;
  std::unique_ptr<Workload> workload;
  std::unique_ptr<GoldenBlocks> golden_blocks;    ///< nullptr without a set of stored bits
  std::vector<std::unique_ptr<FaultSet>> sets;    ///< in the order of config.faults
  std::vector<FaultSetKind> kinds;                ///< the same sets by kind
  std::vector<std::optional<PilotFacts>> pilots;  ///< of each set, where one chose the images of a fault
  std::vector<std::unique_ptr<Driver>> drivers;   ///< one for each set

  /// The set as one of this kind; nullptr where it is of another kind.
  const StuckAtSet* stuck_at(std::size_t set) const { return as<StuckAtSet>(set); }
  const BitSet* bits(std::size_t set) const { return as<BitSet>(set); }
  const TableSet* table(std::size_t set) const { return as<TableSet>(set); }

 private:
  template <class Kind>
  const Kind* as(std::size_t set) const {
    const auto* const* found = std::get_if<const Kind*>(&kinds[set]);
    return found == nullptr ? nullptr : *found;
  }
};

struct PlanParams {
  unsigned threads = 1;
  KernelSet kernels = KernelSet::fast;
  ExecutionParams execution = {};
  std::size_t golden_bytes = std::size_t{512} << 20;  ///< golden activations that are kept
  std::map<std::size_t, std::uint64_t> notes = {};    ///< what the driver of a set noted in an earlier run
  std::chrono::steady_clock::time_point started =
      std::chrono::steady_clock::now();  ///< a budget counts from then
  std::uint64_t model_memory = k_model_memory;
  DeviceParams device = {};
};

/// Loads the model and the images, runs the golden run and draws the first faults. Errors name the file, or
/// the entry of `faults`.
Result<Plan> make_plan(CampaignConfig config, const PlanParams& params);

/// The seed of all that set `index` draws.
std::uint64_t seed_of_set(const CampaignConfig& config, std::size_t index);

}  // namespace qfi
