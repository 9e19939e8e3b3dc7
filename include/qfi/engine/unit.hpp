// SPDX-License-Identifier: Apache-2.0
// Owns the word for a circuit in the engine: a Unit takes two operands and gives one result, wherever it
// stands in an operator. Fault sets make units from product tables and hand them in, one for each operator;
// the kernels that multiply weights compute with them in the place of the exact products.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "qfi/arith/product_table.hpp"

namespace qfi {

struct ErrorPlanes;
struct FactoredProducts;
struct LayerProducts;

/// Taps that fall into the padding: skipped, as the TFLite reference kernels do, or multiplied
/// with the input's zero point, as kernels that pad first do.
enum class PaddingTaps : std::uint8_t { skip, multiply };

/// A multiplier of which every product of two 8-bit operands is known.
struct TabulatedUnit {
  const ProductTable* table = nullptr;  ///< never nullptr once it is used; must outlive the runs
  PaddingTaps padding = PaddingTaps::skip;
  /// The table in the form that its operator takes fastest on the CPU, made by Program::prepare_tables.
  /// nullptr: products are looked up one by one.
  std::shared_ptr<const LayerProducts> products;
  /// The table taken apart for devices other than the CPU, by Program::take_apart_tables: as few products, or
  /// as errors of few values. nullptr: it is not.
  std::shared_ptr<const FactoredProducts> factored;
  std::shared_ptr<const ErrorPlanes> planes;
};

/// What computes one operator's products. monostate: no circuit, they are exact. Another kind of circuit is
/// one more alternative, and one more overload where a device visits it: std::visit does not compile without.
using Unit = std::variant<std::monostate, TabulatedUnit>;

/// The units of a run.
struct Units {
  std::vector<Unit> of_operator;  ///< by index of the model's operators, as many as there are
};

/// The same units, but every product is looked up: slower, the same results.
Units looked_up(Units units);

}  // namespace qfi
