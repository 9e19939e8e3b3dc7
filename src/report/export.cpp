// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/export.hpp"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"
#include "qfi/results/csv.hpp"

namespace qfi {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::uint64_t k_most_bytes = std::uint64_t{2} << 30;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_field(const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  auto text = value.get<std::string>();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

// The columns are those of the first fault.
Result<std::string> csv_of(const Json& faults) {
  std::string text, separator;
  for (const auto& [name, ignored] : faults.front().items()) {
    text += separator + name;
    separator = ",";
  }
  text += "\n";
  for (const Json& fault : faults) {
    separator.clear();
    for (const auto& [name, ignored] : faults.front().items()) {
      if (!fault.is_object() || !fault.contains(name)) return bad_input("a fault has no '{}'", name);
      text += separator + csv_field(fault[name]);
      separator = ",";
    }
    text += "\n";
  }
  return text;
}

// Numbers as numbers, nothing as null.
Json json_of_field(const std::string& field) {
  if (field.empty()) return nullptr;
  const char* const end = field.data() + field.size();
  std::int64_t integer = 0;
  if (const auto [last, error] = std::from_chars(field.data(), end, integer);
      error == std::errc() && last == end)
    return integer;
  double number = 0;
  if (const auto [last, error] = std::from_chars(field.data(), end, number);
      error == std::errc() && last == end && std::isfinite(number))
    return number;
  return field;
}

Result<std::string> jsonl_of_csv(std::string_view text) {
  constexpr std::size_t k_most_columns = 1000;
  std::vector<std::string> names;
  std::string lines;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.size() > k_longest_line) return bad_input("a line of {} bytes", line.size());
    const std::vector<std::string> fields = csv_fields(line);
    if (names.empty()) {
      if (fields.size() > k_most_columns) return bad_input("a table of {} columns", fields.size());
      names = fields;
      continue;
    }
    Json json = Json::object();
    for (std::size_t i = 0; i < std::min(names.size(), fields.size()); ++i)
      json[names[i]] = json_of_field(fields[i]);
    lines += line_of(json);
  }
  return lines;
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
      return format == TableFormat::csv ? Result<std::string>(std::move(table)) : jsonl_of_csv(table);
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
