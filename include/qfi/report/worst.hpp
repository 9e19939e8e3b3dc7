// SPDX-License-Identifier: Apache-2.0
// Owns which faults, or which places, do most harm. Results and records of their faults go in; the worst ones
// come out, ranked, and as text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/results/fault_records.hpp"

namespace qfi {

/// What faults are taken together by. line, file: of the RTL; instance: the module instance that holds the
/// cell; layer: of stored bits.
enum class WorstBy : std::uint8_t { fault, line, file, instance, layer };

/// Faults at one place, their counts added up.
struct RankedFaults {
  std::string name;                 ///< of the fault, or of the place
  std::vector<std::size_t> faults;  ///< their numbers in the set
  FaultRecord sums;

  /// The mean loss of accuracy, as a share of the labelled images; 0 without labels.
  double lost() const;
  /// The mean share of images, or pixels, whose class changes.
  double changed() const;
};

/// The worst first: by lost accuracy, then by changed classes, then in the order of drawing. A fault that
/// comes from several lines counts for each of them. Faults of several bits have no name and are left out, as
/// are those that do not tell the place. Precondition: `faults` are those of the set.
std::vector<RankedFaults> rank_faults(const SetResults& set, const std::vector<FaultRecord>& faults,
                                      WorstBy by);

/// A place in RTL: "qfi_mul.sv" and 25; line 0: the text names none.
struct SourceLine {
  std::string file;
  std::uint64_t line = 0;
  auto operator<=>(const SourceLine&) const = default;
};
SourceLine source_line(const std::string& source);

struct WorstParams {
  WorstBy by = WorstBy::fault;
  std::size_t top = 20;
  std::optional<std::string> set;  ///< name or number; nullopt: the only one
};
/// The table for people of the worst of a results file. Errors: as fault_records', no such set, faults that
/// do not tell where they are.
Result<std::string> worst_text(const std::filesystem::path& results, const WorstParams& params);

}  // namespace qfi
