// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/faulty_unit.hpp"

#include <algorithm>
#include <map>

namespace qfi {

Result<std::vector<std::size_t>> choose_operators(const Program& program,
                                                  const std::vector<OperatorKind>& kinds,
                                                  const std::vector<std::string>& layers) {
  const Model& model = program.model();
  std::vector<std::size_t> chosen;
  std::vector<bool> layer_found(layers.size(), false);
  for (std::size_t i = 0; i < model.operators.size(); ++i) {
    const Operator& op = model.operators[i];
    if (std::ranges::find(kinds, op.kind) == kinds.end()) continue;
    bool is_chosen = layers.empty();
    for (std::size_t k = 0; k < layers.size(); ++k) {
      const bool matches = layers[k] == std::to_string(i) ||
                           layers[k] == model.tensors[static_cast<std::size_t>(op.outputs[0])].name;
      if (matches) is_chosen = layer_found[k] = true;
    }
    if (!is_chosen) continue;
    if (!program.multiplies_weights(i))
      return bad_input("{} has no 8-bit weights; a multiplier's table is for those",
                       operator_label(model, i));
    chosen.push_back(i);
  }
  for (std::size_t k = 0; k < layers.size(); ++k)
    if (!layer_found[k])
      return bad_input("no operator of the chosen kinds is number '{}' or writes a tensor of that name",
                       layers[k]);
  if (chosen.empty()) return bad_input("the model has no operator of the chosen kinds");
  return chosen;
}

std::vector<TableUse> collect_uses(const Program& program, const std::vector<std::size_t>& chosen,
                                   PaddingTaps padding, std::vector<FaultyOperator>& operators) {
  std::vector<TableUse> uses;
  std::map<OperandCodes, std::size_t> use_of_codes;
  for (const std::size_t index : chosen) {
    const OperandCodes codes = program.operand_codes(index);
    const auto [entry, is_new] = use_of_codes.try_emplace(codes, uses.size());
    if (is_new) {
      uses.emplace_back();
      uses.back().codes = codes;
      uses.back().golden_pairs.assign(k_code_pairs, 0);
      uses.back().input_occurs = {};
    }
    uses[entry->second].input_occurs |= program.possible_inputs(index, padding);
    for (const std::uint8_t weight : program.weight_bytes(index))
      uses[entry->second].weight_occurs[weight] = true;
    operators.push_back({index, entry->second});
  }
  return uses;
}

FaultyUnitTables::FaultyUnitTables(const Program& program, const FaultTables& tables,
                                   const std::vector<FaultyOperator>& operators, PaddingTaps padding)
    : m_program(program), m_fault_tables(tables), m_tables(tables.uses().size()) {
  m_units.of_operator.resize(program.model().operators.size());
  for (const FaultyOperator& op : operators)
    m_units.of_operator[op.index] = TabulatedUnit{&m_tables[op.use], padding, nullptr};
}

void FaultyUnitTables::set(std::span<const std::int32_t> products) {
  for (std::size_t use = 0; use < m_tables.size(); ++use) m_tables[use] = m_fault_tables.table(products, use);
  m_program.prepare_tables(m_units);
}

}  // namespace qfi
