// SPDX-License-Identifier: Apache-2.0
// The order in which gates can be evaluated.
#pragma once

#include "qfi/netlist/netlist.hpp"

namespace qfi {

/// Puts the gates into Kahn's order, in which every input is known before it is used, and sets the depth.
/// Error: a combinational loop; it names a net on or behind it.
Result<void> levelize(Netlist& netlist);

}  // namespace qfi
