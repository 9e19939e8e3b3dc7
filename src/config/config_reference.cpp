// SPDX-License-Identifier: Apache-2.0
// The reference page of config keys, in Markdown.
#include <fmt/format.h>

#include "key_doc.hpp"
#include "qfi/config/config_help.hpp"

namespace qfi {
namespace {

std::string code(const std::string& text) { return text.empty() ? "" : "`" + text + "`"; }

std::string name_cell(const KeyDoc& doc) {
  return doc.is_required ? "**" + code(doc.name) + "**" : code(doc.name);
}

std::string with_unit(const KeyDoc& doc) {
  return doc.unit.empty() ? values_of(doc) : values_of(doc) + "; " + doc.unit;
}

std::string row(const SharedKey& key) {
  const std::string only =
      key.forms.empty() ? "" : fmt::format(" Beside `{}`.", fmt::join(key.forms, "`, `"));
  return fmt::format("| {} | {} | {} | {}{} | {} |\n", name_cell(key.doc), with_unit(key.doc),
                     default_of(key.doc), key.doc.sentence, only, code(key.doc.example));
}

std::string table(const std::vector<SharedKey>& keys) {
  std::string text = "| key | values | default | meaning | example |\n|---|---|---|---|---|\n";
  for (const SharedKey& key : keys) text += row(key);
  return text;
}

// A section for the map, then those of the maps in it.
std::string sections(const KeyDoc& map) {
  const std::vector<SharedKey> keys = shared_keys(map.forms);
  std::string words = map.sentence;
  if (const std::string telling = telling_keys(map, "`"); !telling.empty()) words += " " + telling;
  std::string text = fmt::format("\n### `{}`\n\n{}\n\n{}", map.path, words, table(keys));
  for (const SharedKey& key : keys)
    if (!key.doc.forms.empty()) text += sections(key.doc);
  return text;
}

}  // namespace

std::string config_reference() {
  const std::vector<SharedKey> keys = shared_keys({document_config()});
  std::string text = "### The file\n\nKeys in bold must be given.\n\n" + table(keys);
  for (const SharedKey& key : keys)
    if (!key.doc.forms.empty()) text += sections(key.doc);
  return text;
}

}  // namespace qfi
