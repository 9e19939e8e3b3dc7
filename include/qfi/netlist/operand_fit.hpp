// SPDX-License-Identifier: Apache-2.0
// Whether a unit multiplies what is asked of it. A netlist and the operands that it should take go in; what
// its ports lack, in words, and how far its products are from the exact ones come out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qfi/netlist/simulator.hpp"

namespace qfi {

/// What the ports lack to take every operand of the grid and to give every product; empty: nothing. Ports of
/// 32 bits and more lack nothing, as all arithmetic is modulo 2^32.
std::string missing_width(const Netlist& netlist, const OperandGrid& grid);

/// "8 x 8 bits, signed".
std::string operand_widths(const Netlist& netlist);

/// One of the kinds of operands that a campaign can ask a unit to multiply.
struct OperandFit {
  std::string operands;  ///< "INT8 codes, raw"
  std::string missing;   ///< as missing_width() says it; empty: the unit takes them
};
std::vector<OperandFit> operand_fits(const Netlist& netlist);

/// The operands of both ports that they hold, of at most 8 bits.
OperandGrid common_grid(const Netlist& netlist);

/// How far the fault-free products of operand pairs are from the exact ones.
struct ProductErrors {
  std::uint64_t pairs = 0;
  std::uint64_t wrong = 0;
  double mean_distance = 0;  ///< mean of |error|
  std::uint64_t worst = 0;   ///< largest |error|
};
ProductErrors product_errors(const Simulator& simulator);

}  // namespace qfi
