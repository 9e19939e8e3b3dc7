// SPDX-License-Identifier: Apache-2.0
// Owns product tables as files of other tools. The bytes of a file and how they are to be read go in; the
// products of all pairs of codes come out, and which other reading would fit the exact products better.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qfi/arith/product_table.hpp"
#include "qfi/base/result.hpp"
#include "qfi/tables/fault_tables.hpp"

namespace qfi {

/// In which order a file's codes stand: from the smallest to the largest, or by their stored byte (INT8: 0 ..
/// 127, -128 .. -1).
enum class TableOrder : std::uint8_t { rising, twos_complement };

/// What a number of the file stands for: itself, a word of 16 bits in two's complement, or the product plus
/// 32768.
enum class TableValues : std::uint8_t { as_stored, twos_complement, shifted };

struct TableReading {
  TableOrder order = TableOrder::rising;
  Rs1 rows = Rs1::weight;  ///< what the first index is of
  TableValues values = TableValues::as_stored;
  bool operator==(const TableReading&) const = default;
};

/// The 65,536 numbers of a file in its own order: an .npy array of integers of shape (256, 256),
/// little-endian int32 or uint16 and nothing else, or a text of whole numbers, a C array for example. Errors:
/// it is none of these, or a number does not fit an int32.
Result<std::vector<std::int32_t>> read_table_numbers(const std::filesystem::path& path,
                                                     const std::string& content);

/// Products of codes of the type as [weight byte][input byte].
std::vector<std::int32_t> products_by_byte(std::span<const std::int32_t> numbers, const TableReading& reading,
                                           CodeType type);

/// What the products of codes of the type with these zero points add to an accumulator, from
/// products_by_byte(): what the zero points add is exact and outside of the unit.
ProductTable table_of_products(std::span<const std::int32_t> products, const OperandCodes& codes);

/// A reading of a file, and how close it brings the products to the exact ones.
struct TableFit {
  TableReading reading;
  CodeType type = CodeType::int8;
  double right_share = 0;    ///< of the 65,536 products
  double mean_distance = 0;  ///< mean of |error|
};
TableFit fit_of(std::span<const std::int32_t> numbers, const TableReading& reading, CodeType type);

/// Warns, naming the file, where the products are implausible as products of codes of the type: nearly all of
/// them are wrong, or another order or signedness is far closer to the exact products. It names the closest
/// one. Which operand comes first is left as given: exact products do not tell.
void warn_of_misreading(const std::string& file, std::span<const std::int32_t> numbers,
                        const TableReading& reading, CodeType type);

}  // namespace qfi
