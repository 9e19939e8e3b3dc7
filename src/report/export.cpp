// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/export.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::uint64_t k_most_bytes = std::uint64_t{2} << 30;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string field_of(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return csv_field(value.get<std::string>());
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The columns are those of the first fault.
Result<std::string> csv_of(const Json& faults) {
  std::string text, separator;
  for (const auto& [name, ignored] : faults.front().items()) {
    text += separator + csv_field(name);
    separator = ",";
  }
  text += "\n";
  for (const Json& fault : faults) {
    separator.clear();
    for (const auto& [name, ignored] : faults.front().items()) {
      if (!fault.is_object() || !fault.contains(name)) return bad_input("a fault has no '{}'", name);
      text += separator + field_of(fault[name]);
      separator = ",";
    }
    text += "\n";
  }
  return text;
}

// A number as a number, an empty field as null.
Json json_of_field(std::string_view field) {
  if (field.empty()) return nullptr;
  if (std::int64_t integer = 0; parse_number(field, integer)) return integer;
  if (double number = 0; parse_number(field, number) && std::isfinite(number)) return number;
  return field;
}

Result<std::string> jsonl_of_csv(std::string_view text, const std::string& name) {
  CsvReader reader(text, name);
  QFI_CHECK(reader.read_header());
  std::string lines;
  for (;;) {
    QFI_TRY(const bool is_there, reader.next());
    if (!is_there) return lines;
    Json json = Json::object();
    for (std::size_t i = 0; i < std::min(reader.header().size(), reader.fields().size()); ++i)
      json[reader.header()[i]] = json_of_field(reader.fields()[i]);
    lines += line_of(json);
  }
}

Result<std::string> table_beside(const Json& set, const std::filesystem::path& folder) {
  const Json file = set.value("faults_file", Json());
  const bool is_named =
      file.is_object() && file.value("name", Json()).is_string() && file.value("sha256", Json()).is_string();
  if (!is_named) return bad_input("the set has no table of faults");
  const std::string name = file["name"];
  if (name.find('/') != std::string::npos) return bad_input("'{}' is no name of a file", printable(name));
  QFI_TRY(std::string text, read_file(folder / name, k_most_bytes));
  if (sha256_hex(bytes_of(text)) != file["sha256"].get<std::string>())
    return bad_input("{} is not the table that results.json is about", name);
  return text;
}

Result<const Json*> choose_set(const Json& sets, const std::optional<std::string>& wanted) {
  std::string names;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const Json name = sets[i].is_object() ? sets[i].value("name", Json()) : Json();
    if (!name.is_string()) return bad_input("fault_sets[{}]: no name", i);
    if ((!wanted && sets.size() == 1) || wanted == name.get<std::string>() || wanted == std::to_string(i))
      return &sets[i];
    names += (i == 0 ? "" : ", ") + name.get<std::string>();
  }
  return bad_input("choose a fault set with --set: {}", printable(names));
}

}  // namespace

Result<std::string> export_faults(const std::filesystem::path& results, TableFormat format,
                                  const std::optional<std::string>& wanted) {
  QFI_TRY(const std::string text, read_file(results, k_most_bytes));
  const auto parsed = parse_json<Json>(text);
  if (!parsed) return at(results.string(), parsed.error());
  const Json& json = *parsed;
  if (!json.is_object() || !json.contains("fault_sets") || !json["fault_sets"].is_array())
    return bad_input("{}: no results of qfi", results.string());
  auto exported = [&]() -> Result<std::string> {
    QFI_TRY(const Json* set, choose_set(json["fault_sets"], wanted));
    const Json faults = set->value("faults", Json());
    if (!faults.is_array()) {
      QFI_TRY(std::string table, table_beside(*set, results.parent_path()));
      if (format == TableFormat::csv) return table;
      return jsonl_of_csv(table, (*set)["faults_file"]["name"].get<std::string>());
    }
    if (faults.empty() || !faults.front().is_object()) return bad_input("no faults");
    if (format == TableFormat::csv) return csv_of(faults);
    std::string lines;
    for (const Json& fault : faults) lines += line_of(fault);
    return lines;
  }();
  if (!exported) return at(results.string(), exported.error());
  return exported;
}

}  // namespace qfi
