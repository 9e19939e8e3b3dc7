// SPDX-License-Identifier: Apache-2.0
#include "qfi/results/results_file.hpp"

#include <algorithm>
#include <set>

#include "json_reader.hpp"
#include "json_writer.hpp"
#include "qfi/base/file.hpp"

namespace qfi {
namespace {

using Json = JsonWriter::Json;

constexpr std::uint64_t k_most_file_bytes = std::uint64_t{2} << 30;
constexpr std::size_t k_most_sets = 1000;

// What no field alone can tell.
Result<void> check_domains(const SetResults& set, const StoredBitResults& bits) {
  std::set<std::pair<std::uint64_t, std::optional<std::string>>> layers;
  for (const DomainResults& domain : bits.by_layer)
    if (domain.layer && !layers.insert({*domain.layer, domain.stage}).second)
      return bad_input("set '{}': two rows of layer {}", set.name, *domain.layer);
  const auto has = [](const auto& member) {
    return [member](const DomainResults& domain) { return (domain.*member).has_value(); };
  };
  if (std::ranges::all_of(bits.by_layer, has(&DomainResults::layer)) &&
      std::ranges::all_of(bits.by_bit, has(&DomainResults::bit)) &&
      std::ranges::all_of(bits.by_layer_and_bit, has(&DomainResults::layer)) &&
      std::ranges::all_of(bits.by_layer_and_bit, has(&DomainResults::bit)))
    return {};
  return bad_input("set '{}': rows by layer and bit without them", set.name);
}

Result<void> check_set(const SetResults& set) {
  if (set.strata.empty()) return bad_input("set '{}': no strata", set.name);
  if (!set.summary)
    for (const StratumResults& stratum : set.strata)
      if (!stratum.estimates)
        return bad_input("set '{}': neither a summary nor estimates of its strata", set.name);
  return set.bits() == nullptr ? Result<void>() : check_domains(set, *set.bits());
}

Result<void> check(const CampaignResults& results) {
  constexpr double k_least = 0.01;
  constexpr double k_most = 0.999999;
  if (!(results.interval_confidence >= k_least && results.interval_confidence <= k_most))
    return bad_input("interval_confidence: not in 0.01 .. 0.999999");
  if (results.task->has_accuracy() &&
      (results.golden_labelled() == 0 || results.golden_correct() > results.golden_labelled()))
    return bad_input("golden: {} of {} are right", results.golden_correct(), results.golden_labelled());
  if (results.sets.size() > k_most_sets)
    return bad_input("{} fault sets, at most {}", results.sets.size(), k_most_sets);
  for (const SetResults& set : results.sets) QFI_CHECK(check_set(set));
  return {};
}

Result<CampaignResults> results_of(const Json& json) {
  const Place root(json, "results");
  QFI_TRY(const std::string schema, root.text_at("schema"));
  if (schema != k_results_schema)
    return bad_input("schema '{}'; this program reads {}", printable(schema), k_results_schema);
  CampaignResults results;
  JsonReader reader(root, nullptr);
  describe(reader, results);
  QFI_CHECK(reader.status());
  QFI_CHECK(check(results));
  return results;
}

Json json_of(const CampaignResults& results) { return JsonWriter(*results.task).json_of(results); }

void add_facts(const Json& json, const std::string& name, Facts& facts) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      std::string words = key;
      std::ranges::replace(words, '_', ' ');
      add_facts(value, name.empty() ? words : fmt::format("{}, {}", name, words), facts);
    }
    return;
  }
  const bool is_table = json.is_array() && !json.empty() && json.front().is_structured();
  if (is_table || json.is_null()) return;
  facts.emplace_back(name, json.is_string() ? json.get<std::string>()
                                            : json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Facts facts_of(const Json& json, std::initializer_list<const char*> keys) {
  Facts facts;
  for (const char* key : keys)
    if (json.contains(key)) add_facts(json[key], key, facts);
  return facts;
}

}  // namespace

const Number& number_in(std::span<const NumberField> fields, const std::vector<Number>& numbers,
                        const char* key) {
  const auto found = std::ranges::find(fields, std::string_view(key), &NumberField::key);
  return numbers[static_cast<std::size_t>(found - fields.begin())];
}

std::uint64_t count_in(std::span<const NumberField> fields, const std::vector<Number>& numbers,
                       const char* key) {
  const auto* count = std::get_if<std::uint64_t>(&number_in(fields, numbers, key));
  return count == nullptr ? 0 : *count;
}

const Number& CampaignResults::golden_number(const char* key) const {
  return number_in(task->golden_fields(), golden, key);
}
std::uint64_t CampaignResults::golden_correct() const {
  return task->has_accuracy() ? count_in(task->golden_fields(), golden, task->names().golden_correct_key) : 0;
}
std::uint64_t CampaignResults::golden_labelled() const {
  return task->has_accuracy() ? count_in(task->golden_fields(), golden, task->names().golden_labelled_key)
                              : 0;
}
std::optional<double> CampaignResults::golden_accuracy() const {
  if (!task->has_accuracy()) return std::nullopt;
  return static_cast<double>(golden_correct()) / static_cast<double>(golden_labelled());
}

std::string results_text(const CampaignResults& results) { return json_text(json_of(results)); }

std::string ResultsFile::images() const {
  const DataFacts& data = results.inputs.data;
  std::string text =
      fmt::format("{} {} {}", results.task->names().name, data.images_sha256, data.selection_sha256);
  if (data.labels_sha256) text += " " + *data.labels_sha256;
  return text;
}

Result<ResultsFile> read_results(const std::filesystem::path& file) {
  QFI_TRY(const std::string text, read_file(file, k_most_file_bytes));
  const auto json = parse_json<Json>(text);
  if (!json) return at(file.string(), json.error());
  auto results = results_of(*json);
  if (!results) return at(file.string(), results.error());
  ResultsFile read{file.string(), std::move(*results), {}};
  for (const SetResults& set : read.results.sets) {
    auto faults = fault_records(read.results, set, file.parent_path());
    if (!faults) return at(file.string(), faults.error());
    read.faults.push_back(std::move(*faults));
  }
  return read;
}

Facts campaign_facts(const CampaignResults& results) {
  CampaignResults head = results;
  head.sets.clear();
  return facts_of(json_of(head),
                  {"schema", "qfi", "arithmetic", "seed", "inputs", "task", "classes", "golden", "warnings"});
}

Facts set_facts(const CampaignResults& results, const SetResults& set) {
  Json json = JsonWriter(*results.task).json_of(set);
  // A protection's summary has a table of its own.
  if (json.contains("protection") && json["protection"].is_object()) json["protection"].erase("summary");
  return facts_of(json, {"sample", "stopped", "failure_rate", "sites", "polarities", "netlist", "fates",
                         "proof", "reads", "protection", "product_table", "counts"});
}

}  // namespace qfi
