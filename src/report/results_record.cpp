// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/results_record.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using Json = nlohmann::json;
constexpr std::uint64_t k_most_bytes = std::uint64_t{2} << 30;

// A value and where it stands.
class Place {
 public:
  Place(const Json& json, std::string where) : m_json(&json), m_where(std::move(where)) {}

  Result<Place> at(const std::string& key) const {
    if (!m_json->is_object() || !m_json->contains(key)) return bad_input("{}: no '{}'", m_where, key);
    return Place((*m_json)[key], m_where + "." + key);
  }
  /// Nothing too where it is null.
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

 private:
  const Json* m_json;
  std::string m_where;
};

Result<std::uint64_t> count_at(const Place& place, const char* key) {
  QFI_TRY(const Place value, place.at(key));
  return value.count();
}
Result<double> number_at(const Place& place, const char* key) {
  QFI_TRY(const Place value, place.at(key));
  return value.number();
}
Result<std::string> text_at(const Place& place, const char* key) {
  QFI_TRY(const Place value, place.at(key));
  return value.text();
}

Result<std::optional<Interval>> interval_at(const Place& place, const char* key) {
  const std::optional<Place> found = place.find(key);
  if (!found) return std::nullopt;
  QFI_TRY(const std::vector<Place> ends, found->items());
  if (ends.size() != 2) return bad_input("{}: two numbers make an interval", key);
  QFI_TRY(const double low, ends[0].number());
  QFI_TRY(const double high, ends[1].number());
  return Interval{low, high};
}

Result<RecordedEstimate> estimate_at(const Place& place, const char* key, const char* value,
                                     const char* interval) {
  QFI_TRY(const Place found, place.at(key));
  RecordedEstimate estimate;
  QFI_TRY(estimate.value, number_at(found, value));
  QFI_TRY(estimate.interval, interval_at(found, interval));
  return estimate;
}

Result<RecordedFault> stuck_at_fault(const Place& place, bool is_map) {
  RecordedFault fault;
  QFI_TRY(const std::string site, text_at(place, "site"));
  QFI_TRY(const std::uint64_t value, count_at(place, "stuck_at"));
  fault.name = fmt::format("{} stuck at {}", site, value);
  QFI_TRY(fault.units, count_at(place, is_map ? "pixels" : "images"));
  QFI_TRY(fault.changed, count_at(place, is_map ? "pixels_changed" : "top1_changed"));
  QFI_TRY(fault.labelled, count_at(place, is_map ? "labelled_pixels" : "images"));
  QFI_TRY(fault.golden_correct, count_at(place, "golden_correct"));
  QFI_TRY(fault.faulty_correct, count_at(place, "faulty_correct"));
  return fault;
}

// One table of faults of stored bits.
class FaultTableReader {
 public:
  FaultTableReader(std::string file, std::size_t strata) : m_file(std::move(file)), m_strata(strata) {}

  Result<std::vector<RecordedFault>> read(std::string_view text) {
    std::vector<RecordedFault> faults;
    for (std::size_t line = 1; !text.empty(); ++line) {
      const std::vector<std::string> fields = csv_fields(next_line(text));
      if (line == 1) {
        for (std::size_t i = 0; i < fields.size(); ++i) m_columns[fields[i]] = i;
        continue;
      }
      auto fault = read_fault(fields);
      if (!fault) return at(fmt::format("{}:{}", m_file, line), fault.error());
      faults.push_back(std::move(*fault));
    }
    return faults;
  }

