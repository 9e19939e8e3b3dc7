// SPDX-License-Identifier: Apache-2.0
// What is told about config keys. In: nothing but a key's name, since all of it comes from the tables that
// configs are read with. Out: help for a terminal, a JSON Schema for editors, a reference page in Markdown.
#pragma once

#include <string>

#include "qfi/base/result.hpp"

namespace qfi {

/// The tree of all keys, a sentence each; at most 100 columns wide.
std::string config_help();

/// All about one key: a path ("faults.storage.protection"), or a last name that one path alone has. Errors:
/// there is no such key, with a suggestion, or several.
Result<std::string> config_help(const std::string& key);

/// JSON Schema, draft 2020-12.
std::string config_schema();

/// A section for each map, with a table of its keys.
std::string config_reference();

}  // namespace qfi
