// SPDX-License-Identifier: Apache-2.0
// Comma-separated values with a header line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "qfi/base/result.hpp"

namespace qfi {

/// One row: its line in the file, from 1, and its fields in the order that was asked for.
using CsvRow = std::function<Result<void>(std::size_t line, std::span<const std::string_view> fields)>;

/// Shows each row's fields of the columns `names`, wherever they stand in the file. Errors, which name file
/// and line: a column is missing, a row is short, a line has more than 4,096 characters, the file is empty or
/// larger than 1 GiB; and those of `row`.
Result<void> for_each_csv_row(const std::filesystem::path& file, std::span<const std::string> names,
                              const CsvRow& row);

}  // namespace qfi
