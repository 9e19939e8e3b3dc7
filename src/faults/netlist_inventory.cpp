// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/netlist_inventory.hpp"

#include <algorithm>

#include "qfi/faults/collapse.hpp"

namespace qfi {
namespace {

NetlistInventory::Sites count_sites(const Netlist& netlist, SiteKind kind) {
  const std::vector<Site> sites = enumerate_sites(netlist, kind);
  const std::vector<std::uint32_t> classes = structural_classes(netlist, sites);
  const std::uint64_t count = classes.empty() ? 0 : *std::ranges::max_element(classes) + 1ULL;
  return {sites.size(), 2 * sites.size(), count};
}

}  // namespace

NetlistInventory take_inventory(const Netlist& netlist) {
  NetlistInventory inventory;
  inventory.module_name = netlist.module_name;
  inventory.sha256 = netlist.sha256;
  for (const Cell& cell : netlist.cells) ++inventory.cells[cell.type];
  inventory.nets = netlist.nets.size() - 2;
  inventory.depth = netlist.depth;
  inventory.rs1_bits = netlist.rs1.size();
  inventory.rs2_bits = netlist.rs2.size();
  inventory.result_bits = netlist.result.size();
  inventory.is_unsigned = netlist.is_unsigned;
  inventory.is_approximate = netlist.is_approximate;
  inventory.net_sites = count_sites(netlist, SiteKind::nets);
  inventory.pin_sites = count_sites(netlist, SiteKind::pins);
  return inventory;
}

}  // namespace qfi
