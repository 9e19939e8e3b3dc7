// SPDX-License-Identifier: Apache-2.0
// A product table as few ordinary products: what a layer adds up is then one convolution for each of them,
// instead of a look-up for every weight and input.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "error_table.hpp"

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

/// of_weight[w] + sum of input_terms(x) + sum of product_terms(w, x), modulo 2^32.
struct FactoredProducts {
  std::array<std::int32_t, 256> of_weight{};
  std::vector<InputTerm> input_terms;
  std::vector<ProductTerm> product_terms;

  /// `type`: of the input codes.
  std::int32_t at(std::size_t weight, std::size_t input, CodeType type) const;
};

struct FactorParams {
  CodeType input_type = CodeType::int8;  ///< that products are taken with; INT8 ones may be shifted to UINT8
  bool takes_input_terms = true;         ///< else they become product terms with weight 1
  std::size_t most_terms = 16;           ///< of both kinds together
};

/// weight * input as numbers, zero points 0, but UINT8 weights less 128: as signed bytes.
FactoredProducts plain_products(CodeType type, const FactorParams& params);

/// plain_products() plus the errors, for the operands in use. nullopt: it takes more than the most terms.
std::optional<FactoredProducts> factor_products(const ErrorTable& errors, const OperandsInUse& in_use,
                                                const FactorParams& params);

/// Product terms in an order in which each one's sum can be added to a multiple of what the terms before it
/// came to: modulo 2^32, sum of factor * sums = last * (.. (scale_1 * (scale_0 * 0 + sums_0) + sums_1) ..).
struct ScaledTerms {
  struct Term {
    const ProductTerm* term = nullptr;
    std::int32_t scale = 1;
  };
  std::vector<Term> terms;
  std::int32_t last = 1;
};
/// Points into `products`. Terms with the factor 0 are left out.
ScaledTerms scaled_terms(const FactoredProducts& products);

/// Turns products with zero points 0 into (w - w_zero) * (x - x_zero).
void add_zero_points(const OperandCodes& codes, const FactorParams& params, FactoredProducts& products);

}  // namespace qfi
