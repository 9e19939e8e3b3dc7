// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/faulty_unit.hpp"

#include <algorithm>
#include <map>

#include "operator_names.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/config/config_names.hpp"

namespace qfi {

namespace {

std::string kind_name(const Model& model, std::size_t index) {
  return name_in(operator_kind_names(), model.operators[index].kind);
}

// Which of `operators` could be named, by their numbers or by their kinds.
Selectable numbers_of(const std::vector<std::size_t>& operators) {
  Selectable selectable{"operators with 8-bit weights", {}};
  for (const std::size_t index : operators) selectable.names.push_back(std::to_string(index));
  return selectable;
}

Selectable kinds_of(const Model& model, const std::vector<std::size_t>& operators) {
  Selectable selectable{"kinds with 8-bit weights", {}};
  for (const std::size_t index : operators) selectable.names.push_back(kind_name(model, index));
  return selectable;
}

Result<void> check_kinds(const Model& model, const std::vector<OperatorKind>& kinds,
                         const std::vector<std::size_t>& operators, const char* why) {
  for (const OperatorKind kind : kinds) {
    const std::string name = name_in(operator_kind_names(), kind);
    if (std::ranges::none_of(operators, [&](std::size_t i) { return model.operators[i].kind == kind; }))
      return selects_nothing("operators", name, fmt::format("{} {}", why, name), kinds_of(model, operators));
  }
  return {};
}

}  // namespace

Result<std::vector<std::size_t>> choose_operators(const Program& program,
                                                  const std::vector<OperatorKind>& kinds,
                                                  const std::vector<std::string>& layers) {
  const Model& model = program.model();
  std::vector<std::size_t> with_weights, of_kinds, chosen;
  for (std::size_t i = 0; i < model.operators.size(); ++i)
    if (program.multiplies_weights(i)) with_weights.push_back(i);
  for (std::size_t i = 0; i < model.operators.size(); ++i) {
    if (std::ranges::find(kinds, model.operators[i].kind) == kinds.end()) continue;
    if (!program.multiplies_weights(i) && is_listed(model, i, layers))
      return selects_nothing("operators", "", operator_label(model, i) + " has no 8-bit weights",
                             kinds_of(model, with_weights));
    if (program.multiplies_weights(i)) of_kinds.push_back(i);
  }
  QFI_CHECK(check_kinds(model, kinds, with_weights, "the model has no"));
  const auto reason = [&](std::size_t i) {
    return program.multiplies_weights(i) ? "is of no chosen kind" : "has no 8-bit weights";
  };
  for (const std::string& layer : layers)
    if (std::ranges::none_of(of_kinds, [&](std::size_t i) { return names_operator(model, i, layer); }))
      return selects_nothing("layers", layer, why_no_layer(model, layer, reason), numbers_of(of_kinds));
  std::ranges::copy_if(of_kinds, std::back_inserter(chosen),
                       [&](std::size_t i) { return is_listed(model, i, layers); });
  QFI_CHECK(check_kinds(model, kinds, chosen, "the chosen layers have no"));
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
                                   const std::vector<FaultyOperator>& operators, PaddingTaps padding,
                                   const Device* device)
    : m_program(program), m_fault_tables(tables), m_device(device), m_tables(tables.uses().size()) {
  m_units.of_operator.resize(program.model().operators.size());
  for (const FaultyOperator& op : operators)
    m_units.of_operator[op.index] = TabulatedUnit{&m_tables[op.use], padding, {}, {}, {}};
}

void FaultyUnitTables::set(std::span<const std::int32_t> products) {
  for (std::size_t use = 0; use < m_tables.size(); ++use) m_tables[use] = m_fault_tables.table(products, use);
  if (m_device != nullptr) m_device->prepare(m_units);
  else m_program.prepare_tables(m_units);
}

}  // namespace qfi
