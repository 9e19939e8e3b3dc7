// SPDX-License-Identifier: Apache-2.0
// Owns the faults of a campaign as a flat table, for pandas and the like, or as the list of a test pattern
// generator. A results.json goes in; CSV, JSON lines or the list come out.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "qfi/base/result.hpp"

namespace qfi {

/// tetramax, tessent: a fault list (faults/fault_list.hpp) whose classes say what the campaign found.
enum class TableFormat : std::uint8_t { csv, jsonl, tetramax, tessent };

/// A line for each drawn fault of a set. Those of a netlist are in results.json itself, those of stored bits
/// in the table beside it, which must be the one that results.json names. In JSON lines empty fields are
/// null. A list is of single stuck-at faults of a netlist. `set` is the name or the number of a set; nullopt
/// stands for the only one. Errors name the file.
Result<std::string> export_faults(const std::filesystem::path& results, TableFormat format,
                                  const std::optional<std::string>& set);

}  // namespace qfi
