// SPDX-License-Identifier: Apache-2.0
// The faults of a campaign as a flat table, for pandas and the like.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "qfi/base/result.hpp"

namespace qfi {

enum class TableFormat : std::uint8_t { csv, jsonl };

/// A line for each drawn fault of a set: of a netlist from results.json itself, of stored bits from the table
/// beside it, which must be the one that results.json names. JSONL: empty fields are null. `set`: by name or
/// number; nothing: the only one. Errors name the file.
Result<std::string> export_faults(const std::filesystem::path& results, TableFormat format,
                                  const std::optional<std::string>& set);

}  // namespace qfi
