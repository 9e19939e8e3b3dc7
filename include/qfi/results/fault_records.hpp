// SPDX-License-Identifier: Apache-2.0
// Owns FaultRecord, what one drawn fault did, as tables of faults and results.json record it. Results and the
// folder that they lie in go in; records come out. The table beside results.json is not trusted: it must be
// the one that results.json names with its hash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/results/campaign_results.hpp"

namespace qfi {

struct FaultRecord {
  /// What is faulty, the same in every campaign that draws it; empty for faults of several bits, which are
  /// not told apart.
  std::string name;
  std::size_t stratum = 0;             ///< of the set
  std::optional<std::uint64_t> layer;  ///< operator, of a fault of one stored bit
  std::optional<std::string> stage;    ///< of data, of a fault of one stored bit
  std::optional<std::uint64_t> bit;    ///< of the value, of a fault of one stored bit
  std::uint64_t units = 0;             ///< images or pixels
  std::uint64_t changed = 0;
  std::uint64_t labelled = 0;
  std::uint64_t golden_correct = 0;
  std::uint64_t faulty_correct = 0;

  bool operator==(const FaultRecord&) const = default;
};

struct SetFaults {
  std::vector<FaultRecord> faults;  ///< in the order of drawing
  std::string missing;              ///< why there are none, where there should be
};

/// The faults of a set: those of a netlist are in the results, those of stored bits in the table in `folder`.
/// Error: the table is damaged; one that is absent or another one is no error.
Result<SetFaults> fault_records(const CampaignResults& results, const SetResults& set,
                                const std::filesystem::path& folder);

/// Reads such a table. Errors use `file`; the set has `strata` strata.
Result<std::vector<FaultRecord>> read_fault_table(std::string_view text, const std::string& file,
                                                  std::size_t strata);

}  // namespace qfi
