// SPDX-License-Identifier: Apache-2.0
// Owns how often each cell of a netlist has a raw fault. A netlist and the config's rate go in; a rate for
// each cell comes out.
#pragma once

#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/config/config.hpp"
#include "qfi/netlist/netlist.hpp"

namespace qfi {

/// FIT of each cell, of a rate for area or by cell type. Errors: a cell whose area is not known, a cell type
/// without a rate, a rate of a type that no cell has.
Result<std::vector<double>> cell_rates(const Netlist& netlist, const RawRate& rate);

/// FIT that each site stands for: that of its cell, the one that drives it if it is a net, spread evenly over
/// the cell's sites; 0 of a site that no cell drives. `rates`: of each cell.
std::vector<double> site_rates(const Netlist& netlist, const std::vector<Site>& sites,
                               const std::vector<double>& rates);

}  // namespace qfi
