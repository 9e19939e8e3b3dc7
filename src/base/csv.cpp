// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/csv.hpp"

#include <algorithm>

#include "qfi/base/file.hpp"

namespace qfi {
namespace {

std::size_t line_end(std::string_view text, std::size_t from) {
  return std::min(text.find('\n', from), text.size());
}

// Where the field whose first character is a quote at `begin` has its last one.
std::optional<std::size_t> closing_quote(std::string_view text, std::size_t begin) {
  for (std::size_t place = begin + 1; (place = text.find('"', place)) != std::string_view::npos; place += 2)
    if (place + 1 == text.size() || text[place + 1] != '"') return place;
  return std::nullopt;
}

}  // namespace

CsvReader::CsvReader(std::string_view text, std::string name, const CsvLimits& limits)
    : m_rest(text), m_name(std::move(name)), m_limits(limits) {
  constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";
  if (m_rest.starts_with(k_byte_order_mark)) m_rest.remove_prefix(k_byte_order_mark.size());
}

std::string CsvReader::where() const { return fmt::format("{}:{}", m_name, m_line); }

Result<bool> CsvReader::next() {
  while (m_rest.starts_with('\n') || m_rest.starts_with("\r\n")) {
    m_rest.remove_prefix(m_rest.front() == '\r' ? 2 : 1);
    ++m_lines;
  }
  if (m_rest.empty() || m_rest == "\r") return false;
  m_line = m_lines + 1;
  if (auto taken = take_row(); !taken) return at(where(), taken.error());
  return true;
}

Result<void> CsvReader::take_row() {
  m_fields.clear();
  m_unquoted.clear();
  const std::string_view text = m_rest.substr(0, m_limits.characters + 1);
  const auto is_too_long = [&](std::size_t end) { return end > m_limits.characters; };
  std::size_t end = line_end(text, 0);
  for (std::size_t begin = 0, comma = 0; begin <= end && !is_too_long(end); begin = comma + 1) {
    std::size_t quote = begin;
    if (begin < end && text[begin] == '"') {
      const auto closing = closing_quote(text, begin);
      if (!closing) return bad_input("a quote that is not closed");
      quote = *closing;
      if (quote > end) end = line_end(text, quote);
    }
    comma = std::min(text.substr(0, end).find(',', quote), end);
    std::string_view raw = text.substr(begin, comma - begin);
    if (comma == end && raw.ends_with('\r')) raw.remove_suffix(1);
    add_field(raw);
    if (m_fields.size() > m_limits.fields) return bad_input("more than {} fields", m_limits.fields);
  }
  if (is_too_long(end)) return bad_input("a line of more than {} characters", m_limits.characters);
  m_lines += 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, end), '\n'));
  m_rest.remove_prefix(std::min(end + 1, m_rest.size()));
  return {};
}

void CsvReader::add_field(std::string_view raw) {
  if (!raw.starts_with('"')) {
    m_fields.push_back(raw);
    return;
  }
  m_unquoted.reserve(m_limits.characters + 1);  // as much as a row may have: what points into it stays
  const std::size_t begin = m_unquoted.size();
  const std::size_t closing = closing_quote(raw, 0).value_or(raw.size());
  for (std::size_t i = 1; i < raw.size(); ++i) {
    if (raw[i] == '"' && i < closing) ++i;
    if (i != closing) m_unquoted += raw[i];
  }
  m_fields.push_back(std::string_view(m_unquoted).substr(begin));
}

Result<void> CsvReader::read_header() {
  QFI_TRY(const bool is_there, next());
  if (!is_there) return bad_input("{}: is empty", m_name);
  m_header.assign(m_fields.begin(), m_fields.end());
  return {};
}

std::optional<std::size_t> CsvReader::column(std::string_view name) const {
  const auto found = std::ranges::find(m_header, name);
  if (found == m_header.end()) return std::nullopt;
  return static_cast<std::size_t>(found - m_header.begin());
}

Result<void> for_each_csv_row(const std::filesystem::path& file, std::span<const std::string> names,
                              const CsvRow& row) {
  constexpr std::uint64_t k_most_bytes = std::uint64_t{1} << 30;
  QFI_TRY(const std::string text, read_file(file, k_most_bytes));
  CsvReader reader(text, file.string(), {.characters = 4096});
  QFI_CHECK(reader.read_header());
  std::vector<std::size_t> columns;
  for (const std::string& name : names) {
    const auto column = reader.column(name);
    if (!column) return bad_input("{}: the header lacks the column '{}'", reader.where(), name);
    columns.push_back(*column);
  }
  std::vector<std::string_view> chosen(names.size());
  for (;;) {
    QFI_TRY(const bool is_there, reader.next());
    if (!is_there) return {};
    const auto fields = reader.fields();
    if (fields.size() <= std::ranges::max(columns))
      return bad_input("{}: {} fields are too few", reader.where(), fields.size());
    for (std::size_t k = 0; k < columns.size(); ++k) chosen[k] = fields[columns[k]];
    QFI_CHECK(row(reader.line(), chosen));
  }
}

std::string csv_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string csv_field(std::string_view text) {
  return text.find_first_of(",\"\r\n") == std::string_view::npos ? std::string(text) : csv_quoted(text);
}

}  // namespace qfi
