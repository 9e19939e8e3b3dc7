// SPDX-License-Identifier: Apache-2.0
#include "port_list.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "qfi/base/log.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using nlohmann::json;

// `a[3]`, `\a[3]`, `a<3>` and `a(3)`, as tools write bit 3 of port `a` where ports are split.
struct BitName {
  std::string port;
  std::int64_t index = 0;
};

std::optional<BitName> bit_name(std::string_view name) {
  if (name.starts_with('\\')) name.remove_prefix(1);
  if (name.ends_with(' ')) name.remove_suffix(1);
  if (name.empty()) return std::nullopt;
  constexpr std::string_view k_opening = "[<(", k_closing = "]>)";
  const std::size_t kind = k_closing.find(name.back());
  if (kind == std::string_view::npos) return std::nullopt;
  const std::size_t open = name.rfind(k_opening[kind]);
  BitName result;
  if (open == std::string_view::npos || open == 0 ||
      !parse_number(name.substr(open + 1, name.size() - open - 2), result.index) || result.index < 0)
    return std::nullopt;
  result.port = name.substr(0, open);
  return result;
}

Result<Port> read_port(const std::string& name, const json& entry) {
  Port port;
  port.name = name;
  const json* bits = find_member(entry, "bits");
  if (bits == nullptr || !bits->is_array()) return bad_input("port '{}' has no list of bits", name);
  port.bits = *bits;
  const json* direction = find_member(entry, "direction");
  const std::string word =
      direction != nullptr && direction->is_string() ? direction->get<std::string>() : "";
  if (word == "input") port.direction = Port::Direction::input;
  else if (word == "output") port.direction = Port::Direction::output;
  else if (word == "inout") port.direction = Port::Direction::inout;
  else return bad_input("port '{}' is neither input nor output nor inout", name);
  QFI_TRY(port.labels, bit_labels(name, entry, bits->size()));
  return port;
}

using PortBits = std::map<std::int64_t, Port>;

// Precondition: `bits` is not empty.
Result<Port> joined(const std::string& name, const PortBits& bits) {
  Port port{name, bits.begin()->second.direction, json::array(), {}};
  std::int64_t next = bits.begin()->first;
  for (const auto& [index, bit] : bits) {
    if (index != next++)
      return bad_input("of the ports '{}' to '{}', bit {} is missing", bits.begin()->second.name,
                       bits.rbegin()->second.name, next - 1);
    if (bit.direction != port.direction)
      return bad_input("the ports '{}' and '{}' are bits of one port and differ in direction",
                       bits.begin()->second.name, bit.name);
    port.bits.push_back(bit.bits[0]);
    port.labels.push_back(fmt::format("{}[{}]", name, index));
  }
  if (bits.begin()->first != 0)
    log(LogLevel::warning,
        fmt::format("the ports '{}' to '{}' are taken as '{}' with the first as lowest bit",
                    bits.begin()->second.name, bits.rbegin()->second.name, name));
  return port;
}

}  // namespace

const json* find_member(const json& object, const std::string& key) {
  const auto found = object.find(key);
  return object.is_object() && found != object.end() ? &*found : nullptr;
}

Result<std::vector<Port>> list_ports(const json& module) {
  const json* entries = find_member(module, "ports");
  if (entries == nullptr || !entries->is_object()) return bad_input("the module has no ports");
  std::map<std::string, Port> ports;
  std::map<std::string, PortBits> split_ports;
  for (const auto& [name, entry] : entries->items()) {
    QFI_TRY(Port port, read_port(name, entry));
    const auto bit = port.bits.size() == 1 ? bit_name(name) : std::nullopt;
    if (!bit || entries->contains(bit->port)) ports.emplace(name, std::move(port));
    else if (!split_ports[bit->port].try_emplace(bit->index, std::move(port)).second)
      return bad_input("two ports are bit {} of '{}'", bit->index, bit->port);
  }
  for (const auto& [name, bits] : split_ports) {
    QFI_TRY(ports[name], joined(name, bits));
  }
  std::vector<Port> list;
  for (auto& [name, port] : ports) list.push_back(std::move(port));
  return list;
}

Result<std::vector<std::string>> bit_labels(const std::string& name, const json& entry, std::size_t width) {
  const auto number = [&](const char* key) {
    const json* value = find_member(entry, key);
    return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
  };
  const std::int64_t offset = number("offset");
  if (offset < -1'000'000 || offset > 1'000'000) return bad_input("net name '{}' has an odd offset", name);
  const bool upto = number("upto") != 0;
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < width; ++i) {
    const std::size_t place = upto ? width - 1 - i : i;
    labels.push_back(width == 1 ? name
                                : fmt::format("{}[{}]", name, offset + static_cast<std::int64_t>(place)));
  }
  return labels;
}

std::optional<bool> power_level(std::string_view name) {
  constexpr std::array k_high = {"VDD", "VDDA", "VDDD", "VDDPE", "VDDCE",
                                 "VCC", "VCCD", "VPWR", "VPB",   "VNW"};
  constexpr std::array k_low = {"VSS", "VSSA", "VSSD", "VSSE", "GND", "VGND", "VNB", "VPW"};
  while (!name.empty() && (name.back() == '!' || std::isdigit(static_cast<unsigned char>(name.back())) != 0))
    name.remove_suffix(1);  // gnd!, vccd1
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  if (std::ranges::find(k_high, upper) != k_high.end()) return true;
  if (std::ranges::find(k_low, upper) != k_low.end()) return false;
  return std::nullopt;
}

}  // namespace qfi
