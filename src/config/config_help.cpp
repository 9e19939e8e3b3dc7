// SPDX-License-Identifier: Apache-2.0
#include "qfi/config/config_help.hpp"

#include <fmt/format.h>

#include "key_doc.hpp"
#include "qfi/base/similar.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_columns = 100;

// `head`, then the words from column `indent` on, in as many lines as it takes.
std::string wrapped(const std::string& head, std::size_t indent, const std::string& words) {
  std::string text;
  std::string line = fmt::format("{:<{}}", head, indent - 1);
  for (const std::string_view word : split(words, ' ')) {
    if (line.size() + 1 + word.size() > k_columns) {
      text += line + "\n";
      line = std::string(indent - 1, ' ');
    }
    line += ' ';
    line += word;
  }
  return text + line + "\n";
}

std::string with_forms(const SharedKey& key) {
  return key.forms.empty() ? key.doc.sentence
                           : fmt::format("{} (Beside {}.)", key.doc.sentence, fmt::join(key.forms, ", "));
}

std::string tree(const std::vector<FormDoc>& forms, std::size_t depth) {
  constexpr std::size_t k_indent = 26;
  std::string text;
  for (const SharedKey& key : shared_keys(forms)) {
    const std::string head = std::string(2 * depth, ' ') + key.doc.name + (key.doc.is_required ? " *" : "");
    text += wrapped(head, k_indent, with_forms(key));
    if (key.doc.forms.size() > 1) text += wrapped("", k_indent, telling_keys(key.doc, ""));
    text += tree(key.doc.forms, depth + 1);
  }
  return text;
}

std::string line(const std::string& what, const std::string& words) {
  return words.empty() ? "" : wrapped("  " + what, 12, words);
}

std::string all_about(const SharedKey& key) {
  const KeyDoc& doc = key.doc;
  std::string text = doc.path + (doc.is_required ? " (must be given)" : "") + "\n\n" +
                     wrapped("", 2, doc.sentence) + "\n" + line("type", doc.type) +
                     line("values", fmt::format("{}", fmt::join(doc.allowed, ", "))) +
                     line("unit", doc.unit) + line("default", default_of(doc)) +
                     line("beside", fmt::format("{}", fmt::join(key.forms, ", "))) +
                     line("example", doc.name + ": " + doc.example);
  if (doc.forms.empty()) return text;
  if (doc.forms.size() > 1) text += "\n" + wrapped("", 2, telling_keys(doc, ""));
  return text + "\nKeys of the map (*: must be given):\n\n" + tree(doc.forms, 1);
}

void collect(const std::vector<FormDoc>& forms, std::vector<SharedKey>& keys) {
  for (SharedKey& key : shared_keys(forms)) {
    const std::vector<FormDoc> inner = key.doc.forms;
    keys.push_back(std::move(key));
    collect(inner, keys);
  }
}

std::vector<SharedKey> all_keys() {
  std::vector<SharedKey> keys;
  collect({document_config()}, keys);
  return keys;
}

// "faults[].netlist" is "faults.netlist".
std::string path_of(std::string key) {
  for (auto at = key.find("[]"); at != std::string::npos; at = key.find("[]")) key.erase(at, 2);
  return key;
}

// The paths that `key` may mean, each once.
std::vector<std::string> paths_of(const std::vector<SharedKey>& keys, const std::string& key) {
  std::vector<std::string> paths;
  for (const SharedKey& one : keys) {
    if (one.doc.path == key) return {key};
    if (one.doc.name == key && std::ranges::find(paths, one.doc.path) == paths.end())
      paths.push_back(one.doc.path);
  }
  return paths;
}

tl::unexpected<Error> unknown(const std::vector<SharedKey>& keys, const std::string& key) {
  std::vector<std::string> known;
  for (const SharedKey& one : keys) known.insert(known.end(), {one.doc.path, one.doc.name});
  const auto guess = most_similar(key, known);
  return bad_input("there is no config key '{}'{}", key,
                   guess ? "; did you mean '" + *guess + "'?" : "; see qfi help config");
}

}  // namespace

std::string config_help() {
  return "Keys of a campaign config (*: must be given); qfi help config KEY tells all about one.\n\n" +
         tree({document_config()}, 0);
}

Result<std::string> config_help(const std::string& key) {
  const std::vector<SharedKey> keys = all_keys();
  const std::vector<std::string> paths = paths_of(keys, path_of(key));
  if (paths.empty()) return unknown(keys, key);
  if (paths.size() > 1) return bad_input("the config key '{}' is one of {}", key, fmt::join(paths, ", "));
  std::string text;
  for (const SharedKey& one : keys)
    if (one.doc.path == paths.front()) text += (text.empty() ? "" : "\n") + all_about(one);
  return text;
}

}  // namespace qfi
