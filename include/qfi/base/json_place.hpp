// SPDX-License-Identifier: Apache-2.0
// A value of a JSON file that is not trusted, and where it stands.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

class Place {
 public:
  using Json = nlohmann::ordered_json;

  Place(const Json& json, std::string where) : m_json(&json), m_where(std::move(where)) {}

  const Json& json() const { return *m_json; }
  const std::string& where() const { return m_where; }
  Result<Place> at(const std::string& key) const {
    if (!m_json->is_object() || !m_json->contains(key)) return bad_input("{}: no '{}'", m_where, key);
    return Place((*m_json)[key], m_where + "." + key);
  }
  /// nullopt too where it is null.
  std::optional<Place> find(const std::string& key) const {
    if (!m_json->is_object() || !m_json->contains(key) || (*m_json)[key].is_null()) return std::nullopt;
    return Place((*m_json)[key], m_where + "." + key);
  }
  Result<double> number() const {
    if (!m_json->is_number()) return bad_input("{}: no number", m_where);
    return m_json->get<double>();
  }
  Result<std::uint64_t> count() const {
    if (!m_json->is_number_unsigned()) return bad_input("{}: no count", m_where);
    return m_json->get<std::uint64_t>();
  }
  Result<std::string> text() const {
    if (!m_json->is_string()) return bad_input("{}: no text", m_where);
    return m_json->get<std::string>();
  }
  Result<std::vector<Place>> items() const {
    if (!m_json->is_array()) return bad_input("{}: no list", m_where);
    std::vector<Place> items;
    for (std::size_t i = 0; i < m_json->size(); ++i)
      items.emplace_back((*m_json)[i], m_where + "[" + std::to_string(i) + "]");
    return items;
  }

  Result<double> number_at(const char* key) const {
    QFI_TRY(const Place value, at(key));
    return value.number();
  }
  Result<std::uint64_t> count_at(const char* key) const {
    QFI_TRY(const Place value, at(key));
    return value.count();
  }
  Result<std::string> text_at(const char* key) const {
    QFI_TRY(const Place value, at(key));
    return value.text();
  }
  Result<std::vector<Place>> items_at(const char* key) const {
    QFI_TRY(const Place value, at(key));
    return value.items();
  }
  Result<std::optional<std::uint64_t>> count_if(const char* key) const {
    const std::optional<Place> value = find(key);
    if (!value) return std::nullopt;
    QFI_TRY(const std::uint64_t count, value->count());
    return count;
  }

 private:
  const Json* m_json;
  std::string m_where;
};

}  // namespace qfi
