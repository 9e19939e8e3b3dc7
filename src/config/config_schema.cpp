// SPDX-License-Identifier: Apache-2.0
// The JSON Schema of a config. What concerns several keys is checked by the program alone.
#include "key_doc.hpp"
#include "qfi/base/text.hpp"
#include "qfi/config/config_help.hpp"

namespace qfi {
namespace {

Schema schema_of(const KeyDoc& doc);

Schema map_schema(const FormDoc& form) {
  Schema properties = Schema::object();
  Schema required = Schema::array();
  for (const KeyDoc& doc : form.keys) {
    properties[doc.name] = schema_of(doc);
    if (doc.is_required) required.push_back(doc.name);
  }
  Schema schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

Schema any_of(const std::vector<Schema>& schemas) {
  return schemas.size() == 1 ? schemas.front() : Schema{{"anyOf", schemas}};
}

// Where maps must stand in a list, one is needed.
Schema list_schema(const KeyDoc& doc, const std::vector<Schema>& maps) {
  Schema schema = {{"type", "array"}, {"items", any_of(maps)}};
  if (!doc.may_be_map) schema["minItems"] = 1;
  return schema;
}

Schema schema_of(const KeyDoc& doc) {
  std::vector<Schema> maps;
  for (const FormDoc& form : doc.forms) maps.push_back(map_schema(form));
  std::vector<Schema> values = doc.schema;
  if (doc.may_be_map) values.insert(values.end(), maps.begin(), maps.end());
  if (doc.may_be_list) values.push_back(list_schema(doc, maps));
  Schema schema = {
      {"description", doc.unit.empty() ? doc.sentence : doc.sentence + " Unit: " + doc.unit + "."}};
  schema.update(any_of(values));
  if (!doc.default_json.is_null()) schema["default"] = doc.default_json;
  schema["examples"] = Schema::array({json_of_yaml(doc.example)});
  return schema;
}

Schema variable_schema() {
  return {{"description", "The value of a variable (--define, environment), or its default."},
          {"type", "string"},
          {"pattern", R"(^\$\{[^=}]*=[^}]*\}$)"}};
}

}  // namespace

std::string config_schema() {
  Schema schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                   {"title", "qfi campaign config"}};
  schema.update(map_schema(document_config()));
  schema["$defs"] = {{"variable", variable_schema()}};
  return json_text(schema);
}

}  // namespace qfi
