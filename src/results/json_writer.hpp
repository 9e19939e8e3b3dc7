// SPDX-License-Identifier: Apache-2.0
// Writes a described value as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "fields.hpp"

namespace qfi {

class JsonWriter {
 public:
  using Json = nlohmann::ordered_json;

  explicit JsonWriter(const Task& task) : m_task(task) {}

  Json& json() { return m_json; }

  template <class T>
  void field(const char* key, T&& value, const char* = "") {
    m_json[key] = json_of(unmarked(value));
  }
  template <class T>
  void optional(const char* key, T&& value, const char* = "") {
    if (const auto& given = unmarked(value)) m_json[key] = json_of(*given);
  }
  template <class T>
  void nullable(const char* key, T&& value, const char* = "") {
    const auto& given = unmarked(value);
    m_json[key] = given ? json_of(*given) : Json(nullptr);
  }
  template <class T>
  void by_task(const char* TaskNames::*name, T& value) {
    if (const char* key = m_task.names().*name) field(key, value);
  }
  template <class T>
  void by_task(const char* TaskNames::*name, std::optional<T>& value) {
    if (const char* key = m_task.names().*name) optional(key, value);
  }
  void numbers(FieldsOfTask fields, const std::vector<Number>& values) {
    const std::span<const NumberField> known = (m_task.*fields)();
    for (std::size_t i = 0; i < known.size(); ++i) m_json[known[i].key] = json_of(values[i]);
  }
  void number_object(const char* key, FieldsOfTask fields, const std::vector<Number>& values) {
    JsonWriter inner(m_task);
    inner.numbers(fields, values);
    m_json[key] = std::move(inner.m_json);
  }
  void derived_group(const std::vector<std::optional<double>>& values) {
    const char* const key = m_task.names().derived_key;
    if (key == nullptr) return;
    for (std::size_t i = 0; i < values.size(); ++i)
      m_json[key][m_task.derived_metrics()[i].short_key] = json_of(values[i]);
  }
  void derived_of_drawn(const std::vector<std::optional<double>>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
      m_json[std::string(m_task.derived_metrics()[i].key) + "_of_drawn"] = json_of(values[i]);
  }
  void layer_or_all(const char* key, const std::optional<std::uint64_t>& layer) {
    m_json[key] = layer ? Json(*layer) : Json("all");
  }
  template <class T>
  void inlined(T& value) {
    describe(*this, value);
  }
  void kind(KindResults& kind) {
    std::visit([&](auto& results) { describe(*this, results); }, kind);
  }
  void json_text(const char* key, const std::string& text, const char* = "") {
    m_json[key] = Json::parse(text);
  }
  void task(const char* key, const Task* task) { m_json[key] = task->names().name; }

  template <class T>
  Json json_of(const T& value) const {
    if constexpr (requires(JsonWriter & writer, T & described) { describe(writer, described); }) {
      JsonWriter inner(m_task);
      describe(inner, const_cast<T&>(value));  // a writer changes nothing
      return std::move(inner.m_json);
    } else {
      return Json(value);
    }
  }
  template <class T>
  Json json_of(const std::vector<T>& values) const {
    Json list = Json::array();
    for (const T& value : values) list.push_back(json_of(value));
    return list;
  }
  template <class T>
  Json json_of(const std::optional<T>& value) const {
    return value ? json_of(*value) : Json(nullptr);
  }
  static Json json_of(const Interval& interval) { return Json::array({interval.low, interval.high}); }
  static Json json_of(const Number& number) {
    if (const auto* count = std::get_if<std::uint64_t>(&number)) return *count;
    if (const auto* share = std::get_if<double>(&number)) return *share;
    return nullptr;
  }

 private:
  template <class T>
  static const T& unmarked(const ShareOf<T>& marked) {
    return marked.value;
  }
  template <class T>
  static const T& unmarked(const BitOf<T>& marked) {
    return marked.value;
  }
  template <class T>
  static const T& unmarked(const T& value) {
    return value;
  }

  const Task& m_task;
  Json m_json = Json::object();
};

}  // namespace qfi
