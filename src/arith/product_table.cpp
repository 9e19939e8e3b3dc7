// SPDX-License-Identifier: Apache-2.0
#include "qfi/arith/product_table.hpp"

namespace qfi {

ProductTable ProductTable::exact(const OperandCodes& codes) {
  ProductTable table;
  const int first = smallest_code(codes.type);
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x)
      table.at(byte_index(w), byte_index(x)) = (w - codes.weight_zero_point) * (x - codes.input_zero_point);
  return table;
}

}  // namespace qfi
