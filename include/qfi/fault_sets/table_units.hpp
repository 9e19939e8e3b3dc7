// SPDX-License-Identifier: Apache-2.0
// Owns a product table from a file in the place of some operators' products. A program, its operators and the
// file go in; units for them come out.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qfi/engine/program.hpp"
#include "qfi/tables/table_file.hpp"

namespace qfi {

class TableUnits {
 public:
  struct File {
    std::string path;
    std::string content;
  };
  /// Warns where the table looks misread. Errors: what is no table, or operators of INT8 and some of UINT8.
  /// Precondition: `operators` is not empty, and all have 8-bit weights.
  static Result<std::unique_ptr<TableUnits>> make(const Program& program,
                                                  const std::vector<std::size_t>& operators, const File& file,
                                                  const TableReading& reading, PaddingTaps padding);

  const Units& units() const { return m_units; }
  CodeType type() const { return m_type; }
  /// What the table says w * x is.
  std::int32_t product(int weight_code, int input_code) const {
    return m_products[byte_index(weight_code) * 256 + byte_index(input_code)];
  }

 private:
  TableUnits() = default;
  std::vector<std::int32_t> m_products;  ///< [weight byte][input byte]
  CodeType m_type = CodeType::int8;
  std::vector<ProductTable> m_tables;  ///< one for each set of zero points
  Units m_units;                       ///< point into m_tables
};

}  // namespace qfi
