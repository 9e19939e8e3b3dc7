// SPDX-License-Identifier: Apache-2.0
// Owns the way from a fault in the multiplier to what it does to a model's products. A netlist, a fault and
// the operand pairs that layers form go in; products, the ProductTable of each layer, and whether the fault
// can matter at all come out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "qfi/arith/product_table.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/result.hpp"
#include "qfi/faults/stuck_at.hpp"
#include "qfi/netlist/simulator.hpp"

namespace qfi {

/// What the multiplier sees of the codes. `raw`: the stored codes (UINT8 zero-extended); the
/// zero points are corrected outside it, exactly. `offset`: zero points subtracted first.
enum class OperandEncoding : std::uint8_t { raw, offset };

/// Which operand sits at port rs1.
enum class Rs1 : std::uint8_t { weight, input };

struct UnitParams {
  OperandEncoding operands = OperandEncoding::raw;
  Rs1 rs1 = Rs1::weight;
};

/// The operand pairs that layers with these codes can form: each weight that occurs in them with each input
/// that can, whatever the fault.
struct TableUse {
  OperandCodes codes;
  ByteSet weight_occurs{};
  ByteSet input_occurs = ByteSet::all();
  std::vector<std::uint64_t> golden_pairs;  ///< [weight byte][input byte]: products of the
                                            ///< golden run; empty where not known
};

/// What is known about a fault before any inference.
struct FaultEffect {
  Digest digest;                  ///< of all products that the layers can form: equal digest, equal outcome
  bool is_table_masked = false;   ///< all of those products are the fault-free ones
  std::uint64_t golden_hits = 0;  ///< products of the golden run that the fault changes
};

class FaultTables {
 public:
  /// `uses` have different codes. Memory: see Simulator.
  FaultTables(const Netlist& netlist, std::vector<TableUse> uses, const UnitParams& params);

  struct Scratch {
    Simulator::Scratch simulator;
    std::vector<std::int32_t> products;
  };

  /// Error: a fault-free product of the netlist is not the product; names the operands, and what the ports
  /// lack to take them. An approximate multiplier passes.
  Result<void> check_fault_free() const;

  /// Adds products of the golden run that layers with codes uses()[use] formed, as TableUse::golden_pairs.
  void add_golden_pairs(std::size_t use, std::span<const std::uint64_t> pairs);

  /// Simulates the fault; scratch.products then holds the products of the whole grid.
  FaultEffect examine(const NetlistFault& fault, Scratch& scratch) const;
  /// examine_each() simulates so many faults together, which takes less time than one by one.
  static constexpr std::size_t k_together = 16;
  /// Takes what fault `index` alone does, and its products of the whole grid, which hold until it returns.
  using UseEffect = std::function<void(std::size_t index, const FaultEffect& effect,
                                       std::span<const std::int32_t> products)>;
  /// Simulates each fault alone.
  void examine_each(std::span<const NetlistFault> faults, Scratch& scratch, const UseEffect& use) const;

  /// The table of layers with codes uses()[use], from products that `examine` left or `examine_each` gave.
  ProductTable table(std::span<const std::int32_t> products, std::size_t use) const;

  /// P(w, x) for all codes in rising order, weights first: what `qfi table` writes.
  std::vector<std::int32_t> unit_products(std::span<const std::int32_t> products, std::size_t use) const;

  const std::vector<TableUse>& uses() const { return m_uses; }
  const Simulator& simulator() const { return m_simulator; }
  const UnitParams& params() const { return m_params; }

 private:
  int weight_operand(const OperandCodes& codes, int code) const;
  int input_operand(const OperandCodes& codes, int code) const;
  std::size_t grid_index(int weight_operand, int input_operand) const;
  FaultEffect effect_of(std::span<const std::int32_t> products) const;
  template <class Visit>
  void for_each_relevant_row(const Visit& visit) const;

  std::vector<TableUse> m_uses;
  UnitParams m_params;
  Simulator m_simulator;
  std::string m_missing;  ///< what the ports lack for these operands
  bool m_is_approximate = false;
  std::vector<std::vector<IntRange>> m_relevant;  ///< per weight operand: input operands, as grid offsets
  std::vector<std::uint64_t> m_golden_pairs;      ///< over the grid; empty: not known
};

}  // namespace qfi
