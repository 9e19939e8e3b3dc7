// SPDX-License-Identifier: Apache-2.0
// A product table as few ordinary products: what a layer adds up is then one convolution for each of them,
// instead of a look-up for every weight and input.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "qfi/arith/product_table.hpp"

namespace qfi {

/// factor * weight[w] * input[x], by stored bytes.
struct ProductTerm {
  std::int32_t factor = 1;
  std::array<std::int8_t, 256> weight{};
  std::array<std::uint8_t, 256> input{};  ///< codes of FactorParams::input_type
};

/// factor * input[x]: the same for all weights.
struct InputTerm {
  std::int32_t factor = 1;
  std::array<std::uint8_t, 256> input{};
};

/// table(w, x) = of_weight[w] + sum of input_terms(x) + sum of product_terms(w, x) modulo 2^32, for all
/// weights that occur and all inputs that can. With one product term and nothing else it is the fault-free
/// table.
struct FactoredProducts {
  std::array<std::int32_t, 256> of_weight{};
  std::vector<InputTerm> input_terms;
  std::vector<ProductTerm> product_terms;

  /// `type`: of the input codes.
  std::int32_t at(std::size_t weight, std::size_t input, CodeType type) const;
};

struct FactorParams {
  OperandCodes codes;
  std::array<bool, 256> weight_occurs{};
  std::array<bool, 256> input_occurs{};
  CodeType input_type = CodeType::int8;  ///< that products are taken with; INT8 ones may be shifted to UINT8
  bool takes_input_terms = true;         ///< else they become product terms with weight 1
  std::size_t most_terms = 16;           ///< products that are worth it
};

/// The fault-free products.
FactoredProducts exact_products(const FactorParams& params);

/// Nothing: it takes more terms than are worth it.
std::optional<FactoredProducts> factor_products(const ProductTable& table, const FactorParams& params);

}  // namespace qfi
