// SPDX-License-Identifier: Apache-2.0
// Owns bit-parallel simulation. A netlist, a grid of operand pairs and any stuck-at faults go in; the
// products of all pairs come out, computed at once.
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
  /// Keeps the fault-free value of every net: nets * grid.size() / 8 bytes.
  Simulator(const Netlist& netlist, const OperandGrid& grid);

  /// 512 patterns of one net.
  struct alignas(64) Word {
    std::uint64_t lanes[8];
  };

  class Scratch {
    friend class Simulator;
    // A source below the number of nets is that net, fault-free (a forced value is a constant's);
    // others are places in `values`.
    struct ConeGate {
      GateOp op;
      std::uint64_t table;
      std::array<std::uint32_t, k_gate_inputs> sources;
    };
    struct Forced {
      NetId net;
      NetId constant;     // what it is stuck at, as a constant net
      bool is_input_pin;  // then only this pin of this cell sees it
      std::uint32_t cell;
      std::uint32_t pin;
    };
    std::vector<Forced> forced;
    std::vector<std::uint32_t> source;  // of each net
    std::vector<ConeGate> cone;         // in evaluation order
    std::vector<Word> values;           // k_words for each gate of the cone
  };

  /// Products of all operand pairs without a fault.
  std::span<const std::int32_t> golden() const { return m_golden; }
  const OperandGrid& grid() const { return m_grid; }

  /// Products of all operand pairs under the given faults (all at once; of two faults at one
  /// site the later wins). `products` has grid().size() elements. Only the faults' fan-out cone
  /// is evaluated.
  void simulate(std::span<const StuckAt> faults, Scratch& scratch, std::span<std::int32_t> products) const;

 private:
  static constexpr std::size_t k_words = 4;  ///< words of a net that are evaluated together
  static constexpr std::size_t k_block_patterns = k_words * 512;

  const Word* good(std::size_t block, NetId net) const {
    return &m_values[(block * m_netlist.nets.size() + net) * k_words];
  }
  /// The net of result bit 0..31, extension included.
  NetId result_net(std::size_t bit) const {
    if (bit < m_netlist.result.size()) return m_netlist.result[bit];
    return m_netlist.is_unsigned ? k_net_zero : m_netlist.result.back();
  }
  std::size_t blocks() const { return (m_grid.size() + k_block_patterns - 1) / k_block_patterns; }
  void set_operands(std::size_t block);
  void trace_cone(std::span<const StuckAt> faults, Scratch& scratch) const;
  bool is_active(std::size_t block, const Scratch& scratch) const;
  void simulate_block(std::size_t block, Scratch& scratch, std::span<std::int32_t> products) const;
  void apply_block(std::size_t block, const Word* changed, std::span<std::int32_t> products) const;

  const Netlist& m_netlist;
  OperandGrid m_grid;
  std::vector<Word> m_values;  ///< [block][net][k_words]
  std::vector<std::int32_t> m_golden;
};

}  // namespace qfi
