// SPDX-License-Identifier: Apache-2.0
// The JSON Schema of results.json, made from the description of its fields.
#include <nlohmann/json.hpp>

#include "fields.hpp"
#include "qfi/base/text.hpp"
#include "qfi/results/results_file.hpp"

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;

// Values that occur in several places are defined once, under these names.
template <class T>
constexpr const char* k_definition = nullptr;
template <>
constexpr const char* k_definition<Estimates> = "estimates";
template <>
constexpr const char* k_definition<FaultShare> = "share";
template <>
constexpr const char* k_definition<SampledMean> = "mean";
template <>
constexpr const char* k_definition<DomainResults> = "domain";
template <>
constexpr const char* k_definition<SampleResults> = "sample";
template <>
constexpr const char* k_definition<StoppedResults> = "stopped";
template <>
constexpr const char* k_definition<StratumResults> = "stratum";

Json null_or(Json schema) {
  if (schema.contains("type") && schema["type"].is_string()) {
    schema["type"] = Json::array({schema["type"], "null"});
    return schema;
  }
  return {{"anyOf", Json::array({std::move(schema), {{"type", "null"}}})}};
}

class SchemaWriter {
 public:
  explicit SchemaWriter(Json& definitions) : m_definitions(definitions) {}

  // No other members than those that are described.
  Json object() const {
    return {{"type", "object"},
            {"properties", m_properties},
            {"required", m_required},
            {"additionalProperties", false}};
  }

  template <class T>
  void field(const char* key, T&& value, const char* meaning = "") {
    add(key, schema_of(value), meaning);
    m_required.push_back(key);
  }
  template <class T>
  void optional(const char* key, T&& value, const char* meaning = "") {
    add(key, schema_of_given(value), meaning);
  }
  template <class T>
  void nullable(const char* key, T&& value, const char* meaning = "") {
    add(key, null_or(schema_of_given(value)), meaning);
    m_required.push_back(key);
  }
  // One of the tasks' names is there.
  template <class T>
  void by_task(const char* TaskNames::*name, T& value) {
    for (const Task* task : tasks())
      if (const char* key = task->names().*name) add(key, schema_of(value), task->names().name);
  }
  template <class T>
  void by_task(const char* TaskNames::*name, std::optional<T>&) {
    T value{};
    by_task(name, value);
  }
  // What only some tasks have is not required.
  void numbers(FieldsOfTask fields, std::vector<Number>&) {
    for (const Task* task : tasks())
      for (const NumberField& known : (task->*fields)()) {
        if (m_properties.contains(known.key)) continue;
        add(known.key, schema_of_number(known.kind), known.meaning);
        const bool is_everywhere = std::ranges::all_of(tasks(), [&](const Task* other) {
          const auto others = (other->*fields)();
          return std::ranges::any_of(
              others, [&](const NumberField& o) { return std::string_view(o.key) == known.key; });
        });
        if (is_everywhere) m_required.push_back(known.key);
      }
  }
  void number_object(const char* key, FieldsOfTask fields, std::vector<Number>& values) {
    SchemaWriter inner(m_definitions);
    inner.numbers(fields, values);
    add(key, inner.object(), "");
    m_required.push_back(key);
  }
  void derived_group(std::vector<std::optional<double>>&) {
    for (const Task* task : tasks()) {
      if (task->names().derived_key == nullptr) continue;
      SchemaWriter inner(m_definitions);
      for (const DerivedMetric& metric : task->derived_metrics()) {
        std::optional<double> value;
        inner.nullable(metric.short_key, share(value), metric.label);
      }
      add(task->names().derived_key, inner.object(), task->names().name);
    }
  }
  void derived_of_drawn(std::vector<std::optional<double>>&) {
    for (const Task* task : tasks())
      for (const DerivedMetric& metric : task->derived_metrics())
        add(std::string(metric.key) + "_of_drawn", null_or(schema_of_number(NumberField::Kind::share)),
            metric.label);
  }
  void layer_or_all(const char* key, std::optional<std::uint64_t>&) {
    add(key, {{"anyOf", Json::array({schema_of_number(NumberField::Kind::count), {{"const", "all"}}})}}, "");
    m_required.push_back(key);
  }
  template <class T>
  void inlined(T& value) {
    describe(*this, value);
  }
  // The members of one kind of fault set, which no other kind has, complete those that all have.
  void kind(KindResults&) {
    const SchemaWriter common = *this;
    Json choices = Json::array();
    add_kind<NetlistResults>(common, "stuck-at faults of a netlist", choices);
    add_kind<StoredBitResults>(common, "faults of stored bits", choices);
    add_kind<TableResults>(common, "a user's product table", choices);
    m_choices = std::move(choices);
  }
  void json_text(const char* key, std::string&, const char* meaning) {
    add(key, {{"type", "object"}}, meaning);
    m_required.push_back(key);
  }
  void task(const char* key, const Task*&) {
    Json names = Json::array();
    for (const Task* task : tasks()) names.push_back(task->names().name);
    add(key, {{"enum", names}}, "");
    m_required.push_back(key);
  }

