// SPDX-License-Identifier: Apache-2.0
// User-defined primitives of Verilog, which Yosys does not read. A library of cells goes in; the same text
// with a module in the place of each primitive comes out.
#pragma once

#include <string>
#include <string_view>

#include "qfi/base/result.hpp"

namespace qfi {

/// Instances of primitives without a name get one. A combinational primitive becomes a module whose output is
/// the sum of its table's products. Where the table leaves inputs of 0 and 1 undefined, the output is
/// undefined ('x'); where it has a state, it is a flip-flop: a cell of either is refused later. Errors: a
/// primitive that does not end, has no table, more than 10 inputs or 4,096 rows, or a row that does not fit;
/// modules of more than 256 MB. They name the primitive.
Result<std::string> primitives_as_modules(std::string_view verilog);

}  // namespace qfi
