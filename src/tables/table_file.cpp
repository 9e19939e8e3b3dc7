// SPDX-License-Identifier: Apache-2.0
#include "qfi/tables/table_file.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "qfi/arith/fixed_point.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

template <class T>
Result<std::vector<std::int32_t>> numbers_of(const std::string& file, const std::string& bytes) {
  std::vector<std::int32_t> numbers;
  for (std::size_t i = 0; i < k_code_pairs; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    if (!std::in_range<std::int32_t>(value))
      return bad_input("{}: entry {} is {}, which does not fit an int32", file, i, value);
    numbers.push_back(static_cast<std::int32_t>(value));
  }
  return numbers;
}

Result<std::vector<std::int32_t>> numbers_of_npy(const std::filesystem::path& path) {
  const std::string file = path.string();
  QFI_TRY(const NpyArray array, read_npy(path));
  if (array.shape != std::vector<std::uint64_t>{256, 256})
    return bad_input("{}: a product table has the shape (256, 256)", file);
  if (array.type == "i4") return numbers_of<std::int32_t>(file, array.data);
  if (array.type == "i2") return numbers_of<std::int16_t>(file, array.data);
  if (array.type == "u2") return numbers_of<std::uint16_t>(file, array.data);
  if (array.type == "u4") return numbers_of<std::uint32_t>(file, array.data);
  if (array.type == "i8") return numbers_of<std::int64_t>(file, array.data);
  return bad_input("{}: elements of the type '{}'; a product table holds i4, i8, i2, u2 or u4", file,
                   array.type);
}

bool is_text(const std::string& content) {
  return std::ranges::all_of(content, [](char c) {
    return std::isprint(static_cast<unsigned char>(c)) != 0 ||
           std::isspace(static_cast<unsigned char>(c)) != 0;
  });
}

// The text with blanks in the place of comments: /* .. */, // and # to the end of the line.
std::string without_comments(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_block = text.compare(i, 2, "/*") == 0;
    if (!is_block && text.compare(i, 2, "//") != 0 && text[i] != '#') continue;
    std::size_t end = text.find(is_block ? "*/" : "\n", i);
    end = end == std::string::npos ? text.size() : end + (is_block ? 2 : 0);
    std::fill(text.begin() + static_cast<std::ptrdiff_t>(i), text.begin() + static_cast<std::ptrdiff_t>(end),
              ' ');
    i = end;
  }
  return text;
}

bool is_separator(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0 || c == ',' || c == ';' || c == '{' || c == '}';
}

// A whole number as C writes it: decimal or 0x.., with a sign or a suffix.
bool parse_c_number(std::string_view text, std::int64_t& value) {
  while (!text.empty() && std::string_view("uUlL").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  if (is_hex) text.remove_prefix(2);
  if (text.empty() || text.front() == '-') return false;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, is_hex ? 16 : 10);
  if (is_negative) value = -value;
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

// Of a C array what stands between its outer braces, else the whole text.
Result<std::vector<std::int32_t>> numbers_of_text(const std::string& file, const std::string& content) {
  const std::string text = without_comments(content);
  const std::size_t open = text.find('{');
  const std::size_t end = open == std::string::npos ? text.size() : text.rfind('}');
  if (end == std::string::npos) return bad_input("{}: the array's braces do not close", file);
  std::vector<std::int32_t> numbers;
  for (std::size_t i = open == std::string::npos ? 0 : open; i < end;) {
    if (is_separator(text[i])) {
      ++i;
      continue;
    }
    std::size_t stop = i;
    while (stop < end && !is_separator(text[stop])) ++stop;
    const std::string word = text.substr(i, stop - i);
    std::int64_t value = 0;
    if (!parse_c_number(word, value) || !std::in_range<std::int32_t>(value))
      return bad_input("{}: line {}: '{}' is no whole number that fits an int32", file,
                       1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i), '\n'),
                       printable(word.substr(0, 40)));
    numbers.push_back(static_cast<std::int32_t>(value));
    if (numbers.size() > k_code_pairs) break;
    i = stop;
  }
  if (numbers.size() != k_code_pairs)
    return bad_input("{}: {} numbers; a product table has 65,536", file,
                     numbers.size() > k_code_pairs ? "more than 65,536" : std::to_string(numbers.size()));
  return numbers;
}

std::int64_t value_of(std::int32_t number, TableValues values) {
  switch (values) {
    case TableValues::as_stored: return number;
    case TableValues::twos_complement: return static_cast<std::int16_t>(number);
    case TableValues::shifted: return std::int64_t{number} - 32768;
  }
  return number;
}

std::size_t place_of(int code, CodeType type, TableOrder order) {
  return order == TableOrder::rising ? static_cast<std::size_t>(code - smallest_code(type))
                                     : byte_index(code);
}

const char* word_of(TableOrder order) { return order == TableOrder::rising ? "rising" : "twos_complement"; }

