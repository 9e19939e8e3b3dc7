// SPDX-License-Identifier: Apache-2.0
// Tables of config keys. A key is written down once, with the place of its value and all that is said about
// it; reading, canonical JSON, suggestions and documentation walk the same table.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config_reader.hpp"
#include "key_doc.hpp"

namespace qfi {

using Json = nlohmann::json;

/// How a value is read, written and described; bound to its place in a config.
struct Value {
  std::function<Result<void>(const ConfigReader&, const YamlNode&)> read;
  std::function<Json()> json;             ///< null: there is nothing to write
  std::function<void(KeyDoc&)> describe;  ///< type, what is allowed, forms, schema
};

struct Key {
  std::string name;
  Value value;
  bool is_required = false;
  std::string unit = "";
  std::string default_text = "";  ///< where the place does not hold the default before it is read
  /// Why the key cannot stand here, once the keys before it are read; empty: it can. A key that cannot is not
  /// written either.
  std::function<std::string()> refusal = nullptr;
  std::function<bool()> is_written = nullptr;  ///< overrides whether canonical JSON has the key
  std::string sentence = "";                   ///< empty: the key is not documented
  std::string example = "";
  /// Whether it selects among what the model, the netlist or a file has: a value that selects nothing is an
  /// error that says what could be selected (base/selection.hpp).
  bool selects = false;
};
using KeyTable = std::vector<Key>;

KeyTable joined(std::initializer_list<KeyTable> tables);
std::vector<std::string> names_of(const KeyTable& keys);

/// A map with no other keys than these.
Result<void> read_keys(const ConfigReader& reader, const YamlNode& node, const KeyTable& keys);
/// The same where others have checked that all keys are known.
Result<void> read_values(const ConfigReader& reader, const YamlNode& node, const KeyTable& keys);

/// Canonical JSON; null where no key is written.
Json json_of(const KeyTable& keys);

/// Adds the form that these keys make to `doc`, whose path is known.
void describe_form(KeyDoc& doc, const std::string& name, const KeyTable& keys);

/// A key that results record though it has one value only; giving it is an error.
Key recorded_constant(std::string name, Value value, std::string refusal);

}  // namespace qfi
