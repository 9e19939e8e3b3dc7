// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/text.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <vector>

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;

void append(const Json& json, std::size_t depth, std::string& text) {
  const auto compact = [](const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  const bool is_plain_array =
      json.is_array() && std::ranges::none_of(json, [](const Json& item) { return item.is_structured(); });
  if (!json.is_structured() || json.empty() || is_plain_array) {
    text += compact(json);
    return;
  }
  const std::string indent(depth + 1, ' ');
  text += json.is_object() ? "{\n" : "[\n";
  std::size_t left = json.size();
  for (const auto& [key, value] : json.items()) {
    text += indent;
    if (json.is_object()) text += compact(Json(key)) + ": ";
    append(value, depth + 1, text);
    text += --left > 0 ? ",\n" : "\n";
  }
  text += std::string(depth, ' ') + (json.is_object() ? "}" : "]");
}

}  // namespace

std::string json_text(const Json& json) {
  std::string text;
  append(json, 0, text);
  return text + "\n";
}

Result<void> check_json(std::string_view text, std::size_t most_members) {
  constexpr std::size_t k_deepest = 64;
  std::vector<std::size_t> members;  // of the objects and lists that are open
  bool is_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_string) {
      if (c == '\\') ++i;
      else if (c == '"') is_string = false;
      continue;
    }
    if (c == '"') is_string = true;
    else if (c == '{' || c == '[') members.push_back(0);
    else if ((c == '}' || c == ']') && !members.empty()) members.pop_back();
    else if (c == ':' && !members.empty() && ++members.back() > most_members)
      return bad_input("byte {}: an object of more than {} members", i, most_members);
    if (members.size() > k_deepest) return bad_input("byte {}: nested deeper than {}", i, k_deepest);
  }
  return {};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string base64(std::string_view bytes) {
  std::string text;
  constexpr std::size_t k_piece = 3 << 20;  // whole groups, below what an int counts
  for (std::size_t place = 0; place < bytes.size(); place += k_piece) {
    const std::string_view piece = bytes.substr(place, k_piece);
    std::string encoded(4 * ((piece.size() + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                        reinterpret_cast<const unsigned char*>(piece.data()), static_cast<int>(piece.size()));
    text.append(encoded, 0, static_cast<std::size_t>(length));
  }
  return text;
}

std::string printable(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

}  // namespace qfi
