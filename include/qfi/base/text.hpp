// SPDX-License-Identifier: Apache-2.0
// Texts: JSON to and from text, numbers and parts out of text, and text that a terminal may show.
#pragma once

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

/// JSON text with an entry per line, but arrays of plain values on one. Names come from files and
/// may be anything: what is not UTF-8 is replaced.
std::string json_text(const nlohmann::ordered_json& json);

/// Error: a file of JSON that is not trusted nests deeper than 64, or has an object of more than
/// `most_members`: both cost far more than their size.
Result<void> check_json(std::string_view text, std::size_t most_members);

/// The value that a text means. Errors: that of check_json, or the text is no JSON.
template <class Json>
Result<Json> parse_json(std::string_view text, std::size_t most_members = 1000) {
  QFI_CHECK(check_json(text, most_members));
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return bad_input("no JSON");
  return json;
}

std::string base64(std::string_view bytes);

/// The parts between separators: one more than there are of them.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Whether all of the text is a number; then that is its value.
template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

/// A text that a terminal may show, as names in messages come from files: newlines at the end are cut, other
/// control characters become spaces.
std::string printable(std::string text);

}  // namespace qfi
