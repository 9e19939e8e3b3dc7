// SPDX-License-Identifier: Apache-2.0
// The kinds of values that config keys have, each bound to a place: how it is read, written and described.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include "key_table.hpp"
#include "qfi/config/config_names.hpp"

namespace qfi {

template <class T>
constexpr T k_largest = std::numeric_limits<T>::max();

// How values without keys of their own are described.
using Describe = std::function<void(KeyDoc&)>;
Describe describe_as(std::string type, std::vector<std::string> allowed, std::vector<Schema> schema);
/// One of `words`; those that YAML takes for numbers or booleans may stand without quotes.
Describe describe_words(const std::vector<std::string>& words);
/// A list of what `item` describes.
Describe describe_list(const Describe& item);
Describe describe_text();
Describe describe_path();

template <class T>
Describe describe_number(T smallest, T largest) {
  Schema schema = {{"type", std::is_integral_v<T> ? "integer" : "number"}, {"minimum", smallest}};
  if (largest != k_largest<T>) schema["maximum"] = largest;
  return describe_as(std::is_integral_v<T> ? "whole number" : "number",
                     {largest == k_largest<T> ? fmt::format("at least {}", smallest)
                                              : fmt::format("{} to {}", smallest, largest)},
                     {schema});
}

/// Read: (reader, node) -> Result<T>.
template <class T, class Read>
Value bound(T& place, Read read, Describe describe) {
  return {.read = [&place, read](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            QFI_TRY(place, read(reader, node));
            return {};
          },
          .json = [&place] { return Json(place); },
          .describe = std::move(describe)};
}

template <class T>
Value number(T& place, T smallest, T largest) {
  return bound(
      place, [=](const ConfigReader&, const YamlNode& node) { return node.number(smallest, largest); },
      describe_number(smallest, largest));
}

/// A list of numbers, or one.
Value number_or_numbers(std::vector<double>& place, double smallest, double largest);
/// A set of numbers, given as a list; empty: all.
template <class T>
Value number_set(std::vector<T>& place, T smallest, T largest) {
  return {.read = [&place, smallest, largest](const ConfigReader&, const YamlNode& node) -> Result<void> {
            if (!node.is_list() || node.items().empty())
              return node.error("'{}' must be a list of numbers", node.name());
            for (const YamlNode& item : node.items()) {
              QFI_TRY(place.emplace_back(), item.number(smallest, largest));
            }
            std::ranges::sort(place);
            place.erase(std::unique(place.begin(), place.end()), place.end());
            return {};
          },
          .json = [&place] { return place.empty() ? Json() : Json(place); },
          .describe = describe_list(describe_number(smallest, largest))};
}

/// Strictly between 0 and 1.
Value fraction(double& place);
Value text(std::string& place);
/// Relative to the config's folder.
Value path(ConfigPath& place);
/// A list of paths, or one; empty: none.
Value paths(std::vector<ConfigPath>& place);
/// Relative to the current folder.
Value output_path(ConfigPath& place);
Value flag(bool& place);
/// Operator numbers, names of tensors; empty: all.
Value names_or_all(std::vector<std::string>& place);
/// A word that others have read before.
Value fixed_word(std::string word);

template <class T>
std::vector<std::string> words_of(const Names<T>& names) {
  std::vector<std::string> words;
  for (const auto& entry : names) words.push_back(entry.first);
  return words;
}

template <class T>
Value choice(T& place, Names<T> names) {
  Describe describe = describe_words(words_of(names));
  const auto shared = std::make_shared<const Names<T>>(std::move(names));
  return {.read = [&place, shared](const ConfigReader&, const YamlNode& node) -> Result<void> {
            QFI_TRY(place, node.choice(*shared));
            return {};
          },
          .json = [&place, shared] { return Json(name_in(*shared, place)); },
          .describe = std::move(describe)};
}

/// A set of the named values, given as a list; may be empty before it is read.
template <class T>
Value choices(std::vector<T>& place, Names<T> names) {
  Describe describe = describe_list(describe_words(words_of(names)));
  const auto shared = std::make_shared<const Names<T>>(std::move(names));
  return {.read = [&place, shared](const ConfigReader&, const YamlNode& node) -> Result<void> {
            if (!node.is_list() || node.items().empty())
              return node.error("'{}' must be a list, e.g. [{}]", node.name(), shared->front().first);
            place.clear();
            for (const YamlNode& item : node.items()) {
              QFI_TRY(place.emplace_back(), item.choice(*shared));
            }
            std::ranges::sort(place);
            place.erase(std::unique(place.begin(), place.end()), place.end());
            return {};
          },
          .json =
              [&place, shared] {
                Json json;
                for (const T value : place) json.push_back(name_in(*shared, value));
                return json;
              },
          .describe = std::move(describe)};
}

/// Make: (T&) -> Value, for where a value is given.
template <class T, class Make>
Value maybe(std::optional<T>& place, Make make) {
  return {.read = [&place, make](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            T value{};
            QFI_CHECK(make(value).read(reader, node));
            place = std::move(value);
            return {};
          },
          .json = [&place, make] { return place ? make(*place).json() : Json(); },
          .describe =
              [make](KeyDoc& doc) {
                T value{};
                make(value).describe(doc);
              }};
}

/// A map; an empty one is not written.
Value map(KeyTable keys);

/// Nothing more to check about a map.
struct Unchecked {
  template <class T>
  Result<void> operator()(const YamlNode&, T&) const {
    return {};
  }
};

/// A map of `keys_of(place)`. Check: (node, place) -> Result<void>, what concerns several keys; it may derive
/// values.
template <class T, class Check = Unchecked>
Value map_of(T& place, Check check = {}) {
  return {.read = [&place, check](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            QFI_CHECK(read_keys(reader, node, keys_of(place)));
            return check(node, place);
          },
          .json = [&place] { return json_of(keys_of(place)); },
          .describe =
              [](KeyDoc& doc) {
                T value{};
                doc.type = "map";
                const KeyTable keys = keys_of(value);
                describe_form(doc, keys.front().name, keys);
              }};
}

/// A list of maps, or one.
template <class T>
Value map_or_maps(std::vector<T>& place) {
  return {.read = [&place](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            for (const YamlNode& item : node.is_list() ? node.items() : std::vector{node}) {
              QFI_CHECK(map_of(place.emplace_back()).read(reader, item));
            }
            return {};
          },
          .json =
              [&place] {
                Json json = Json::array();
                for (T& item : place) json.push_back(json_of(keys_of(item)));
                return json;
              },
          .describe =
              [](KeyDoc& doc) {
                T value{};
                map_of(value).describe(doc);
                doc.type = "map, or list of maps";
                doc.may_be_list = true;
              }};
}

/// One alternative of a variant: a word, or a map that is told by its first key.
struct Form {
  std::string usage;              ///< "exhaustive"; "margin: .., confidence: .."
  std::vector<std::string> keys;  ///< the telling one first; of a word: empty
  std::function<bool()> holds;    ///< whether the value is of this form
  Value value;
};

template <class T, class Variant>
Form word(Variant& place, std::string usage) {
  return {usage,
          {},
          [&place] { return std::holds_alternative<T>(place); },
          {.read = [&place](const ConfigReader&, const YamlNode&) -> Result<void> {
             place = T{};
             return {};
           },
           .json = [usage] { return Json(usage); },
           .describe = describe_words({usage})}};
}

template <class T, class Variant, class Check = Unchecked>
Form form(Variant& place, std::string usage, Check check = {}) {
  T unset{};
  return {std::move(usage),
          names_of(keys_of(unset)),
          [&place] { return std::holds_alternative<T>(place); },
          {.read = [&place, check](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
             return map_of(place.template emplace<T>(), check).read(reader, node);
           },
           .json = [&place] { return json_of(keys_of(std::get<T>(place))); },
           .describe =
               [](KeyDoc& doc) {
                 T value{};
                 map_of(value).describe(doc);
               }}};
}

/// Words stand first; the others are maps, of which exactly one telling key is given.
Value one_of(std::vector<Form> forms);

}  // namespace qfi
