// SPDX-License-Identifier: Apache-2.0
#include "error_table.hpp"

#include "qfi/arith/fixed_point.hpp"

namespace qfi {

ErrorTable error_table(const ProductTable& table, const OperandCodes& codes) {
  ErrorTable result{codes.type, std::vector<std::int32_t>(k_code_pairs)};
  for (std::size_t w = 0; w < 256; ++w)
    for (std::size_t x = 0; x < 256; ++x)
      result.errors[w * 256 + x] =
          wrapping_subtract(table.at(w, x), (code_of_byte(w, codes.type) - codes.weight_zero_point) *
                                                (code_of_byte(x, codes.type) - codes.input_zero_point));
  return result;
}

}  // namespace qfi
