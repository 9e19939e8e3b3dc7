// SPDX-License-Identifier: Apache-2.0
// Owns the way from a netlist in Verilog or BLIF to Yosys' JSON. Nothing is optimized or renamed: cells, nets
// and their names are those of the file. Modules that the file itself defines are hierarchy, not cells.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/netlist/netlist.hpp"
#include "yosys.hpp"

namespace qfi {

/// The script that keeps a netlist of cells as it is; hierarchy is resolved, expressions become gates.
inline constexpr const char* k_keep_cells = "proc\nflatten\nsimplemap t:* t:$lut %d\n";

/// Copies files that tell of cells into the folder, for library_commands(); primitives of Verilog become
/// modules. Errors: a file that cannot be read, primitives_as_modules'.
Result<std::vector<YosysSource>> copy_libraries(const std::vector<std::filesystem::path>& libraries,
                                                const std::filesystem::path& folder);
/// The commands that read the copies as cells without contents; of two cells of one name the first counts.
std::string library_commands(const std::vector<std::filesystem::path>& libraries);

/// The netlist as JSON, its top module marked: the one that is asked for, else the only one that no other
/// instantiates. Warns of expressions that become gates. Errors: several such modules, a top that is no plain
/// name, Yosys is missing, its own message.
Result<std::string> kept_netlist(const std::filesystem::path& path, const NetlistReading& reading);

}  // namespace qfi
