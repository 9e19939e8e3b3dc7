// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/table_units.hpp"

#include <map>

namespace qfi {

Result<std::unique_ptr<TableUnits>> TableUnits::make(const Program& program,
                                                     const std::vector<std::size_t>& operators,
                                                     const File& file, const TableReading& reading,
                                                     PaddingTaps padding) {
  std::unique_ptr<TableUnits> result(new TableUnits);
  QFI_TRY(const std::vector<std::int32_t> numbers, read_table_numbers(file.path, file.content));
  result->m_type = program.operand_codes(operators.front()).type;
  std::map<OperandCodes, std::size_t> table_of_codes;
  for (const std::size_t index : operators) {
    const OperandCodes codes = program.operand_codes(index);
    if (codes.type != result->m_type)
      return bad_input("operators of INT8 and of UINT8: one table is of codes of one type; choose layers");
    table_of_codes.try_emplace(codes, table_of_codes.size());
  }
  warn_of_misreading(file.path, numbers, reading, result->m_type);
  result->m_products = products_by_byte(numbers, reading, result->m_type);
  result->m_tables.resize(table_of_codes.size());
  for (const auto& [codes, number] : table_of_codes)
    result->m_tables[number] = table_of_products(result->m_products, codes);
  result->m_units.of_operator.resize(program.model().operators.size());
  for (const std::size_t index : operators)
    result->m_units.of_operator[index] = TabulatedUnit{
        &result->m_tables[table_of_codes.at(program.operand_codes(index))], padding, {}, {}, {}};
  program.prepare_tables(result->m_units);
  return result;
}

}  // namespace qfi
