// SPDX-License-Identifier: Apache-2.0
// Owns the way back from mapped gates to RTL, which mapping forgets. RTL, as Yosys elaborates it, and the
// mapped netlist go in; where each mapped cell comes from comes out.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "qfi/netlist/netlist.hpp"

namespace qfi {

/// The script after `hierarchy` that leaves in the folder what trace_origins() reads.
extern const char* const k_origin_commands;

/// Where a cell comes from.
struct Origin {
  std::string source;    ///< `file:line` of an expression of the RTL; empty: not known
  std::string instance;  ///< of the module that holds it, as `u1.u2`; empty: the top
};
struct Origins {
  std::vector<Origin> cells;                 ///< of each cell of the mapped netlist
  std::map<std::string, std::string> ports;  ///< `file:line` of each port's declaration
};

/// Finds for each cell of `mapped` the expression with a bit of the function of one of its outputs, or of the
/// complement (equal on 4,096 random operand pairs), else the expression of the fewest operand bits that has
/// all operand bits of the cell. Nothing is known of cells where the operands have more than 128 bits.
/// Errors: the folder lacks the files, or they are no netlists with these ports.
Result<Origins> trace_origins(const std::filesystem::path& folder, const NetlistReading& reading,
                              const Netlist& mapped);

}  // namespace qfi
