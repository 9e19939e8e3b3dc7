// SPDX-License-Identifier: Apache-2.0
// Owns bit-parallel simulation. A netlist, a grid of operand pairs and faults go in; the products of all
// pairs come out, computed at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "qfi/netlist/netlist.hpp"

namespace qfi {

/// The integers first .. last.
struct IntRange {
  int first = 0;
  int last = 0;
  int size() const { return last - first + 1; }
  bool operator==(const IntRange&) const = default;
};

/// The operand pairs: every `outer` with every `inner`; pair (o, i) has the index
/// (o - outer.first) * inner.size() + (i - inner.first).
struct OperandGrid {
  IntRange outer;
  IntRange inner;
  bool outer_is_rs1 = true;  ///< whether the outer operand goes to rs1, or to rs2
  std::size_t size() const {
    return static_cast<std::size_t>(outer.size()) * static_cast<std::size_t>(inner.size());
  }
};

/// Immutable after construction: any number of threads may simulate, each with its own Scratch.
/// Operands are two's complement, cut to the width of their port; a result port narrower than
/// 32 bits is sign-extended (zero-extended if the netlist is unsigned), a wider one cut.
class Simulator {
 public:
  Simulator(const Netlist& netlist, const OperandGrid& grid);

  static constexpr std::size_t k_word_patterns = 512;
  /// k_word_patterns patterns of one net.
  struct alignas(64) Word {
    std::uint64_t lanes[8];
  };
  /// A block is so many words of each net, which are evaluated together. All nets of a block fit the caches.
  static constexpr std::size_t k_words = 8;

  /// A gate whose sources are values by number: those that every block has, then those of the gates that are
  /// evaluated with it.
  struct NumberedGate {
    GateOp op;
    std::uint64_t table;
    std::array<std::uint32_t, k_gate_inputs> sources;
  };
  /// A result bit that may differ, and its number where nothing is faulty.
  struct ResultBit {
    std::uint32_t bit = 0;  ///< 0 .. 31
    std::uint32_t faulty = 0;
    std::uint32_t fault_free = 0;
  };

  class Scratch {
    friend class Simulator;
    struct Forced {
      NetId net;
      NetId cause;        // the net whose value it holds: a constant, or the other net of a bridge
      bool is_input_pin;  // then only this pin of this cell sees it
      std::uint32_t cell;
      std::uint32_t pin;
    };
    // What some faults at once may change.
    struct Trace {
      std::vector<Forced> forced;
      std::vector<NumberedGate> cone;  // in evaluation order
      std::vector<ResultBit> result;
    };
    std::vector<Trace> traces;
    std::vector<std::uint32_t> source;  // of each net, under the faults at hand
    std::vector<Word> good;             // fault-free values of a block, by number
    std::vector<Word> values;           // of a cone
  };

  /// Products of all operand pairs without a fault.
  std::span<const std::int32_t> golden() const { return m_golden; }
  const OperandGrid& grid() const { return m_grid; }

  /// Products of all operand pairs under the fault. `products` has grid().size() elements. Each block is
  /// evaluated without the fault first, then the fault's fan-out cone.
  void simulate(const NetlistFault& fault, Scratch& scratch, std::span<std::int32_t> products) const;
  /// Simulates each fault alone, to products[fault][pair]. Faults share the fault-free values of a block, so
  /// that some of them together take less time than one by one.
  void simulate_each(std::span<const NetlistFault> faults, Scratch& scratch,
                     std::span<std::int32_t> products) const;

 private:
  static constexpr std::size_t k_block_patterns = k_words * k_word_patterns;

  /// The net of result bit 0..31, extension included.
  NetId result_net(std::size_t bit) const {
    if (bit < m_netlist.result.size()) return m_netlist.result[bit];
    return m_netlist.is_unsigned ? k_net_zero : m_netlist.result.back();
  }
  std::size_t blocks() const { return (m_grid.size() + k_block_patterns - 1) / k_block_patterns; }
  void order_gates();
  void number_nets();
  void set_inputs();
  void force(const NetlistFault& fault, std::vector<std::uint32_t>& source, Scratch::Trace& trace) const;
  void trace(const NetlistFault& fault, std::vector<std::uint32_t>& source, Scratch::Trace& trace) const;
  bool is_active(const Scratch::Trace& trace, const std::vector<Word>& good) const;
  void run(std::size_t traces, Scratch& scratch, std::span<std::int32_t> products) const;

  const Netlist& m_netlist;
  OperandGrid m_grid;
  std::vector<std::uint32_t> m_order;   ///< gates of the netlist in the order in which they are evaluated
  std::vector<std::uint32_t> m_number;  ///< of each net: first those that no gate drives, then by gate
  std::size_t m_inputs = 0;             ///< nets that no gate drives
  std::vector<NumberedGate> m_gates;    ///< all of them, in order
  std::vector<Word> m_values;           ///< [block][net that no gate drives][k_words]
  std::vector<std::int32_t> m_golden;
};

}  // namespace qfi
