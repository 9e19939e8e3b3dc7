// SPDX-License-Identifier: Apache-2.0
#include "netlist_json.hpp"

#include <algorithm>

#include "port_list.hpp"
#include "qfi/base/text.hpp"

namespace qfi {

using nlohmann::json;

bool is_note(const std::string& type) { return type == "$scopeinfo"; }

bool is_physical(const json& cell) {
  const json* connections = find_member(cell, "connections");
  if (connections == nullptr || !connections->is_object()) return false;
  for (const auto& [pin, bits] : connections->items())
    if (!power_level(pin) && !bits.empty()) return false;
  return true;
}

Result<std::uint64_t> lut_table(const json& cell, std::size_t inputs) {
  const json* parameters = find_member(cell, "parameters");
  const json* text = parameters == nullptr ? nullptr : find_member(*parameters, "LUT");
  const std::size_t rows = std::size_t{1} << inputs;
  if (text == nullptr || !text->is_string() || text->get_ref<const std::string&>().size() != rows)
    return bad_input("its parameter LUT is no text of {} rows", rows);
  const auto& bits = text->get_ref<const std::string&>();
  std::uint64_t table = 0;
  if (bits.find_first_not_of('x') == std::string::npos) return table;  // without rows it is 0
  for (std::size_t i = 0; i < 64; ++i) {
    const char bit = bits[rows - 1 - i % rows];
    if (bit != '0' && bit != '1') return bad_input("its parameter LUT is no text of {} rows", rows);
    table |= std::uint64_t{bit == '1'} << i;
  }
  return table;
}

std::vector<std::string> source_lines(std::string_view src) {
  std::vector<std::string> lines;
  for (const std::string_view place : split(src, '|')) {
    const std::size_t colon = place.rfind(':');
    if (colon == std::string_view::npos) continue;
    const std::size_t slash = place.rfind('/', colon);
    const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    const std::size_t end = std::min(place.find_first_not_of("0123456789", colon + 1), place.size());
    std::string line(place.substr(begin, end - begin));
    if (end > colon + 1 && std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> sources_of(const json& owner) {
  const json* attributes = find_member(owner, "attributes");
  const json* value = attributes == nullptr ? nullptr : find_member(*attributes, "src");
  return value == nullptr || !value->is_string() ? std::vector<std::string>()
                                                 : source_lines(value->get_ref<const std::string&>());
}

std::string instance_of(const std::string& name, const json& cell) {
  const json* attributes = find_member(cell, "attributes");
  const json* value = attributes == nullptr ? nullptr : find_member(*attributes, k_instance_attribute);
  if (value != nullptr && value->is_string()) return value->get<std::string>();
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos || name.starts_with('$') ? "" : name.substr(0, dot);
}

}  // namespace qfi
