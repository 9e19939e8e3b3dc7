// SPDX-License-Identifier: Apache-2.0
// Tables of units are made ready for the kernels of the CPU, or taken apart for other devices.
#include <algorithm>
#include <map>

#include "kernel.hpp"
#include "qfi/engine/program.hpp"

namespace qfi {

// Operators whose tables have the same errors, which are analysed once.
struct Program::TableGroup {
  ErrorTable errors;
  OperandsInUse in_use;
  std::vector<std::size_t> operators;
};

std::vector<Program::TableGroup> Program::table_groups(const Units& units) const {
  std::vector<TableGroup> groups;
  std::map<std::pair<const ProductTable*, OperandCodes>, std::size_t> known;
  for (std::size_t i = 0; i < m_kernels.size(); ++i) {
    const auto* unit = std::get_if<TabulatedUnit>(&units.of_operator[i]);
    if (unit == nullptr) continue;
    const auto [entry, is_new] = known.try_emplace({unit->table, operand_codes(i)}, groups.size());
    if (is_new) {
      ErrorTable errors = error_table(*unit->table, operand_codes(i));
      const auto same = std::ranges::find(groups, errors, &TableGroup::errors);
      entry->second = static_cast<std::size_t>(same - groups.begin());
      if (same == groups.end()) groups.push_back({std::move(errors), {}, {}});
    }
    TableGroup& group = groups[entry->second];
    group.in_use.inputs |= possible_inputs(i, unit->padding);
    for (const std::uint8_t weight : weight_bytes(i)) group.in_use.weights[weight] = true;
    group.operators.push_back(i);
  }
  return groups;
}

void Program::prepare_tables(Units& units) const {
  for (Unit& unit : units.of_operator)
    if (auto* tabulated = std::get_if<TabulatedUnit>(&unit)) tabulated->products.reset();
  if (m_params.kernels != KernelSet::fast) return;
  for (TableGroup& group : table_groups(units)) {
    TableAnalysis analysis(std::move(group.errors), group.in_use);
    for (const std::size_t i : group.operators) {
      auto& unit = std::get<TabulatedUnit>(units.of_operator[i]);
      unit.products = m_kernels[i]->prepare_table(analysis, *unit.table, unit.padding);
    }
  }
}

void Program::take_apart_tables(Units& units, std::size_t most_terms) const {
  constexpr std::size_t k_few_terms = 8;  // that take no longer than counting
  constexpr std::size_t k_few_planes = 4;
  for (const TableGroup& group : table_groups(units)) {
    std::shared_ptr<const FactoredProducts> factored;
    std::shared_ptr<const ErrorPlanes> planes;
    const auto factor = [&](std::size_t most) {
      auto found = factor_products(group.errors, group.in_use, {group.errors.type, false, most});
      if (found) factored = std::make_shared<const FactoredProducts>(std::move(*found));
    };
    factor(k_few_terms);
    if (!factored)
      if (auto found = split_errors(group.errors, group.in_use, k_few_planes))
        planes = std::make_shared<const ErrorPlanes>(std::move(*found));
    if (!factored && !planes) factor(most_terms);
    for (const std::size_t i : group.operators) {
      auto& unit = std::get<TabulatedUnit>(units.of_operator[i]);
      unit.factored = factored;
      unit.planes = planes;
    }
  }
}

}  // namespace qfi
