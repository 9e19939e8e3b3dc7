// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/collapse.hpp"

#include <map>
#include <numeric>
#include <optional>

namespace qfi {
namespace {

// Disjoint sets with path halving.
class Classes {
 public:
  explicit Classes(std::size_t count) : m_parent(count) { std::iota(m_parent.begin(), m_parent.end(), 0U); }
  std::uint32_t find(std::uint32_t i) {
    while (m_parent[i] != i) i = m_parent[i] = m_parent[m_parent[i]];
    return i;
  }
  void join(std::uint32_t a, std::uint32_t b) { m_parent[find(a)] = find(b); }

 private:
  std::vector<std::uint32_t> m_parent;
};

std::optional<bool> forced_output(std::uint64_t table, std::size_t k, bool value) {
  std::optional<bool> output;
  for (std::size_t i = 0; i < 64; ++i) {
    if ((i >> k & 1) != (value ? 1U : 0U)) continue;
    const bool bit = (table >> i & 1) != 0;
    if (output && *output != bit) return std::nullopt;
    output = bit;
  }
  return output;
}

// The gate's output while input k holds `value`: a constant, whatever the others hold, or nothing.
std::optional<bool> forced_output(const Gate& gate, std::size_t k, bool value) {
  switch (gate.op) {
    case GateOp::table: return forced_output(gate.table, k, value);
    case GateOp::buffer: return value;
    case GateOp::inverter: return !value;
    case GateOp::and2: return value ? std::nullopt : std::optional(false);
    case GateOp::nand2: return value ? std::nullopt : std::optional(true);
    case GateOp::or2: return value ? std::optional(true) : std::nullopt;
    case GateOp::nor2: return value ? std::optional(false) : std::nullopt;
    case GateOp::and_not: return value == (k == 0) ? std::nullopt : std::optional(false);
    case GateOp::or_not: return value == (k == 0) ? std::optional(true) : std::nullopt;
    case GateOp::aoi3: return k == 2 && value ? std::optional(false) : std::nullopt;
    case GateOp::oai3: return k == 2 && !value ? std::optional(true) : std::nullopt;
    default: return std::nullopt;
  }
}

// Faults in one numbering: 2 per net, then 2 per pin.
class FaultNumbers {
 public:
  explicit FaultNumbers(const Netlist& netlist) : m_first_pin(netlist.cells.size()) {
    auto next = static_cast<std::uint32_t>(netlist.nets.size());
    for (std::size_t c = 0; c < netlist.cells.size(); ++c) {
      m_first_pin[c] = next;
      next += static_cast<std::uint32_t>(netlist.cells[c].pins.size());
    }
    m_count = 2 * next;
  }
  std::uint32_t count() const { return m_count; }
  static std::uint32_t of_net(NetId net, bool value) { return 2 * net + (value ? 1 : 0); }
  std::uint32_t of_pin(std::size_t cell, std::size_t pin, bool value) const {
    return 2 * (m_first_pin[cell] + static_cast<std::uint32_t>(pin)) + (value ? 1 : 0);
  }

 private:
  std::vector<std::uint32_t> m_first_pin;
  std::uint32_t m_count = 0;
};

}  // namespace

std::vector<std::uint32_t> structural_classes(const Netlist& netlist, const std::vector<Site>& sites) {
  const FaultNumbers number(netlist);
  Classes classes(number.count());
  // Readers of each net: input pins, and bits of the result.
  std::vector<std::uint32_t> readers(netlist.nets.size(), 0);
  for (const Cell& cell : netlist.cells)
    for (const Pin& pin : cell.pins) readers[pin.net] += pin.is_output ? 0 : 1;
  for (const NetId net : netlist.result) ++readers[net];
  for (std::size_t c = 0; c < netlist.cells.size(); ++c)
    for (std::size_t p = 0; p < netlist.cells[c].pins.size(); ++p) {
      const Pin& pin = netlist.cells[c].pins[p];
      if (!pin.is_output && readers[pin.net] != 1) continue;
      if (pin.net == k_net_zero || pin.net == k_net_one) continue;
      for (const bool value : {false, true})
        classes.join(number.of_pin(c, p, value), FaultNumbers::of_net(pin.net, value));
    }
  // A cell with several outputs reads an input for each of them: its pins collapse with none.
  std::vector<std::uint32_t> gates_of_cell(netlist.cells.size(), 0);
  for (const Gate& gate : netlist.gates) ++gates_of_cell[gate.cell];
  for (const Gate& gate : netlist.gates) {
    if (gates_of_cell[gate.cell] != 1) continue;
    std::size_t k = 0;
    const std::vector<Pin>& pins = netlist.cells[gate.cell].pins;
    for (std::size_t p = 0; p < pins.size(); ++p) {
      if (pins[p].is_output) continue;
      for (const bool value : {false, true})
        if (const auto output = forced_output(gate, k, value))
          classes.join(number.of_pin(gate.cell, p, value), FaultNumbers::of_net(gate.output, *output));
      ++k;
    }
  }
  std::map<std::uint32_t, std::uint32_t> class_of_root;
  std::vector<std::uint32_t> result;
  for (const Site& site : sites)
    for (const bool value : {false, true}) {
      const std::uint32_t fault = site.kind == Site::Kind::net ? FaultNumbers::of_net(site.index, value)
                                                               : number.of_pin(site.index, site.pin, value);
      const auto next = static_cast<std::uint32_t>(class_of_root.size());
      result.push_back(class_of_root.try_emplace(classes.find(fault), next).first->second);
    }
  return result;
}

}  // namespace qfi
