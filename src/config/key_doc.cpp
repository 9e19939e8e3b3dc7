// SPDX-License-Identifier: Apache-2.0
#include "key_doc.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <functional>

namespace qfi {
namespace {

Schema scalar_of(const YAML::Node& node) {
  const bool is_plain = node.Tag() == "?";
  if (Schema json = Schema::parse(node.Scalar(), nullptr, false); is_plain && !json.is_discarded())
    return json;
  return node.Scalar();
}

Schema json_of(const YAML::Node& node) {
  if (node.IsNull()) return nullptr;
  if (node.IsScalar()) return scalar_of(node);
  Schema json = node.IsMap() ? Schema::object() : Schema::array();
  for (const auto& entry : node) {
    if (node.IsMap()) json[entry.first.Scalar()] = json_of(entry.second);
    else json.push_back(json_of(entry));
  }
  return json;
}

template <class T>
void add_new(std::vector<T>& all, const std::vector<T>& more, const auto& name) {
  for (const T& one : more)
    if (std::ranges::find(all, std::invoke(name, one), name) == all.end()) all.push_back(one);
}

void add(SharedKey& shared, const KeyDoc& doc, const std::string& form) {
  add_new(shared.doc.allowed, doc.allowed, std::identity());
  add_new(shared.doc.forms, doc.forms, &FormDoc::name);
  shared.forms.push_back(form);
}

}  // namespace

std::vector<SharedKey> shared_keys(const std::vector<FormDoc>& forms) {
  std::vector<SharedKey> keys;
  for (const FormDoc& form : forms)
    for (const KeyDoc& doc : form.keys) {
      const auto same = std::ranges::find_if(keys, [&](const SharedKey& key) {
        return key.doc.name == doc.name && key.doc.sentence == doc.sentence;
      });
      if (same == keys.end()) keys.push_back({doc, {form.name}});
      else add(*same, doc, form.name);
    }
  for (SharedKey& key : keys)
    if (key.forms.size() == forms.size() || key.forms == std::vector{key.doc.name}) key.forms.clear();
  return keys;
}

std::string default_of(const KeyDoc& doc) {
  if (doc.default_json.is_null()) return doc.default_text;
  std::string text;
  for (const char c : doc.default_json.dump()) {
    if (c != '"') text += c;
    if (c == ':' || c == ',') text += ' ';
  }
  return text;
}

std::string values_of(const KeyDoc& doc) {
  if (doc.allowed.empty()) return doc.type;
  const std::string values = fmt::format("{}", fmt::join(doc.allowed, ", "));
  return doc.type.starts_with("list of") ? doc.type + ": " + values : values;
}

std::string telling_keys(const KeyDoc& map, std::string_view quote) {
  if (map.forms.size() < 2) return "";
  std::vector<std::string> names;
  for (const FormDoc& form : map.forms) names.push_back(fmt::format("{0}{1}{0}", quote, form.name));
  return fmt::format("The map has exactly one of {}.", fmt::join(names, ", "));
}

Schema json_of_yaml(const std::string& yaml) { return json_of(YAML::Load(yaml)); }

}  // namespace qfi
