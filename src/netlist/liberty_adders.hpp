// SPDX-License-Identifier: Apache-2.0
// Finds the adder cells of a library. Its cells go in; Verilog that turns QFI_FA and QFI_HA into them comes
// out.
#pragma once

#include <string>

#include "cell_library.hpp"

namespace qfi {

/// Gives a Yosys techmap to those adders that the library has, of the smallest area each, and to gates for
/// the others. Precondition: names of cells and pins are letters, digits and underscores.
std::string adder_techmap(const CellLibrary& library);

}  // namespace qfi
