// SPDX-License-Identifier: Apache-2.0
// The ports of a module as its designer named them. A module in Yosys' JSON goes in; its ports come out,
// where those that are single bits of one port (`a[0]`, `a[1]`, ..) are taken together.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

struct Port {
  enum class Direction { input, output, inout };
  std::string name;
  Direction direction = Direction::input;
  nlohmann::json bits;              ///< net numbers and constants, least significant bit first
  std::vector<std::string> labels;  ///< of each bit
};

/// In the order of their names. Errors: a port without bits or direction, and single bits of which one is
/// missing, is there twice or has another direction. Warns of single bits that do not begin at 0.
Result<std::vector<Port>> list_ports(const nlohmann::json& module);

/// "name" for one bit, else "name[index]", counted as the RTL declared it (offset, upto).
Result<std::vector<std::string>> bit_labels(const std::string& name, const nlohmann::json& entry,
                                            std::size_t width);

/// What a supply pin of this name (VDD, VSS, VPWR, VGND, ..) holds; nullopt: it is no such name.
std::optional<bool> power_level(std::string_view name);

/// The member of a JSON object; nullptr: there is none, or it is no object.
const nlohmann::json* find_member(const nlohmann::json& object, const std::string& key);

}  // namespace qfi
