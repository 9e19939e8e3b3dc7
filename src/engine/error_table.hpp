// SPDX-License-Identifier: Apache-2.0
// What a product table adds to the fault-free products.
#pragma once

#include <cstdint>
#include <vector>

#include "qfi/arith/product_table.hpp"

namespace qfi {

/// [weight byte][input byte], modulo 2^32. Layers with different zero points may share one.
struct ErrorTable {
  CodeType type = CodeType::int8;  ///< of weights and inputs
  std::vector<std::int32_t> errors;

  std::int32_t at(std::size_t weight, std::size_t input) const { return errors[weight * 256 + input]; }
  bool operator==(const ErrorTable&) const = default;
};

ErrorTable error_table(const ProductTable& table, const OperandCodes& codes);

/// Which weights and inputs meet, by stored byte; errors of others do not matter.
struct OperandsInUse {
  ByteSet weights{};
  ByteSet inputs{};
};

}  // namespace qfi
