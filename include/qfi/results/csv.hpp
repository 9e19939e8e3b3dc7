// SPDX-License-Identifier: Apache-2.0
// Owns lines of comma-separated values without line breaks in fields, as qfi writes them. Text goes in;
// fields come out.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace qfi {

/// Bytes of a line that a fault table may have.
constexpr std::size_t k_longest_line = 1 << 16;

/// Takes a line off `text`, without its end.
inline std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// Quoted fields may hold commas, and "" for a quote.
inline std::vector<std::string> csv_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && is_quoted && i + 1 < line.size() && line[i + 1] == '"') fields.back() += line[++i];
    else if (c == '"') is_quoted = !is_quoted;
    else if (c == ',' && !is_quoted) fields.emplace_back();
    else fields.back() += c;
  }
  return fields;
}

}  // namespace qfi
