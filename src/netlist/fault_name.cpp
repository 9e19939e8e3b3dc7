// SPDX-License-Identifier: Apache-2.0
// What sites and faults are called for people.
#include <fmt/format.h>

#include "qfi/netlist/netlist.hpp"

namespace qfi {

std::string fault_name(const Netlist& netlist, const NetlistFault& fault) {
  if (fault.bridge) {
    const std::string& first = netlist.nets[fault.bridge->first].name;
    const std::string& second = netlist.nets[fault.bridge->second].name;
    switch (fault.bridge->kind) {
      case BridgeKind::wired_and: return first + " wired-and " + second;
      case BridgeKind::wired_or: return first + " wired-or " + second;
      case BridgeKind::dominant: return first + " dominates " + second;
    }
  }
  std::string name;
  for (const StuckAt& stuck : fault.stuck)
    name += fmt::format("{}{} stuck at {}", name.empty() ? "" : " and ", site_name(netlist, stuck.site),
                        int{stuck.value});
  return name;
}

std::string site_name(const Netlist& netlist, const Site& site) {
  if (site.kind == Site::Kind::net) return netlist.nets[site.index].name;
  const Cell& cell = netlist.cells[site.index];
  return cell.name + "/" + cell.pins[site.pin].name;
}

}  // namespace qfi
