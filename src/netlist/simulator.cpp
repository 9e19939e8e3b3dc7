// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/simulator.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <numeric>

namespace qfi {
namespace {

// 512 bits as the compiler's own vector: it becomes whatever registers the target has.
using Vector = std::uint64_t __attribute__((vector_size(64), may_alias));
using Rows = std::uint32_t __attribute__((vector_size(64), may_alias));

// Pattern q of a word is bit q / 16 of 32-bit lane q % 16, so that after the transposition below
// row r holds the patterns 16 r .. 16 r + 15 next to each other.
constexpr std::size_t k_word_patterns = 512;

void set_pattern(Simulator::Word& word, std::size_t q) {
  const std::size_t lane = q % 16;
  const std::size_t bit = q / 16 + (lane % 2) * 32;
  word.lanes[lane / 2] |= std::uint64_t{1} << bit;
}

// 32 bit planes to 512 32-bit numbers: a 32 x 32 bit transposition in each of 16 lanes
// (recursive block swap; Warren, Hacker's Delight, section 7-3).
void transpose(Rows (&rows)[32]) {
  std::uint32_t mask = 0x0000ffff;
  for (unsigned distance = 16; distance != 0; distance >>= 1, mask ^= mask << distance) {
    for (unsigned k = 0; k < 32; k = (k + distance + 1) & ~distance) {
      const Rows swap = ((rows[k] >> distance) ^ rows[k + distance]) & mask;
      rows[k + distance] ^= swap;
      rows[k] ^= swap << distance;
    }
  }
}

using Inputs = std::array<const Simulator::Word*, k_gate_inputs>;

// Word i of a truth table of `count` inputs, by cofactors of the last input that it depends on.
Vector table_value(std::uint64_t table, std::size_t count, const Inputs& inputs, std::size_t i) {
  const std::size_t size = std::size_t{1} << count;
  if (table == 0) return Vector{};
  if (table == ~std::uint64_t{0} >> (64 - size)) return ~Vector{};
  const std::uint64_t low = table & ~std::uint64_t{0} >> (64 - size / 2);
  const std::uint64_t high = table >> size / 2;
  const Vector at_0 = table_value(low, count - 1, inputs, i);
  if (low == high) return at_0;
  const Vector input = reinterpret_cast<const Vector*>(inputs[count - 1])[i];
  return (at_0 & ~input) | (table_value(high, count - 1, inputs, i) & input);
}

template <std::size_t k_words>
void evaluate(GateOp op, std::uint64_t table, const Inputs& inputs, Simulator::Word* output) {
  const auto* a = reinterpret_cast<const Vector*>(inputs[0]);
  const auto* b = reinterpret_cast<const Vector*>(inputs[1]);
  const auto* c = reinterpret_cast<const Vector*>(inputs[2]);
  const auto* d = reinterpret_cast<const Vector*>(inputs[3]);
  auto* y = reinterpret_cast<Vector*>(output);
  const auto each = [&](auto function) {
    for (std::size_t i = 0; i < k_words; ++i) function(i);
  };
  switch (op) {
    case GateOp::buffer: return each([&](std::size_t i) { y[i] = a[i]; });
    case GateOp::inverter: return each([&](std::size_t i) { y[i] = ~a[i]; });
    case GateOp::and2: return each([&](std::size_t i) { y[i] = a[i] & b[i]; });
    case GateOp::nand2: return each([&](std::size_t i) { y[i] = ~(a[i] & b[i]); });
    case GateOp::or2: return each([&](std::size_t i) { y[i] = a[i] | b[i]; });
    case GateOp::nor2: return each([&](std::size_t i) { y[i] = ~(a[i] | b[i]); });
    case GateOp::xor2: return each([&](std::size_t i) { y[i] = a[i] ^ b[i]; });
    case GateOp::xnor2: return each([&](std::size_t i) { y[i] = ~(a[i] ^ b[i]); });
    case GateOp::and_not: return each([&](std::size_t i) { y[i] = a[i] & ~b[i]; });
    case GateOp::or_not: return each([&](std::size_t i) { y[i] = a[i] | ~b[i]; });
    case GateOp::mux: return each([&](std::size_t i) { y[i] = (a[i] & ~c[i]) | (b[i] & c[i]); });
    case GateOp::inverting_mux: return each([&](std::size_t i) { y[i] = ~((a[i] & ~c[i]) | (b[i] & c[i])); });
    case GateOp::aoi3: return each([&](std::size_t i) { y[i] = ~((a[i] & b[i]) | c[i]); });
    case GateOp::oai3: return each([&](std::size_t i) { y[i] = ~((a[i] | b[i]) & c[i]); });
    case GateOp::aoi4: return each([&](std::size_t i) { y[i] = ~((a[i] & b[i]) | (c[i] & d[i])); });
    case GateOp::oai4: return each([&](std::size_t i) { y[i] = ~((a[i] | b[i]) & (c[i] | d[i])); });
    case GateOp::xor3: return each([&](std::size_t i) { y[i] = a[i] ^ b[i] ^ c[i]; });
    case GateOp::majority: return each([&](std::size_t i) { y[i] = (a[i] & b[i]) | (c[i] & (a[i] ^ b[i])); });
    case GateOp::table:
      return each([&](std::size_t i) { y[i] = table_value(table, k_gate_inputs, inputs, i); });
  }
}

}  // namespace

Simulator::Simulator(const Netlist& netlist, const OperandGrid& grid) : m_netlist(netlist), m_grid(grid) {
  m_values.assign(blocks() * netlist.nets.size() * k_words, Word{});
  m_golden.assign(grid.size(), 0);
  for (std::size_t block = 0; block < blocks(); ++block) {
    set_operands(block);
    Word* values = &m_values[block * netlist.nets.size() * k_words];
    for (const Gate& gate : netlist.gates) {
      Inputs inputs;
      for (std::size_t k = 0; k < k_gate_inputs; ++k) inputs[k] = values + gate.inputs[k] * k_words;
      evaluate<k_words>(gate.op, gate.table, inputs, values + gate.output * k_words);
    }
    std::vector<Word> rows(32 * k_words);
    for (std::size_t bit = 0; bit < 32; ++bit) {
      const NetId net = result_net(bit);
      std::copy_n(good(block, net), k_words, &rows[bit * k_words]);
    }
    apply_block(block, rows.data(), m_golden);
  }
}

void Simulator::set_operands(std::size_t block) {
  Word* values = &m_values[block * m_netlist.nets.size() * k_words];
  const auto fill = [&](NetId net) {
    for (std::size_t i = 0; i < k_words; ++i)
      std::ranges::fill(values[net * k_words + i].lanes, ~std::uint64_t{0});
  };
  fill(k_net_one);
  for (const NetId net : m_netlist.tied_to_one) fill(net);
  const auto& outer_port = m_grid.outer_is_rs1 ? m_netlist.rs1 : m_netlist.rs2;
  const auto& inner_port = m_grid.outer_is_rs1 ? m_netlist.rs2 : m_netlist.rs1;
  const auto width = static_cast<std::size_t>(m_grid.inner.size());
  for (std::size_t pattern = 0; pattern < k_block_patterns; ++pattern) {
    // The last block repeats the last pair.
    const std::size_t index = std::min(block * k_block_patterns + pattern, m_grid.size() - 1);
    const std::int64_t outer = m_grid.outer.first + static_cast<int>(index / width);
    const std::int64_t inner = m_grid.inner.first + static_cast<int>(index % width);
    const auto place = [&](const std::vector<NetId>& port, std::int64_t operand) {
      for (std::size_t bit = 0; bit < port.size(); ++bit)
        if ((operand >> bit & 1) != 0)
          set_pattern(values[port[bit] * k_words + pattern / k_word_patterns], pattern % k_word_patterns);
    };
    place(outer_port, outer);
    place(inner_port, inner);
  }
}

void Simulator::apply_block(std::size_t block, const Word* changed, std::span<std::int32_t> products) const {
  for (std::size_t word = 0; word < k_words; ++word) {
    Rows rows[32];
    Rows any{};
    for (std::size_t bit = 0; bit < 32; ++bit) {
      rows[bit] = *reinterpret_cast<const Rows*>(&changed[bit * k_words + word]);
      any |= rows[bit];
    }
    const auto& any_lanes = reinterpret_cast<const Vector&>(any);
    std::uint64_t any_bit = 0;
    for (int lane = 0; lane < 8; ++lane) any_bit |= any_lanes[lane];
    if (any_bit == 0) continue;
    transpose(rows);
    std::array<std::int32_t, k_word_patterns> numbers;
    std::memcpy(numbers.data(), rows, sizeof numbers);
    const std::size_t first = block * k_block_patterns + word * k_word_patterns;
    if (first >= products.size()) return;
    const std::size_t count = std::min(k_word_patterns, products.size() - first);
    for (std::size_t i = 0; i < count; ++i) products[first + i] ^= numbers[i];
  }
}

// Fills scratch.source and scratch.cone: which gates may differ, and where their inputs come from.
void Simulator::trace_cone(std::span<const StuckAt> faults, Scratch& scratch) const {
  const auto net_count = static_cast<std::uint32_t>(m_netlist.nets.size());
  auto& source = scratch.source;
  source.resize(net_count);
  std::iota(source.begin(), source.end(), 0U);
  scratch.forced.clear();
  for (const StuckAt& fault : faults) {
    const bool is_pin = fault.site.kind == Site::Kind::pin;
    const Pin* pin = is_pin ? &m_netlist.cells[fault.site.index].pins[fault.site.pin] : nullptr;
    const NetId net = is_pin ? pin->net : fault.site.index;
    const NetId constant = fault.value ? k_net_one : k_net_zero;
    const bool is_input_pin = is_pin && !pin->is_output;
    if (!is_input_pin) source[net] = constant;
    scratch.forced.push_back({net, constant, is_input_pin, fault.site.index, fault.site.pin});
  }
  scratch.cone.clear();
  for (const Gate& gate : m_netlist.gates) {
    Scratch::ConeGate faulty{gate.op, gate.table, {}};
    bool is_affected = false;
    for (std::uint32_t k = 0; k < k_gate_inputs; ++k) {
      faulty.sources[k] = source[gate.inputs[k]];
      for (const Scratch::Forced& forced : scratch.forced)
        if (forced.is_input_pin && forced.cell == gate.cell && forced.pin == k)
          faulty.sources[k] = forced.constant;
      is_affected |= faulty.sources[k] != gate.inputs[k];
    }
    const bool is_forced = source[gate.output] != gate.output;
    if (!is_affected || is_forced) continue;
    source[gate.output] = net_count + static_cast<std::uint32_t>(scratch.cone.size());
    scratch.cone.push_back(faulty);
  }
  scratch.values.resize(scratch.cone.size() * k_words);
}

// Whether any fault forces a value that its net does not have anyway.
bool Simulator::is_active(std::size_t block, const Scratch& scratch) const {
  return std::ranges::any_of(scratch.forced, [&](const Scratch::Forced& forced) {
    return std::memcmp(good(block, forced.net), good(block, forced.constant), sizeof(Word) * k_words) != 0;
  });
}

void Simulator::simulate_block(std::size_t block, Scratch& scratch, std::span<std::int32_t> products) const {
  const auto net_count = static_cast<std::uint32_t>(m_netlist.nets.size());
  const auto value = [&](std::uint32_t from) {
    return from < net_count ? good(block, from) : &scratch.values[(from - net_count) * k_words];
  };
  for (std::size_t i = 0; i < scratch.cone.size(); ++i) {
    const auto& [op, table, from] = scratch.cone[i];
    Inputs inputs;
    for (std::size_t k = 0; k < k_gate_inputs; ++k) inputs[k] = value(from[k]);
    evaluate<k_words>(op, table, inputs, &scratch.values[i * k_words]);
  }
  std::array<Word, 32 * k_words> changed;
  for (std::size_t bit = 0; bit < 32; ++bit) {
    const NetId net = result_net(bit);
    const auto* faulty = reinterpret_cast<const Vector*>(value(scratch.source[net]));
    const auto* fault_free = reinterpret_cast<const Vector*>(good(block, net));
    auto* difference = reinterpret_cast<Vector*>(&changed[bit * k_words]);
    for (std::size_t i = 0; i < k_words; ++i) difference[i] = faulty[i] ^ fault_free[i];
  }
  apply_block(block, changed.data(), products);
}

void Simulator::simulate(std::span<const StuckAt> faults, Scratch& scratch,
                         std::span<std::int32_t> products) const {
  assert(products.size() == m_grid.size());
  trace_cone(faults, scratch);
  std::copy(m_golden.begin(), m_golden.end(), products.begin());
  for (std::size_t block = 0; block < blocks(); ++block)
    if (is_active(block, scratch)) simulate_block(block, scratch, products);
}

}  // namespace qfi
