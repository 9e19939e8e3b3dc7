// SPDX-License-Identifier: Apache-2.0
#include "table_analysis.hpp"

namespace qfi {

TableAnalysis::TableAnalysis(ErrorTable errors, const OperandsInUse& in_use)
    : m_errors(std::move(errors)), m_in_use(in_use) {}

const std::optional<FactoredProducts>& TableAnalysis::factored(CodeType input_type, bool takes_input_terms) {
  const auto [entry, is_new] = m_factored.try_emplace({input_type, takes_input_terms});
  if (is_new)
    entry->second = factor_products(m_errors, m_in_use, {input_type, takes_input_terms, k_most_terms});
  return entry->second;
}

const std::optional<ErrorPlanes>& TableAnalysis::planes() {
  if (!m_planes) m_planes = split_errors(m_errors, m_in_use, k_most_values);
  return *m_planes;
}

}  // namespace qfi
