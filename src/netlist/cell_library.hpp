// SPDX-License-Identifier: Apache-2.0
// The cells that a netlist may hold: Yosys' generic gates and our one-bit adders.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "qfi/netlist/netlist.hpp"

namespace qfi {

struct CellOutput {
  std::string pin;
  GateOp op;
};

struct CellType {
  std::string name;
  std::vector<std::string> inputs;  ///< in the order of GateOp's a, b, c, d
  std::vector<CellOutput> outputs;
};

/// nullptr: not a cell of the library.
const CellType* find_cell_type(std::string_view name);

}  // namespace qfi
