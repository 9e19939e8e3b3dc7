// SPDX-License-Identifier: Apache-2.0
// What single members of Yosys' JSON mean: cells that compute nothing, tables, and where a cell comes from.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

/// Whether the cell type is one of Yosys' notes about the design's hierarchy: they have no pins.
bool is_note(const std::string& type);

/// Whether nothing but supplies is connected to the cell, as to fillers and taps of a layout.
bool is_physical(const nlohmann::json& cell);

/// The truth table of a $lut cell of so many inputs, as Gate::table. Error: its parameter LUT is no text of
/// '0' and '1' for each row.
Result<std::uint64_t> lut_table(const nlohmann::json& cell, std::size_t inputs);

/// The lines that Yosys' attribute `src`, "rtl/a.sv:12.3-14.5|rtl/b.sv:7.1-7.9", names: the first of each
/// place, files without their folders, each once.
std::vector<std::string> source_lines(std::string_view src);
/// Those of the attribute of a cell or a net; none without it.
std::vector<std::string> sources_of(const nlohmann::json& owner);

/// The attribute of a cell in which `qfi synth` says what instance it comes from.
inline constexpr const char* k_instance_attribute = "qfi_instance";
/// The instance that a cell comes from: as that attribute says, else what stands before the cell's own name;
/// empty: the top.
std::string instance_of(const std::string& name, const nlohmann::json& cell);

}  // namespace qfi
