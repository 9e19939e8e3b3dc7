// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/site_map.hpp"

#include <algorithm>

namespace qfi {

SiteMap::SiteMap(const Netlist& netlist)
    : m_netlist(netlist),
      m_level(netlist.nets.size(), 0),
      m_lowest_bit(netlist.nets.size(), static_cast<int>(netlist.result.size())),
      m_driver(netlist.nets.size(), "port") {
  for (const NetId net : netlist.rs1) m_driver[net] = "port rs1";
  for (const NetId net : netlist.rs2) m_driver[net] = "port rs2";
  for (const Cell& cell : netlist.cells)
    for (const Pin& pin : cell.pins)
      if (pin.is_output) m_driver[pin.net] = cell.type + "." + pin.name;
  for (const Gate& gate : netlist.gates)
    for (const NetId input : gate.inputs)
      m_level[gate.output] = std::max(m_level[gate.output], m_level[input] + 1);
  for (std::size_t bit = netlist.result.size(); bit-- > 0;)
    m_lowest_bit[netlist.result[bit]] = static_cast<int>(bit);
  for (auto gate = netlist.gates.rbegin(); gate != netlist.gates.rend(); ++gate)
    for (const NetId input : gate->inputs)
      m_lowest_bit[input] = std::min(m_lowest_bit[input], m_lowest_bit[gate->output]);
}

SitePlace SiteMap::place(const Site& site) const {
  SitePlace place;
  NetId net = site.index;
  int lowest = 0;
  if (site.kind == Site::Kind::net) {
    place.region = m_driver[net];
    lowest = m_lowest_bit[net];
  } else {
    const Cell& cell = m_netlist.cells[site.index];
    const Pin& pin = cell.pins[site.pin];
    place.region = cell.type + "." + pin.name;
    net = pin.net;
    // A branch reaches what its cell reaches.
    lowest = static_cast<int>(m_netlist.result.size());
    for (const Pin& other : cell.pins)
      if (pin.is_output ? &other == &pin : other.is_output)
        lowest = std::min(lowest, m_lowest_bit[other.net]);
  }
  place.level = m_level[net];
  if (lowest < static_cast<int>(m_netlist.result.size())) place.lowest_result_bit = lowest;
  return place;
}

}  // namespace qfi
