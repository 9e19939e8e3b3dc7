// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/simulator.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <numeric>
#include <tuple>

#include "block_kernels.hpp"

namespace qfi {
namespace {

// Pattern q of a word is bit q / 16 of 32-bit lane q % 16, so that after a transposition of 32 words' lanes
// row r holds the patterns 16 r .. 16 r + 15 next to each other.
void set_pattern(Simulator::Word& word, std::size_t q) {
  const std::size_t lane = q % 16;
  const std::size_t bit = q / 16 + (lane % 2) * 32;
  word.lanes[lane / 2] |= std::uint64_t{1} << bit;
}

}  // namespace

Simulator::Simulator(const Netlist& netlist, const OperandGrid& grid) : m_netlist(netlist), m_grid(grid) {
  number_nets();
  set_inputs();
  // Every result bit differs from 0.
  m_golden.assign(grid.size(), 0);
  Scratch scratch;
  scratch.traces.resize(1);
  Scratch::Trace& trace = scratch.traces.front();
  for (std::uint32_t bit = 0; bit < 32; ++bit)
    trace.result.push_back({bit, m_number[result_net(bit)], m_number[k_net_zero]});
  trace.forced.push_back({k_net_zero, k_net_one, false, 0, 0});
  run(1, scratch, m_golden);
}

// Gates stand by level, and those of a level by what they compute, so that the same code runs many times in a
// row.
void Simulator::order_gates() {
  std::vector<int> level(m_netlist.nets.size(), 0);
  for (const Gate& gate : m_netlist.gates)
    for (const NetId net : gate.inputs) level[gate.output] = std::max(level[gate.output], level[net] + 1);
  m_order.resize(m_netlist.gates.size());
  std::iota(m_order.begin(), m_order.end(), 0U);
  std::ranges::stable_sort(m_order, {}, [&](std::uint32_t i) {
    const Gate& gate = m_netlist.gates[i];
    return std::tuple(level[gate.output], gate.op, gate.table);
  });
}

void Simulator::number_nets() {
  std::vector<bool> is_output(m_netlist.nets.size(), false);
  for (const Gate& gate : m_netlist.gates) is_output[gate.output] = true;
  m_number.resize(m_netlist.nets.size());
  for (NetId net = 0; net < m_netlist.nets.size(); ++net)
    if (!is_output[net]) m_number[net] = static_cast<std::uint32_t>(m_inputs++);
  order_gates();
  for (std::size_t i = 0; i < m_order.size(); ++i) {
    const Gate& gate = m_netlist.gates[m_order[i]];
    NumberedGate& numbered = m_gates.emplace_back(NumberedGate{gate.op, gate.table, {}});
    for (std::size_t k = 0; k < k_gate_inputs; ++k) numbered.sources[k] = m_number[gate.inputs[k]];
    m_number[gate.output] = static_cast<std::uint32_t>(m_inputs + i);
  }
}

void Simulator::set_inputs() {
  m_values.assign(blocks() * m_inputs * k_words, Word{});
  const auto word_of = [&](std::size_t block, NetId net) {
    return &m_values[(block * m_inputs + m_number[net]) * k_words];
  };
  const auto& outer_port = m_grid.outer_is_rs1 ? m_netlist.rs1 : m_netlist.rs2;
  const auto& inner_port = m_grid.outer_is_rs1 ? m_netlist.rs2 : m_netlist.rs1;
  const auto width = static_cast<std::size_t>(m_grid.inner.size());
  for (std::size_t block = 0; block < blocks(); ++block) {
    const auto fill = [&](NetId net) {
      for (std::size_t i = 0; i < k_words; ++i)
        std::ranges::fill(word_of(block, net)[i].lanes, ~std::uint64_t{0});
    };
    fill(k_net_one);
    for (const NetId net : m_netlist.tied_to_one) fill(net);
    for (std::size_t pattern = 0; pattern < k_block_patterns; ++pattern) {
      // The last block repeats the last pair.
      const std::size_t index = std::min(block * k_block_patterns + pattern, m_grid.size() - 1);
      const std::int64_t outer = m_grid.outer.first + static_cast<int>(index / width);
      const std::int64_t inner = m_grid.inner.first + static_cast<int>(index % width);
      const auto place = [&](const std::vector<NetId>& port, std::int64_t operand) {
        for (std::size_t bit = 0; bit < port.size(); ++bit)
          if ((operand >> bit & 1) != 0)
            set_pattern(word_of(block, port[bit])[pattern / k_word_patterns], pattern % k_word_patterns);
      };
      place(outer_port, outer);
      place(inner_port, inner);
    }
  }
}

// Sets the sources of what the fault itself changes. A bridge's gate is the first of the cone: what drives
// its nets is fault-free, as no path leads from one to the other.
void Simulator::force(const NetlistFault& fault, std::vector<std::uint32_t>& source,
                      Scratch::Trace& trace) const {
  trace.forced.clear();
  trace.cone.clear();
  // What a net is stuck at counts, whatever the pin that drives it is stuck at.
  std::vector<StuckAt> pins_first = fault.stuck;
  std::stable_partition(pins_first.begin(), pins_first.end(),
                        [](const StuckAt& stuck) { return stuck.site.kind == Site::Kind::pin; });
  for (const StuckAt& stuck : pins_first) {
    const bool is_pin = stuck.site.kind == Site::Kind::pin;
    const Pin* pin = is_pin ? &m_netlist.cells[stuck.site.index].pins[stuck.site.pin] : nullptr;
    const NetId net = is_pin ? pin->net : stuck.site.index;
    const NetId constant = stuck.value ? k_net_one : k_net_zero;
    const bool is_input_pin = is_pin && !pin->is_output;
    if (!is_input_pin) source[net] = m_number[constant];
    trace.forced.push_back({net, constant, is_input_pin, stuck.site.index, stuck.site.pin});
  }
  if (!fault.bridge) return;
  const auto [kind, first, second] = *fault.bridge;
  trace.forced.push_back({second, first, false, 0, 0});
  if (kind == BridgeKind::dominant) {
    source[second] = m_number[first];
    return;
  }
  trace.cone.push_back({kind == BridgeKind::wired_and ? GateOp::and2 : GateOp::or2,
                        0,
                        {m_number[first], m_number[second], m_number[k_net_zero], m_number[k_net_zero],
                         m_number[k_net_zero], m_number[k_net_zero]}});
  source[first] = source[second] = static_cast<std::uint32_t>(m_number.size());
}

// Finds which gates may differ, and where their inputs come from.
void Simulator::trace(const NetlistFault& fault, std::vector<std::uint32_t>& source,
                      Scratch::Trace& trace) const {
  const auto numbers = static_cast<std::uint32_t>(m_number.size());
  source = m_number;
  force(fault, source, trace);
  for (std::size_t i = 0; i < m_gates.size(); ++i) {
    const Gate& gate = m_netlist.gates[m_order[i]];
    NumberedGate faulty{gate.op, gate.table, {}};
    for (std::size_t k = 0; k < k_gate_inputs; ++k) faulty.sources[k] = source[gate.inputs[k]];
    for (const Scratch::Forced& forced : trace.forced)
      if (forced.is_input_pin && forced.cell == gate.cell && forced.pin < k_gate_inputs)
        faulty.sources[forced.pin] = m_number[forced.cause];
    const bool is_forced = source[gate.output] != m_number[gate.output];
    if (is_forced || faulty.sources == m_gates[i].sources) continue;
    source[gate.output] = numbers + static_cast<std::uint32_t>(trace.cone.size());
    trace.cone.push_back(faulty);
  }
  trace.result.clear();
  for (std::uint32_t bit = 0; bit < 32; ++bit)
    if (const NetId net = result_net(bit); source[net] != m_number[net])
      trace.result.push_back({bit, source[net], m_number[net]});
}

// Whether any fault forces a value that its net does not have anyway.
bool Simulator::is_active(const Scratch::Trace& trace, const std::vector<Word>& good) const {
  return std::ranges::any_of(trace.forced, [&](const Scratch::Forced& forced) {
    return std::memcmp(&good[m_number[forced.net] * k_words], &good[m_number[forced.cause] * k_words],
                       sizeof(Word) * k_words) != 0;
  });
}

// A block is evaluated without faults once for all traces.
void Simulator::run(std::size_t traces, Scratch& scratch, std::span<std::int32_t> products) const {
  const BlockKernels& kernels = block_kernels();
  scratch.good.resize(m_number.size() * k_words);
  std::size_t most_gates = 0;
  for (std::size_t t = 0; t < traces; ++t) most_gates = std::max(most_gates, scratch.traces[t].cone.size());
  scratch.values.resize(std::max(scratch.values.size(), most_gates * k_words));
  for (std::size_t block = 0; block < blocks(); ++block) {
    std::copy_n(&m_values[block * m_inputs * k_words], m_inputs * k_words, scratch.good.begin());
    kernels.evaluate(m_gates, scratch.good.data(), m_inputs, scratch.good.data() + m_inputs * k_words);
    const std::size_t first = block * k_block_patterns;
    for (std::size_t t = 0; t < traces; ++t) {
      const Scratch::Trace& trace = scratch.traces[t];
      if (!is_active(trace, scratch.good)) continue;
      kernels.evaluate(trace.cone, scratch.good.data(), m_number.size(), scratch.values.data());
      kernels.change_products(
          {scratch.good.data(), m_number.size(), scratch.values.data()}, trace.result,
          products.subspan(t * m_grid.size() + first, std::min(k_block_patterns, m_grid.size() - first)));
    }
  }
}

void Simulator::simulate(const NetlistFault& fault, Scratch& scratch,
                         std::span<std::int32_t> products) const {
  assert(products.size() == m_grid.size());
  scratch.traces.resize(std::max<std::size_t>(scratch.traces.size(), 1));
  trace(fault, scratch.source, scratch.traces.front());
  std::ranges::copy(m_golden, products.begin());
  run(1, scratch, products);
}

void Simulator::simulate_each(std::span<const NetlistFault> faults, Scratch& scratch,
                              std::span<std::int32_t> products) const {
  assert(products.size() == faults.size() * m_grid.size());
  scratch.traces.resize(std::max(scratch.traces.size(), faults.size()));
  for (std::size_t t = 0; t < faults.size(); ++t) {
    trace(faults[t], scratch.source, scratch.traces[t]);
    std::ranges::copy(m_golden, products.subspan(t * m_grid.size()).begin());
  }
  run(faults.size(), scratch, products);
}

}  // namespace qfi
