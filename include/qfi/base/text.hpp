// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace qfi {

/// JSON text with an entry per line, but arrays of plain values on one. Names come from files and
/// may be anything: what is not UTF-8 is replaced.
std::string json_text(const nlohmann::ordered_json& json);

std::string base64(std::string_view bytes);

/// For a terminal: newlines at the end are cut, other control characters become spaces. Names in messages
/// come from files.
std::string printable(std::string text);

}  // namespace qfi
