// SPDX-License-Identifier: Apache-2.0
// Structural fault collapsing. A netlist and its fault sites go in; classes of faults that no input can tell
// apart come out, found gate by gate.
#pragma once

#include <cstdint>
#include <vector>

#include "qfi/faults/stuck_at.hpp"

namespace qfi {

/// The class of each fault `stuck_at_member(sites, i)`, numbered from 0 in the order of first members.
/// Two faults share a class if local rules say so: an input of a gate at its controlling value is
/// the output at what follows from it, both values of buffers and inverters, and the only reader
/// of a net is the net itself. Equal faults may still lie in different classes.
std::vector<std::uint32_t> structural_classes(const Netlist& netlist, const std::vector<Site>& sites);

}  // namespace qfi
