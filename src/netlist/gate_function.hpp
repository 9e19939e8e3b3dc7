// SPDX-License-Identifier: Apache-2.0
// What gates compute, one 64-bit word of patterns at a time, in plain code. The simulator's kernels do the
// same on vectors.
#pragma once

#include <array>
#include <cstdint>

#include "qfi/netlist/netlist.hpp"

namespace qfi {

/// The output's values; bit i of it and of each input belong to pattern i. `table`: of GateOp::table.
std::uint64_t evaluate(GateOp op, std::uint64_t table,
                       const std::array<std::uint64_t, k_gate_inputs>& inputs);

/// The function of so many inputs with a truth table, inputs in their order; GateOp::table where it is none
/// of the others, as that of a cell with an input that it ignores.
GateOp op_of_table(std::uint64_t table, std::size_t inputs);

}  // namespace qfi