 private:
  Result<std::string> field(const std::vector<std::string>& fields, const char* name) const {
    const auto column = m_columns.find(name);
    if (column == m_columns.end() || column->second >= fields.size()) return bad_input("no '{}'", name);
    return fields[column->second];
  }
  Result<std::uint64_t> count(const std::vector<std::string>& fields, const char* name) const {
    QFI_TRY(const std::string text, field(fields, name));
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
      return bad_input("'{}' is no count", name);
    return value;
  }
  Result<RecordedFault> read_fault(const std::vector<std::string>& fields) const {
    RecordedFault fault;
    QFI_TRY(const std::uint64_t flips, count(fields, "flips"));
    for (const char* name : {"image", "layer", "tensor", "stage", "element", "stored_bit", "model"}) {
      if (flips != 1) break;
      QFI_TRY(const std::string text, field(fields, name));
      if (!text.empty()) fault.name += fmt::format("{}{} {}", fault.name.empty() ? "" : ", ", name, text);
    }
    QFI_TRY(fault.stratum, count(fields, "stratum"));
    if (fault.stratum >= m_strata) return bad_input("no stratum {}", fault.stratum);
    QFI_TRY(fault.units, count(fields, "units"));
    QFI_TRY(fault.changed, count(fields, "changed"));
    QFI_TRY(fault.labelled, count(fields, "labelled"));
    QFI_TRY(fault.golden_correct, count(fields, "golden_correct"));
    QFI_TRY(fault.faulty_correct, count(fields, "faulty_correct"));
    return fault;
  }

  std::string m_file;
  std::size_t m_strata;
  std::map<std::string, std::size_t> m_columns;
};

// Nothing: the table is not there, or not the one that results.json is about.
Result<std::vector<RecordedFault>> faults_beside(const Place& set, const std::filesystem::path& folder,
                                                 std::size_t strata) {
  const std::optional<Place> file = set.find("faults_file");
  if (!file) return std::vector<RecordedFault>{};
  QFI_TRY(const std::string name, text_at(*file, "name"));
  QFI_TRY(const std::string hash, text_at(*file, "sha256"));
  if (name.find('/') != std::string::npos) return bad_input("faults_file: '{}' is no name of a file", name);
  const auto content = read_file(folder / name, k_most_bytes);
  if (!content || sha256_hex(bytes_of(*content)) != hash) return std::vector<RecordedFault>{};
  return FaultTableReader((folder / name).string(), strata).read(*content);
}

Result<void> read_strata(const Place& place, RecordedSet& set) {
  QFI_TRY(const Place list, place.at("strata"));
  QFI_TRY(const std::vector<Place> strata, list.items());
  bool have_populations = true;
  QFI_TRY(const Place sample, place.at("sample"));
  double images = 1;  // of a paired design, whose populations are of one image
  if (sample.find("images")) {
    QFI_TRY(images, number_at(sample, "images"));
  }
  for (const Place& stratum : strata) {
    QFI_TRY(set.strata.emplace_back(), text_at(stratum, "label"));
    have_populations = have_populations && stratum.find("population").has_value();
    if (have_populations) {
      QFI_TRY(const std::uint64_t population, count_at(stratum, "population"));
      set.populations.push_back(static_cast<double>(population) * images);
    }
  }
  if (!have_populations) set.populations.clear();
  if (set.strata.empty()) return bad_input("set '{}': no strata", set.name);
  return {};
}

Result<void> read_layers(const Place& place, RecordedSet& set) {
  const std::optional<Place> rows = place.find("by_layer");
  if (!rows) return {};
  QFI_TRY(const std::vector<Place> layers, rows->items());
  for (const Place& row : layers) {
    RecordedLayer& layer = set.layers.emplace_back();
    QFI_TRY(const std::uint64_t number, count_at(row, "layer"));
    layer.name = std::to_string(number);
    QFI_TRY(layer.changed.value, number_at(row, "changed_share"));
    QFI_TRY(layer.changed.interval, interval_at(row, "interval"));
  }
  return {};
}

Result<RecordedSummary> summary_at(const Place& estimates, bool is_map, std::string name) {
  RecordedSummary summary;
  summary.name = std::move(name);
  QFI_TRY(summary.faulty_accuracy, estimate_at(estimates, is_map ? "faulty_pixel_accuracy" : "faulty_top1",
                                               "mean", "interval_these_images"));
  QFI_TRY(summary.changed,
          estimate_at(estimates, is_map ? "pixels_changed" : "sdc_rate", "mean", "interval_these_images"));
  if (estimates.find("critical_fault_rate")) {
    QFI_TRY(summary.critical, estimate_at(estimates, "critical_fault_rate", "share", "interval"));
  }
  return summary;
}

