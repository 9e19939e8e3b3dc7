// SPDX-License-Identifier: Apache-2.0
// The errors of one faulty table taken apart, once for all layers that share them.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "error_planes.hpp"
#include "factored_products.hpp"

namespace qfi {

/// Not for several threads at once.
class TableAnalysis {
 public:
  static constexpr std::size_t k_most_terms = 16;  ///< products that may be worth it
  static constexpr std::size_t k_most_values = 4;  ///< that errors may have, or bits of them

  /// `in_use`: by any of the layers.
  TableAnalysis(ErrorTable errors, const OperandsInUse& in_use);

  /// Plain products and errors; nullopt: they take too many terms.
  const std::optional<FactoredProducts>& factored(CodeType input_type, bool takes_input_terms);
  /// nullopt: they have too many values.
  const std::optional<ErrorPlanes>& planes();

 private:
  ErrorTable m_errors;
  OperandsInUse m_in_use;
  std::map<std::pair<CodeType, bool>, std::optional<FactoredProducts>> m_factored;
  std::optional<std::optional<ErrorPlanes>> m_planes;
};

}  // namespace qfi
