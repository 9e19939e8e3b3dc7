// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/export.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"
#include "qfi/faults/fault_list.hpp"

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
  return csv_field(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// All names of all faults, in the order in which they come.
std::vector<std::string> columns_of(const Json& faults) {
  std::vector<std::string> columns;
  for (const Json& fault : faults) {
    std::size_t next = 0;  // behind the last known name, where a new one belongs
    for (const auto& [name, ignored] : fault.items()) {
      const auto found = std::ranges::find(columns, name);
      const auto place = static_cast<std::size_t>(found - columns.begin());
      if (found == columns.end()) columns.insert(columns.begin() + static_cast<std::ptrdiff_t>(next++), name);
      else next = place + 1;
    }
  }
  return columns;
}

// What a fault does not have is an empty field.
std::string csv_of(const Json& faults) {
  const std::vector<std::string> columns = columns_of(faults);
  std::string text, separator;
  for (const std::string& name : columns) {
    text += separator + csv_field(name);
    separator = ",";
  }
  text += "\n";
  for (const Json& fault : faults) {
    separator.clear();
    for (const std::string& name : columns) {
      text += separator + (fault.contains(name) ? field_of(fault[name]) : "");
      separator = ",";
    }
    text += "\n";
  }
  return text;
}

std::string text_in(const Json& fault, const char* key) {
  const auto found = fault.find(key);
  return found != fault.end() && found->is_string() ? found->get<std::string>() : "";
}

// The place is called as the list that was read called it, where one was.
std::string place_of(const Json& fault) {
  if (const std::string listed = text_in(fault, "listed_as"); !listed.empty()) return listed;
  const std::string cell = text_in(fault, "cell");
  return cell.empty() ? text_in(fault, "site") : place_in_list(cell, text_in(fault, "pin"));
}

// The class that the campaign found, as test pattern generators call it.
std::string class_in_list(const Json& fault) {
  const std::string fate = text_in(fault, "fate");
  if (fate == "table_masked") return "AN";
  if (fate == "use_masked") return "NC";
  return fault.value("critical", Json()) == true ? "DS" : "NO";
}

std::string comment_in_list(const Json& fault) {
  std::string text;
  if (const auto image = fault.find("first_changed_image");
      image != fault.end() && image->is_number_unsigned())
    text = fmt::format("// image {}", image->get<std::uint64_t>());
  if (const std::string before = text_in(fault, "listed_class"); !before.empty())
    text += fmt::format("{} was {}", text.empty() ? "//" : ",", before);
  return text;
}

Result<std::string> fault_list_of(const Json& faults, FaultListForm form) {
  std::string text =
      "// DS: changes the class of an image, the first of which is named; NO: excited, but changes none;\n"
      "// NC: changes no product that the network forms; AN: changes no product of the operands that it can "
      "form\n";
  for (std::size_t i = 0; i < faults.size(); ++i) {
    const auto value = faults[i].find("stuck_at");
    if (value == faults[i].end() || !value->is_number_unsigned() || place_of(faults[i]).empty())
      return bad_input("fault {} is no single stuck-at fault, which such a list is of", i);
    QFI_TRY(const std::string line,
            fault_list_line(form, value->get<std::uint64_t>() != 0, class_in_list(faults[i]),
                            place_of(faults[i]), comment_in_list(faults[i])));
    text += line;
  }
  return text;
}

Result<std::string> exported_faults(const Json& faults, TableFormat format) {
  if (faults.empty() || !std::ranges::all_of(faults, [](const Json& fault) { return fault.is_object(); }))
    return bad_input("no faults");
  switch (format) {
    case TableFormat::csv: return csv_of(faults);
    case TableFormat::jsonl: break;
    case TableFormat::tetramax: return fault_list_of(faults, FaultListForm::sa0);
    case TableFormat::tessent: return fault_list_of(faults, FaultListForm::zero);
  }
  std::string lines;
  for (const Json& fault : faults) lines += line_of(fault);
  return lines;
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
      if (format != TableFormat::jsonl) return bad_input("such a list is of stuck-at faults of a netlist");
      return jsonl_of_csv(table, (*set)["faults_file"]["name"].get<std::string>());
    }
    return exported_faults(faults, format);
  }();
  if (!exported) return at(results.string(), exported.error());
  return exported;
}

}  // namespace qfi