 private:
  void add(const std::string& key, Json schema, const char* meaning) {
    if (*meaning != '\0') schema["description"] = meaning;
    m_properties[key] = std::move(schema);
  }

  template <class T>
  static void add_kind(const SchemaWriter& common, const char* meaning, Json& choices) {
    SchemaWriter whole = common;
    T value{};
    describe(whole, value);
    Json schema = whole.object();
    schema["description"] = meaning;
    choices.push_back(std::move(schema));
  }

  static Json schema_of_number(NumberField::Kind kind) {
    if (kind == NumberField::Kind::count) return {{"type", "integer"}, {"minimum", 0}};
    Json schema = {{"type", "number"}, {"minimum", 0}, {"maximum", 1}};
    return kind == NumberField::Kind::share ? schema : null_or(schema);
  }

  template <class T>
  Json schema_of(const T&) {
    if constexpr (std::is_same_v<T, bool>) return {{"type", "boolean"}};
    else if constexpr (std::is_same_v<T, std::uint64_t>) return schema_of_number(NumberField::Kind::count);
    else if constexpr (std::is_same_v<T, std::int64_t>) return {{"type", "integer"}};
    else if constexpr (std::is_same_v<T, double>) return {{"type", "number"}};
    else if constexpr (std::is_same_v<T, std::string>) return {{"type", "string"}};
    else if constexpr (std::is_same_v<T, Interval>)
      return {{"type", "array"}, {"items", {{"type", "number"}}}, {"minItems", 2}, {"maxItems", 2}};
    else return schema_of_object<T>();
  }
  template <class T>
  Json schema_of(const std::vector<T>&) {
    return {{"type", "array"}, {"items", schema_of(T{})}};
  }
  template <std::size_t N>
  Json schema_of(const std::array<std::uint64_t, N>&) {
    return {{"type", "array"},
            {"items", schema_of_number(NumberField::Kind::count)},
            {"minItems", N},
            {"maxItems", N}};
  }
  template <class T>
  Json schema_of(const ShareOf<T>& marked) {
    Json schema = schema_of(marked.value);
    Json& number = schema.contains("items") ? schema["items"] : schema;
    number["minimum"] = 0;
    number["maximum"] = 1;
    return schema;
  }
  template <class T>
  Json schema_of(const BitOf<T>& marked) {
    Json schema = schema_of(marked.value);
    schema["maximum"] = 63;
    return schema;
  }
  template <class T>
  Json schema_of_given(const std::optional<T>&) {
    return schema_of(T{});
  }
  template <class T>
  Json schema_of_given(const ShareOf<std::optional<T>>&) {
    T value{};
    return schema_of(share(value));
  }
  template <class T>
  Json schema_of_given(const BitOf<std::optional<T>>&) {
    T value{};
    return schema_of(bit(value));
  }
  template <class T>
  Json schema_of_object() {
    const char* const name = k_definition<T>;
    if (name != nullptr && m_definitions.contains(name)) return {{"$ref", std::string("#/$defs/") + name}};
    SchemaWriter inner(m_definitions);
    T value{};
    describe(inner, value);
    Json schema = inner.m_choices.is_null() ? inner.object() : Json{{"oneOf", inner.m_choices}};
    if (name == nullptr) return schema;
    m_definitions[name] = std::move(schema);
    return {{"$ref", std::string("#/$defs/") + name}};
  }

  Json& m_definitions;
  Json m_properties = Json::object();
  Json m_required = Json::array();
  Json m_choices;  ///< null: the object has one form
};

}  // namespace

std::string results_schema() {
  Json definitions = Json::object();
  SchemaWriter writer(definitions);
  CampaignResults results;
  describe(writer, results);
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"$id", k_results_schema},
                 {"$comment", "SPDX-License-Identifier: Apache-2.0"},
                 {"title", "results.json of qfi, version 2"}};
  schema.update(writer.object());
  schema["properties"]["schema"] = {{"const", k_results_schema}};
  schema["$defs"] = definitions;
  return json_text(schema);
}

}  // namespace qfi
