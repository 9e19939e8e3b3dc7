// SPDX-License-Identifier: Apache-2.0
// Strict reading of YAML: every error names file, line and column.
#pragma once

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/base/similar.hpp"

namespace qfi {

struct YamlFile {
  std::string name;
  std::function<std::optional<std::string>(const std::string&)> variable;  ///< its value; may be empty
};

class YamlNode {
 public:
  YamlNode(const YAML::Node& node, const YamlFile* file, std::string name)
      : m_node(node), m_file(file), m_name(std::move(name)) {}

  const std::string& name() const { return m_name; }
  bool is_map() const { return m_node.IsMap(); }
  bool is_list() const { return m_node.IsSequence(); }
  bool is_scalar() const { return m_node.IsScalar(); }

  template <class... Args>
  tl::unexpected<Error> error(fmt::format_string<Args...> format, Args&&... args) const {
    const YAML::Mark mark = m_node.Mark();
    return bad_input("{}:{}:{}: {}", m_file->name, mark.line + 1, mark.column + 1,
                     fmt::format(format, std::forward<Args>(args)...));
  }

  /// A map with only these keys, none of them twice.
  Result<void> check_keys(const std::vector<std::string>& known) const {
    if (!m_node.IsMap()) return error("'{}' must be a map of keys and values", m_name);
    std::vector<std::string> seen;
    for (const auto& entry : m_node) {
      const YamlNode key(entry.first, m_file, m_name);
      QFI_TRY(const std::string text, key.text());
      if (std::ranges::find(seen, text) != seen.end()) return key.error("key '{}' appears twice", text);
      seen.push_back(text);
      if (std::ranges::find(known, text) != known.end()) continue;
      const auto guess = most_similar(text, known);
      return key.error("unknown key '{}' in '{}'{}", text, m_name,
                       guess ? "; did you mean '" + *guess + "'?" : "");
    }
    return {};
  }

  std::optional<YamlNode> find(const std::string& key) const {
    for (const auto& entry : m_node)
      if (entry.first.IsScalar() && entry.first.Scalar() == key) return YamlNode(entry.second, m_file, key);
    return std::nullopt;
  }

  Result<YamlNode> at(const std::string& key) const {
    if (auto found = find(key)) return *found;
    return error("key '{}' is missing in '{}'", key, m_name);
  }

  /// Items of a list, values of a map.
  std::vector<YamlNode> items() const {
    std::vector<YamlNode> result;
    for (const auto& item : m_node)
      result.emplace_back(m_node.IsMap() ? YAML::Node(item.second) : YAML::Node(item), m_file, m_name);
    return result;
  }

  /// Keys and values of a map.
  std::vector<std::pair<std::string, YamlNode>> entries() const {
    std::vector<std::pair<std::string, YamlNode>> result;
    for (const auto& entry : m_node)
      if (entry.first.IsScalar())
        result.emplace_back(entry.first.Scalar(), YamlNode(entry.second, m_file, entry.first.Scalar()));
    return result;
  }

  Result<std::string> text() const {
    if (!m_node.IsScalar()) return error("'{}' must be a single value", m_name);
    return value();
  }

  template <class T>
  Result<T> number(T smallest, T largest) const {
    T result{};
    if (!m_node.IsScalar() || !parse(value(), result)) return error("'{}' must be a number", m_name);
    if (!(result >= smallest && result <= largest))
      return error("'{}' is {}; {} to {} are possible", m_name, result, smallest, largest);
    return result;
  }

  /// One of the named values.
  template <class T>
  Result<T> choice(const std::vector<std::pair<std::string, T>>& choices) const {
    QFI_TRY(const std::string given, text());
    std::vector<std::string> names;
    for (const auto& [name, value] : choices) {
      if (name == given) return value;
      names.push_back(name);
    }
    const auto guess = most_similar(given, names);
    return error("'{}' cannot be '{}'; possible: {}{}", m_name, given, fmt::join(names, ", "),
                 guess ? "; did you mean '" + *guess + "'?" : "");
  }

 private:
  // `${NAME=default}`, and nothing else, is the variable's value or the default.
  std::string value() const {
    const std::string& text = m_node.Scalar();
    const auto equals = text.find('=');
    if (!text.starts_with("${") || text.find('}') != text.size() - 1 || equals == std::string::npos)
      return text;
    const auto given = m_file->variable ? m_file->variable(text.substr(2, equals - 2)) : std::nullopt;
    return given.value_or(text.substr(equals + 1, text.size() - equals - 2));
  }

  // Decimal only; 010 is ten.
  template <class T>
  static bool parse(const std::string& text, T& value) {
    const char* last = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), last, value);
    return parsed.ec == std::errc() && parsed.ptr == last;
  }

  YAML::Node m_node;
  const YamlFile* m_file;
  std::string m_name;
};

}  // namespace qfi
