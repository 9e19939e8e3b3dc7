// SPDX-License-Identifier: Apache-2.0
// Owns which operators of a model a faulty multiplier serves. A program and the choice of a config go in; the
// operators, and the tables that stand in for the multiplier there, come out.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "qfi/config/config.hpp"
#include "qfi/engine/device.hpp"
#include "qfi/tables/fault_tables.hpp"

namespace qfi {

/// An operator whose products go through the faulty unit.
struct FaultyOperator {
  std::size_t index = 0;  ///< in the model
  std::size_t use = 0;    ///< in FaultTables::uses()
};

/// The operators of the chosen kinds in the chosen layers. Errors: there are none, a layer that is no
/// such operator, or one without 8-bit weights.
Result<std::vector<std::size_t>> choose_operators(const Program& program,
                                                  const std::vector<OperatorKind>& kinds,
                                                  const std::vector<std::string>& layers);

/// One use per distinct set of operand codes, with the weights that occur under it and the inputs that can;
/// golden_pairs are zeros. Fills `operators`.
std::vector<TableUse> collect_uses(const Program& program, const std::vector<std::size_t>& chosen,
                                   PaddingTaps padding, std::vector<FaultyOperator>& operators);

/// The tables of one fault for all operators that need one.
class FaultyUnitTables {
 public:
  /// `device`: for which the tables are made ready; nullptr: the CPU. It must outlive them.
  FaultyUnitTables(const Program& program, const FaultTables& tables,
                   const std::vector<FaultyOperator>& operators, PaddingTaps padding,
                   const Device* device = nullptr);
  FaultyUnitTables(const FaultyUnitTables&) = delete;
  FaultyUnitTables& operator=(const FaultyUnitTables&) = delete;

  /// Sets the tables from products that FaultTables::examine left.
  void set(std::span<const std::int32_t> products);
  const Units& units() const { return m_units; }

 private:
  const Program& m_program;
  const FaultTables& m_fault_tables;
  const Device* m_device;
  std::vector<ProductTable> m_tables;
  Units m_units;  ///< point into m_tables
};

}  // namespace qfi
