// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/site_map.hpp"

#include <algorithm>

namespace qfi {

std::vector<Site> drivers_of(const Netlist& netlist) {
  std::vector<Site> drivers;
  for (NetId net = 0; net < netlist.nets.size(); ++net) drivers.push_back({Site::Kind::net, net, 0});
  for (std::uint32_t cell = 0; cell < netlist.cells.size(); ++cell)
    for (std::uint32_t pin = 0; pin < netlist.cells[cell].pins.size(); ++pin)
      if (netlist.cells[cell].pins[pin].is_output)
        drivers[netlist.cells[cell].pins[pin].net] = {Site::Kind::pin, cell, pin};
  return drivers;
}

SiteMap::SiteMap(const Netlist& netlist)
    : m_netlist(netlist),
      m_level(netlist.nets.size(), 0),
      m_lowest_bit(netlist.nets.size(), static_cast<int>(netlist.result.size())),
      m_port(netlist.nets.size(), "port"),
      m_driver(drivers_of(netlist)) {
  for (const NetId net : netlist.rs1) m_port[net] = "port rs1";
  for (const NetId net : netlist.rs2) m_port[net] = "port rs2";
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
  const bool is_net = site.kind == Site::Kind::net;
  const Site& on_cell = is_net ? m_driver[site.index] : site;
  NetId net = site.index;
  int lowest = static_cast<int>(m_netlist.result.size());
  if (on_cell.kind == Site::Kind::net) {
    place.region = m_port[net];
    place.sources = m_netlist.nets[net].sources;
  } else {
    const Cell& cell = m_netlist.cells[on_cell.index];
    const Pin& pin = cell.pins[on_cell.pin];
    place.region = cell.type + "." + pin.name;
    place.cell = cell.name;
    place.instance = cell.instance;
    place.pin = pin.name;
    place.sources = cell.sources;
    net = pin.net;
    // A branch reaches what its cell reaches.
    for (const Pin& other : cell.pins)
      if (pin.is_output ? &other == &pin : other.is_output)
        lowest = std::min(lowest, m_lowest_bit[other.net]);
  }
  if (is_net) lowest = m_lowest_bit[net];
  place.level = m_level[net];
  if (lowest < static_cast<int>(m_netlist.result.size())) place.lowest_result_bit = lowest;
  return place;
}

}  // namespace qfi
