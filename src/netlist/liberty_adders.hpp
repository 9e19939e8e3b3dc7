// SPDX-License-Identifier: Apache-2.0
// The adder cells of a library. Its cells go in; Verilog that turns QFI_FA and QFI_HA into them comes out.
#pragma once

#include <string>

#include "cell_library.hpp"

namespace qfi {

/// A techmap of those adders that the library has, of the smallest area each, and of gates for the others.
std::string adder_techmap(const CellLibrary& library);

}  // namespace qfi