const char* word_of(TableValues values) {
  switch (values) {
    case TableValues::as_stored: return "as_stored";
    case TableValues::twos_complement: return "twos_complement";
    case TableValues::shifted: return "shifted";
  }
  return "";
}

const char* word_of(CodeType type) { return type == CodeType::int8 ? "INT8" : "UINT8"; }

// Of all orders, values and signednesses the one that comes closest; of equal ones the first.
TableFit closest_fit(std::span<const std::int32_t> numbers, const TableFit& given) {
  TableFit best = given;
  for (const CodeType type : {given.type, given.type == CodeType::int8 ? CodeType::uint8 : CodeType::int8})
    for (const TableOrder order : {TableOrder::rising, TableOrder::twos_complement})
      for (const TableValues values :
           {TableValues::as_stored, TableValues::twos_complement, TableValues::shifted}) {
        const TableFit fit = fit_of(numbers, {order, given.reading.rows, values}, type);
        if (fit.mean_distance < best.mean_distance) best = fit;
      }
  return best;
}

}  // namespace

Result<std::vector<std::int32_t>> read_table_numbers(const std::filesystem::path& path,
                                                     const std::string& content) {
  const std::string file = path.string();
  if (content.starts_with("\x93NUMPY")) return numbers_of_npy(path);
  if (!content.empty() && is_text(content)) return numbers_of_text(file, content);
  if (content.size() == k_code_pairs * sizeof(std::int32_t)) return numbers_of<std::int32_t>(file, content);
  if (content.size() == k_code_pairs * sizeof(std::uint16_t)) return numbers_of<std::uint16_t>(file, content);
  return bad_input("{}: neither an .npy file, nor 65,536 int32 or uint16 numbers, nor a text ({} bytes)",
                   file, content.size());
}

std::vector<std::int32_t> products_by_byte(std::span<const std::int32_t> numbers, const TableReading& reading,
                                           CodeType type) {
  std::vector<std::int32_t> products(k_code_pairs);
  const int first = smallest_code(type);
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x) {
      const std::size_t row = place_of(reading.rows == Rs1::weight ? w : x, type, reading.order);
      const std::size_t column = place_of(reading.rows == Rs1::weight ? x : w, type, reading.order);
      products[byte_index(w) * 256 + byte_index(x)] =
          static_cast<std::int32_t>(value_of(numbers[row * 256 + column], reading.values));
    }
  return products;
}

ProductTable table_of_products(std::span<const std::int32_t> products, const OperandCodes& codes) {
  ProductTable table;
  const int first = smallest_code(codes.type);
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x)
      table.at(byte_index(w), byte_index(x)) =
          wrapping_add(products[byte_index(w) * 256 + byte_index(x)],
                       (w - codes.weight_zero_point) * (x - codes.input_zero_point) - w * x);
  return table;
}

TableFit fit_of(std::span<const std::int32_t> numbers, const TableReading& reading, CodeType type) {
  const std::vector<std::int32_t> products = products_by_byte(numbers, reading, type);
  TableFit fit{reading, type, 0, 0};
  const int first = smallest_code(type);
  for (int w = first; w < first + 256; ++w)
    for (int x = first; x < first + 256; ++x) {
      const std::int64_t error = std::int64_t{products[byte_index(w) * 256 + byte_index(x)]} - w * x;
      fit.right_share += error == 0 ? 1 : 0;
      fit.mean_distance += static_cast<double>(std::abs(error));
    }
  fit.right_share /= static_cast<double>(k_code_pairs);
  fit.mean_distance /= static_cast<double>(k_code_pairs);
  return fit;
}

void warn_of_misreading(const std::string& file, std::span<const std::int32_t> numbers,
                        const TableReading& reading, CodeType type) {
  constexpr double k_plausible_share = 0.01;
  constexpr double k_far =
      4;  // a right reading of a poor multiplier is still that much closer than a wrong one
  const TableFit given = fit_of(numbers, reading, type);
  const TableFit best = closest_fit(numbers, given);
  const bool is_far = best.mean_distance * k_far < given.mean_distance;
  if (given.right_share >= k_plausible_share && !is_far) return;
  std::string message = fmt::format("{}: of {} codes, {:.1f} % of the products are right", file,
                                    word_of(type), 100 * given.right_share);
  if (is_far)
    message +=
        fmt::format("; as {} codes with order {} and values {} it would be {:.1f} %", word_of(best.type),
                    word_of(best.reading.order), word_of(best.reading.values), 100 * best.right_share);
  else message += ", and no other order or signedness fits better";
  if (is_far && best.type != type)
    message += fmt::format(": the table is of {} products, and the operators' codes are {}",
                           best.type == CodeType::uint8 ? "unsigned" : "signed", word_of(type));
  log(LogLevel::warning, message);
}

}  // namespace qfi