// Of the set; of several bit error rates each has its own.
Result<void> read_summaries(const Place& place, bool is_map, RecordedSet& set) {
  if (const std::optional<Place> summary = place.find("summary")) {
    QFI_TRY(set.summaries.emplace_back(), summary_at(*summary, is_map, ""));
    return {};
  }
  QFI_TRY(const Place list, place.at("strata"));
  QFI_TRY(const std::vector<Place> strata, list.items());
  for (std::size_t h = 0; h < strata.size(); ++h) {
    QFI_TRY(const Place estimates, strata[h].at("estimates"));
    QFI_TRY(set.summaries.emplace_back(), summary_at(estimates, is_map, set.strata[h]));
  }
  return {};
}

Result<RecordedSet> read_set(const Place& place, bool is_map, const std::filesystem::path& folder) {
  RecordedSet set;
  QFI_TRY(set.name, text_at(place, "name"));
  QFI_CHECK(read_strata(place, set));
  QFI_CHECK(read_summaries(place, is_map, set));
  QFI_CHECK(read_layers(place, set));
  if (const std::optional<Place> list = place.find("faults")) {
    QFI_TRY(const std::vector<Place> faults, list->items());
    for (const Place& fault : faults) {
      QFI_TRY(set.faults.emplace_back(), stuck_at_fault(fault, is_map));
    }
  } else {
    QFI_TRY(set.faults, faults_beside(place, folder, set.strata.size()));
  }
  return set;
}

}  // namespace

Result<ResultsRecord> read_results(const std::filesystem::path& file) {
  const auto where = [&](const Error& error) { return at(file.string(), error); };
  QFI_TRY(const std::string text, read_file(file, k_most_bytes));
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return bad_input("{}: no JSON", file.string());
  const Place root(json, "results");
  const auto read = [&]() -> Result<ResultsRecord> {
    ResultsRecord record;
    record.file = file.string();
    QFI_TRY(const std::string schema, text_at(root, "schema"));
    if (schema != "qfi-results-2")
      return bad_input("schema '{}'; this program reads qfi-results-2", printable(schema));
    QFI_TRY(const std::string task, text_at(root, "task"));
    const bool is_map = task == "segmentation";
    QFI_TRY(record.confidence, number_at(root, "interval_confidence"));
    if (!(record.confidence > 0 && record.confidence < 1))
      return bad_input("interval_confidence: not in (0, 1)");
    QFI_TRY(const Place golden, root.at("golden"));
    QFI_TRY(record.golden_correct, count_at(golden, is_map ? "pixels_correct" : "top1_correct"));
    QFI_TRY(record.labelled, count_at(golden, is_map ? "labelled_pixels" : "images"));
    if (record.labelled == 0 || record.golden_correct > record.labelled)
      return bad_input("golden: {} of {} are right", record.golden_correct, record.labelled);
    QFI_TRY(const Place inputs, root.at("inputs"));
    QFI_TRY(const Place data, inputs.at("data"));
    QFI_TRY(const std::string images, text_at(data, "images_sha256"));
    QFI_TRY(const std::string selection, text_at(data, "selection_sha256"));
    const std::optional<Place> labels = data.find("labels_sha256");
    record.images = task + " " + images + " " + selection;
    if (labels) {
      QFI_TRY(const std::string hash, labels->text());
      record.images += " " + hash;
    }
    QFI_TRY(const Place sets, root.at("fault_sets"));
    QFI_TRY(const std::vector<Place> list, sets.items());
    for (const Place& set : list) {
      QFI_TRY(record.sets.emplace_back(), read_set(set, is_map, file.parent_path()));
    }
    return record;
  };
  auto record = read();
  if (!record) return where(record.error());
  return record;
}

}  // namespace qfi
