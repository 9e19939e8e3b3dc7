// SPDX-License-Identifier: Apache-2.0
#include "levelize.hpp"

#include <algorithm>

namespace qfi {

Result<void> levelize(Netlist& netlist) {
  std::vector<std::vector<std::uint32_t>> readers(netlist.nets.size());
  std::vector<int> waiting(netlist.gates.size(), 0);
  std::vector<bool> is_gate_output(netlist.nets.size(), false);
  for (const Gate& gate : netlist.gates) is_gate_output[gate.output] = true;
  std::vector<std::uint32_t> ready;
  for (std::uint32_t i = 0; i < netlist.gates.size(); ++i) {
    for (const NetId net : netlist.gates[i].inputs) {
      if (!is_gate_output[net]) continue;
      readers[net].push_back(i);
      ++waiting[i];
    }
    if (waiting[i] == 0) ready.push_back(i);
  }
  std::vector<int> level(netlist.nets.size(), 0);
  std::vector<Gate> ordered;
  for (std::size_t next = 0; next < ready.size(); ++next) {
    const Gate& gate = netlist.gates[ready[next]];
    for (const NetId net : gate.inputs) level[gate.output] = std::max(level[gate.output], level[net] + 1);
    netlist.depth = std::max(netlist.depth, level[gate.output]);
    ordered.push_back(gate);
    for (const std::uint32_t reader : readers[gate.output])
      if (--waiting[reader] == 0) ready.push_back(reader);
  }
  if (ordered.size() != netlist.gates.size()) {
    const auto stuck = std::find_if(waiting.begin(), waiting.end(), [](int n) { return n > 0; });
    const Gate& gate = netlist.gates[static_cast<std::size_t>(stuck - waiting.begin())];
    return bad_input("combinational loop through or before net '{}'", netlist.nets[gate.output].name);
  }
  netlist.gates = std::move(ordered);
  return {};
}

}  // namespace qfi
