// SPDX-License-Identifier: Apache-2.0
// What is said about config keys: plain values, collected from the tables of keys. Help, schema and reference
// page are written from them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace qfi {

using Schema = nlohmann::ordered_json;

struct FormDoc;

struct KeyDoc {
  std::string name;
  std::string path;  ///< "faults.storage.protection"
  std::string type;
  nlohmann::json default_json;  ///< null: there is none, or it is no plain value
  std::string default_text;     ///< what is said where `default_json` is null
  std::string unit;
  std::vector<std::string> allowed;  ///< words, ranges, and maps as "{first: n}"
  std::string sentence;
  std::string example;  ///< a value, as YAML
  bool is_required = false;
  bool selects = false;        ///< a value that selects nothing is an error
  bool may_be_map = true;      ///< where there are forms: one map of them
  bool may_be_list = false;    ///< where there are forms: a list of such maps
  std::vector<FormDoc> forms;  ///< the maps that the value may be
  std::vector<Schema> schema;  ///< of the values that are neither a map nor a list of maps
};

/// One set of keys that a map may have.
struct FormDoc {
  std::string name;  ///< the key that tells it from the other forms
  std::vector<KeyDoc> keys;
};

/// A key that several forms of a map have, told once. Keys of one name that mean different things stay apart.
struct SharedKey {
  KeyDoc doc;
  std::vector<std::string> forms;  ///< names of those that have it; empty: all, or its own
};

/// All keys of a campaign config.
FormDoc document_config();

/// Each key once, in the order of first appearance.
std::vector<SharedKey> shared_keys(const std::vector<FormDoc>& forms);

/// "default" as it would be written in YAML; empty: there is none.
std::string default_of(const KeyDoc& doc);
/// What the value may be: "0 to 1", "raw, offset"; where nothing limits it, its type.
std::string values_of(const KeyDoc& doc);
/// Which keys tell the forms of a map apart, as a sentence; empty: there is one form. Names are put between
/// `quote`s.
std::string telling_keys(const KeyDoc& map, std::string_view quote);

/// YAML as JSON: plain scalars that JSON knows are numbers or booleans, all others are texts. Precondition:
/// valid YAML; for texts of our own.
Schema json_of_yaml(const std::string& yaml);

}  // namespace qfi
