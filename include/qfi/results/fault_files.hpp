// SPDX-License-Identifier: Apache-2.0
// Owns the tables of faults of stored bits, CSV files beside results.json. A finished campaign goes in; files
// that are written, but not yet under their names, come out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/file.hpp"
#include "qfi/campaign/plan.hpp"

namespace qfi {

/// A table that is written, but does not have its name before `file.finish()`.
struct FaultTable {
  std::string name;
  std::uint64_t rows = 0;  ///< without the header
  std::string sha256;
  OutputFile file;
};

/// What lies beside results.json for one fault set. Both are nullopt for stuck-at faults, which results.json
/// holds.
struct SetFiles {
  std::optional<FaultTable> faults;  ///< a line for each fault, with a header
  /// The bits of every fault, a line each, as a fault list that `sample: {list: ..}` reads. nullopt too
  /// where all faults are single bits, or the bits are more than 5 million.
  std::optional<FaultTable> bits;
};
/// Writes the tables of each set. Error: no file can be made in the folder.
Result<std::vector<SetFiles>> write_tables(const Plan& plan, const std::filesystem::path& folder);
/// Whether write_tables() may give a file this name.
bool is_set_file_name(std::string_view name);

}  // namespace qfi
