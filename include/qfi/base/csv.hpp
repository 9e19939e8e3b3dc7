// SPDX-License-Identifier: Apache-2.0
// Tables of comma-separated values: the one reader of all that qfi takes and the fields that it writes. A
// text goes in; its rows come out one by one, with their fields unquoted and their line for errors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

/// What a row may have at most: files are not trusted.
struct CsvLimits {
  std::size_t characters = std::size_t{1} << 16;  ///< without its end
  std::size_t fields = 1000;
};

/// Goes through a table row by row. A byte order mark in front is skipped. Lines end in LF or CR LF; those
/// that are empty are left out. In a field that begins with a quote, commas and line ends up to the next
/// single quote belong to the field, and two quotes are one. In other fields a quote is a character like any.
class CsvReader {
 public:
  /// `text` must outlive the reader. `name`: of the file, for errors.
  CsvReader(std::string_view text, std::string name, const CsvLimits& limits = {});

  /// Goes to the next row; false where there is none. Errors, which begin with where(): a row over a limit, a
  /// quote that is not closed.
  Result<bool> next();

  /// Of the row; valid until next(). A row has at least one.
  std::span<const std::string_view> fields() const { return m_fields; }
  /// In which line the row begins, from 1.
  std::size_t line() const { return m_line; }
  /// "name:line".
  std::string where() const;

  /// Takes the next row as the names of the columns. Error, beside those of next(): there is no row.
  Result<void> read_header();
  /// Which field of a row has that name in the header; the first of several. nullopt: none.
  std::optional<std::size_t> column(std::string_view name) const;
  const std::vector<std::string>& header() const { return m_header; }

 private:
  Result<void> take_row();
  void add_field(std::string_view raw);

  std::string_view m_rest;
  std::string m_name;
  CsvLimits m_limits;
  std::size_t m_line = 0;
  std::size_t m_lines = 0;  ///< that were taken; a row with line ends in quotes has several
  std::vector<std::string_view> m_fields;
  std::string m_unquoted;  ///< what those fields of the row point into that are not in the text as they are
  std::vector<std::string> m_header;
};

/// One row: its line in the file, from 1, and its fields in the order that was asked for.
using CsvRow = std::function<Result<void>(std::size_t line, std::span<const std::string_view> fields)>;

/// Shows each row's fields of the columns `names`, wherever they stand in the file. Errors, which name file
/// and line: a column is missing, a row is short or has more than 4,096 characters, the file is empty or
/// larger than 1 GiB; and those of `row`.
Result<void> for_each_csv_row(const std::filesystem::path& file, std::span<const std::string> names,
                              const CsvRow& row);

/// A text as a field is written: in quotes where it holds a comma, a quote or a line end.
std::string csv_field(std::string_view text);

/// The same, always in quotes.
std::string csv_quoted(std::string_view text);

}  // namespace qfi
