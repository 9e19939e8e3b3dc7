// SPDX-License-Identifier: Apache-2.0
// Reads a described value from JSON that is not trusted. The first field that is missing or wrong ends it.
#pragma once

#include <cmath>

#include "fields.hpp"
#include "qfi/base/json_place.hpp"
#include "qfi/base/text.hpp"

namespace qfi {

class JsonReader {
 public:
  using Json = Place::Json;

  /// `task`: nullptr until the value itself says which it is.
  JsonReader(Place place, const Task* task) : m_place(std::move(place)), m_task(task) {}

  const Result<void>& status() const { return m_status; }

  template <class T>
  void field(const char* key, T&& value, const char* = "") {
    if (!m_status) return;
    const Result<Place> place = m_place.at(key);
    if (!place) return fail(place.error());
    read(*place, value);
  }
  template <class T>
  void optional(const char* key, T&& value, const char* = "") {
    if (!m_status) return;
    if (const std::optional<Place> place = m_place.find(key)) read_optional(*place, value);
  }
  template <class T>
  void nullable(const char* key, T&& value, const char* = "") {
    optional(key, value);
  }
  template <class T>
  void by_task(const char* TaskNames::*name, T& value) {
    if (const char* key = m_task->names().*name) field(key, value);
  }
  template <class T>
  void by_task(const char* TaskNames::*name, std::optional<T>& value) {
    if (const char* key = m_task->names().*name) field(key, value.emplace());
  }
  void numbers(FieldsOfTask fields, std::vector<Number>& values) {
    values.clear();
    for (const NumberField& known : (m_task->*fields)()) {
      Number& number = values.emplace_back();
      if (known.kind == NumberField::Kind::count) {
        field(known.key, number.emplace<std::uint64_t>());
      } else {
        std::optional<double> found;
        optional(known.key, share(found));
        if (found) number = *found;
        else if (known.kind == NumberField::Kind::share) field(known.key, number.emplace<double>());
      }
    }
  }
  void number_object(const char* key, FieldsOfTask fields, std::vector<Number>& values) {
    if (!m_status) return;
    const Result<Place> place = m_place.at(key);
    if (!place) return fail(place.error());
    JsonReader inner(*place, m_task);
    inner.numbers(fields, values);
    m_status = inner.m_status;
  }
  void derived_group(std::vector<std::optional<double>>& values) {
    values.assign(m_task->derived_metrics().size(), std::nullopt);
    const char* const key = m_task->names().derived_key;
    if (key == nullptr || !m_status) return;
    const std::optional<Place> group = m_place.find(key);
    if (!group) return;
    JsonReader inner(*group, m_task);
    for (std::size_t i = 0; i < values.size(); ++i)
      inner.optional(m_task->derived_metrics()[i].short_key, share(values[i]));
    m_status = inner.m_status;
  }
  void derived_of_drawn(std::vector<std::optional<double>>& values) {
    values.assign(m_task->derived_metrics().size(), std::nullopt);
    for (std::size_t i = 0; i < values.size(); ++i)
      optional((std::string(m_task->derived_metrics()[i].key) + "_of_drawn").c_str(), share(values[i]));
  }
  void layer_or_all(const char* key, std::optional<std::uint64_t>& layer) {
    if (!m_status || !m_place.json().is_object()) return;
    if (m_place.json().contains(key) && m_place.json()[key].is_number()) field(key, layer.emplace());
  }
  template <class T>
  void inlined(T& value) {
    describe(*this, value);
  }
  void kind(KindResults& kind) {
    if (!m_status) return;
    if (m_place.find("faults")) kind.emplace<NetlistResults>();
    else if (m_place.find("product_table")) kind.emplace<TableResults>();
    else kind.emplace<StoredBitResults>();
    std::visit([&](auto& results) { describe(*this, results); }, kind);
  }
  void json_text(const char* key, std::string& text, const char* = "") {
    if (!m_status) return;
    const Result<Place> place = m_place.at(key);
    if (!place) return fail(place.error());
    text = place->json().dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  void task(const char* key, const Task*& task) {
    std::string name;
    field(key, name);
    if (!m_status) return;
    task = m_task = find_task(name);
    if (task == nullptr)
      m_status = bad_input("{}.{}: this program knows no task '{}'", m_place.where(), key, printable(name));
  }

 private:
  void fail(Error error) { m_status = tl::unexpected(std::move(error)); }

  template <class T>
  void read(const Place& place, T& value) {
    if constexpr (std::is_same_v<T, bool>) take(boolean(place), value);
    else if constexpr (std::is_same_v<T, std::uint64_t>) take(place.count(), value);
    else if constexpr (std::is_same_v<T, std::int64_t>) take(integer(place), value);
    else if constexpr (std::is_same_v<T, double>) take(place.number(), value);
    else if constexpr (std::is_same_v<T, std::string>) take(place.text(), value);
    else read_object(place, value);
  }
  template <class T>
  void read(const Place& place, std::vector<T>& values) {
    const auto items = place.items();
    if (!items) return fail(items.error());
    values.clear();
    for (const Place& item : *items) {
      read(item, values.emplace_back());
      if (!m_status) return;
    }
  }
  template <std::size_t N>
  void read(const Place& place, std::array<std::uint64_t, N>& values) {
    std::vector<std::uint64_t> found;
    read(place, found);
    if (!m_status) return;
    if (found.size() != N)
      return fail({fmt::format("{}: a histogram of {} steps, not {}", place.where(), found.size(), N)});
    std::ranges::copy(found, values.begin());
  }
  void read(const Place& place, Interval& interval) {
    std::vector<double> ends;
    read(place, ends);
    if (!m_status) return;
    if (ends.size() != 2 || !(ends[0] <= ends[1]))
      return fail({fmt::format("{}: two numbers, the lower one first, make an interval", place.where())});
    interval = {ends[0], ends[1]};
  }
  template <class T>
  void read(const Place& place, ShareOf<T> marked) {
    read(place, marked.value);
    if (m_status && !is_share(marked.value)) fail({fmt::format("{}: no share", place.where())});
  }
  template <class T>
  void read(const Place& place, BitOf<T> marked) {
    read(place, marked.value);
    if (m_status && marked.value > 63)
      fail({fmt::format("{}: no bit of a value is {}", place.where(), marked.value)});
  }

  template <class T>
  void read_optional(const Place& place, std::optional<T>& value) {
    read(place, value.emplace());
  }
  template <class T>
  void read_optional(const Place& place, const ShareOf<std::optional<T>>& marked) {
    read(place, share(marked.value.emplace()));
  }
  template <class T>
  void read_optional(const Place& place, const BitOf<std::optional<T>>& marked) {
    read(place, bit(marked.value.emplace()));
  }

  template <class T>
  void read_object(const Place& place, T& value) {
    JsonReader inner(place, m_task);
    describe(inner, value);
    m_status = inner.m_status;
  }
  template <class T>
  void take(Result<T> found, T& value) {
    if (found) value = std::move(*found);
    else fail(found.error());
  }

  static Result<bool> boolean(const Place& place) {
    if (!place.json().is_boolean()) return bad_input("{}: neither true nor false", place.where());
    return place.json().get<bool>();
  }
  static Result<std::int64_t> integer(const Place& place) {
    if (!place.json().is_number_integer()) return bad_input("{}: no whole number", place.where());
    return place.json().get<std::int64_t>();
  }
  static bool is_share(double value) { return value >= 0.0 && value <= 1.0; }
  static bool is_share(const Interval& interval) { return interval.low >= 0.0 && interval.high <= 1.0; }

  Place m_place;
  const Task* m_task;
  Result<void> m_status;
};

}  // namespace qfi
