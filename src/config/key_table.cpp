// SPDX-License-Identifier: Apache-2.0
#include "key_table.hpp"

namespace qfi {
namespace {

std::string refusal_of(const Key& key) { return key.refusal ? key.refusal() : ""; }

KeyDoc document(const Key& key, const std::string& parent) {
  KeyDoc doc;
  doc.name = key.name;
  doc.path = parent.empty() ? key.name : parent + "." + key.name;
  doc.default_text = key.default_text;
  if (key.default_text.empty() && !key.is_required) doc.default_json = key.value.json();
  doc.unit = key.unit;
  doc.sentence = key.sentence;
  doc.example = key.example;
  doc.is_required = key.is_required;
  doc.selects = key.selects;
  key.value.describe(doc);
  return doc;
}

}  // namespace

KeyTable joined(std::initializer_list<KeyTable> tables) {
  KeyTable keys;
  for (const KeyTable& table : tables) keys.insert(keys.end(), table.begin(), table.end());
  return keys;
}

std::vector<std::string> names_of(const KeyTable& keys) {
  std::vector<std::string> names;
  for (const Key& key : keys) names.push_back(key.name);
  return names;
}

Result<void> read_keys(const ConfigReader& reader, const YamlNode& node, const KeyTable& keys) {
  QFI_CHECK(node.check_keys(names_of(keys)));
  return read_values(reader, node, keys);
}

Result<void> read_values(const ConfigReader& reader, const YamlNode& node, const KeyTable& keys) {
  for (const Key& key : keys) {
    if (const auto given = node.find(key.name)) {
      if (const std::string refusal = refusal_of(key); !refusal.empty()) return given->error("{}", refusal);
      QFI_CHECK(key.value.read(reader, *given));
    } else if (key.is_required) {
      QFI_CHECK(node.at(key.name));
    }
  }
  return {};
}

Json json_of(const KeyTable& keys) {
  Json json;
  for (const Key& key : keys) {
    if (!(key.is_written ? key.is_written() : refusal_of(key).empty())) continue;
    if (Json value = key.value.json(); !value.is_null()) json[key.name] = std::move(value);
  }
  return json;
}

void describe_form(KeyDoc& doc, const std::string& name, const KeyTable& keys) {
  FormDoc form{name, {}};
  for (const Key& key : keys)
    if (!key.sentence.empty()) form.keys.push_back(document(key, doc.path));
  doc.forms.push_back(std::move(form));
}

Key recorded_constant(std::string name, Value value, std::string refusal) {
  return {.name = std::move(name),
          .value = std::move(value),
          .refusal = [refusal = std::move(refusal)] { return refusal; },
          .is_written = [] { return true; }};
}

}  // namespace qfi
