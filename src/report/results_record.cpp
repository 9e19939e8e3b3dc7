// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/results_record.hpp"

#include <algorithm>
#include <set>

#include "fault_table_reader.hpp"
#include "json_place.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

using Json = Place::Json;
constexpr std::uint64_t k_most_bytes = std::uint64_t{2} << 30;
constexpr std::size_t k_accuracy_steps = 20;
constexpr std::size_t k_code_steps = 16;

using Facts = std::vector<std::pair<std::string, std::string>>;

// "netlist.cells" -> "netlist, cells". Lists of objects are left out.
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

Result<double> share_at(const Place& place, const char* key) {
  QFI_TRY(const double share, place.number_at(key));
  if (!(share >= 0.0 && share <= 1.0)) return bad_input("{}: {} is no share", key, share);
  return share;
}

Result<std::optional<Interval>> interval_at(const Place& place, const char* key) {
  const std::optional<Place> found = place.find(key);
  if (!found) return std::nullopt;
  QFI_TRY(const std::vector<Place> ends, found->items());
  if (ends.size() != 2) return bad_input("{}: two numbers make an interval", key);
  QFI_TRY(const double low, ends[0].number());
  QFI_TRY(const double high, ends[1].number());
  if (!(low >= 0.0 && low <= high && high <= 1.0)) return bad_input("{}: no interval of a share", key);
  return Interval{low, high};
}

Result<std::optional<double>> share_if(const Place& place, const char* key) {
  if (!place.find(key)) return std::nullopt;
  QFI_TRY(const double share, share_at(place, key));
  return share;
}

// A histogram.
Result<std::vector<std::uint64_t>> counts_of(const Place& place, std::size_t steps) {
  QFI_TRY(const std::vector<Place> items, place.items());
  if (items.size() != steps) return bad_input("a histogram of {} steps, not {}", items.size(), steps);
  std::vector<std::uint64_t> counts;
  for (const Place& item : items) {
    QFI_TRY(counts.emplace_back(), item.count());
  }
  return counts;
}

Result<std::optional<std::uint64_t>> bit_at(const Place& place, const char* key) {
  QFI_TRY(const std::optional<std::uint64_t> bit, place.count_if(key));
  if (bit && *bit > 63) return bad_input("{}: no bit of a value is {}", key, *bit);
  return bit;
}

Result<RecordedEstimate> estimate_at(const Place& place, const char* value, const char* interval) {
  RecordedEstimate estimate;
  QFI_TRY(estimate.value, share_at(place, value));
  QFI_TRY(estimate.interval, interval_at(place, interval));
  return estimate;
}

Result<RecordedEstimate> mean_at(const Place& place, const char* key) {
  QFI_TRY(const Place found, place.at(key));
  QFI_TRY(RecordedEstimate estimate, estimate_at(found, "mean", "interval_these_images"));
  QFI_TRY(estimate.image_population, interval_at(found, "interval_image_population"));
  return estimate;
}

Result<void> read_stuck_at_fault(const Place& place, bool is_map, RecordedSet& set) {
  RecordedFault fault;
  RecordedSite site;
  QFI_TRY(site.name, place.text_at("site"));
  QFI_TRY(const std::uint64_t value, place.count_at("stuck_at"));
  site.stuck_at = value != 0;
  if (place.find("region")) {
    QFI_TRY(site.region, place.text_at("region"));
  }
  QFI_TRY(site.lowest_result_bit, bit_at(place, "lowest_result_bit"));
  fault.name = fmt::format("{} stuck at {}", site.name, value);
  QFI_TRY(fault.units, place.count_at(is_map ? "pixels" : "images"));
  QFI_TRY(fault.changed, place.count_at(is_map ? "pixels_changed" : "top1_changed"));
  QFI_TRY(fault.labelled, place.count_at(is_map ? "labelled_pixels" : "images"));
  QFI_TRY(fault.golden_correct, place.count_at("golden_correct"));
  QFI_TRY(fault.faulty_correct, place.count_at("faulty_correct"));
  set.faults.push_back(std::move(fault));
  set.sites.push_back(std::move(site));
  return {};
}

Result<void> read_faults_beside(const Place& place, const std::filesystem::path& folder, RecordedSet& set) {
  const std::optional<Place> file = place.find("faults_file");
  if (!file) return {};
  QFI_TRY(const std::string name, file->text_at("name"));
  QFI_TRY(const std::string hash, file->text_at("sha256"));
  if (name.find('/') != std::string::npos) return bad_input("faults_file: '{}' is no name of a file", name);
  const auto content = read_file(folder / name, k_most_bytes);
  if (!content) set.missing_table = content.error().message;
  else if (sha256_hex(bytes_of(*content)) != hash)
    set.missing_table = fmt::format("{} is not the table that results.json is about", name);
  if (!set.missing_table.empty()) return {};
  QFI_TRY(set.faults, read_fault_table(*content, (folder / name).string(), set.strata.size()));
  return {};
}

// Of all drawn faults.
Result<void> read_trials(const Place& place, std::uint64_t images, RecordedSet& set) {
  QFI_TRY(const Place sample, place.at("sample"));
  QFI_TRY(const std::uint64_t faults, sample.count_at("n"));
  QFI_TRY(const auto trials, sample.count_if("trials"));
  set.trials = trials ? *trials : faults * images;
  return {};
}

// Of a paired design, whose populations are of one image; else 1.
Result<double> images_of_sample(const Place& place) {
  QFI_TRY(const Place sample, place.at("sample"));
  return sample.find("images") ? sample.number_at("images") : Result<double>(1.0);
}

Result<void> read_strata(const Place& place, RecordedSet& set) {
  QFI_TRY(const double images, images_of_sample(place));
  QFI_TRY(const std::vector<Place> strata, place.items_at("strata"));
  for (const Place& row : strata) {
    RecordedStratum& stratum = set.strata.emplace_back();
    QFI_TRY(stratum.label, row.text_at("label"));
    QFI_TRY(const auto population, row.count_if("population"));
    if (population) stratum.population = static_cast<double>(*population) * images;
    QFI_TRY(stratum.layer, row.count_if("layer"));
    if (row.find("bit_error_rate")) {
      QFI_TRY(stratum.bit_error_rate, share_at(row, "bit_error_rate"));
    }
  }
  if (set.strata.empty()) return bad_input("set '{}': no strata", set.name);
  return {};
}

Result<std::vector<RecordedDomain>> domains_at(const Place& place, const char* key) {
  std::vector<RecordedDomain> domains;
  const std::optional<Place> rows = place.find(key);
  if (!rows) return domains;
  QFI_TRY(const double images, images_of_sample(place));
  QFI_TRY(const std::vector<Place> items, rows->items());
  for (const Place& row : items) {
    RecordedDomain& domain = domains.emplace_back();
    QFI_TRY(domain.layer, row.count_if("layer"));
    QFI_TRY(domain.bit, bit_at(row, "bit"));
    QFI_TRY(domain.population, row.number_at("population"));
    domain.population *= images;
    QFI_TRY(domain.drawn, row.count_at("n"));
    QFI_TRY(domain.changed, estimate_at(row, "changed_share", "interval"));
    QFI_TRY(domain.deviation, share_at(row, "deviation_over_drawn_faults"));
    QFI_TRY(domain.nan, row.count_at("nan"));
    QFI_TRY(domain.infinity, row.count_at("infinity"));
    QFI_TRY(domain.global_iou, share_if(row, "global_iou_of_drawn"));
    QFI_TRY(domain.weighted_iou, share_if(row, "weighted_iou_of_drawn"));
  }
  return domains;
}

Result<void> read_constants(const Place& place, RecordedSet& set) {
  const std::optional<Place> rows = place.find("values");
  if (!rows) return {};
  QFI_TRY(const std::vector<Place> items, rows->items());
  for (const Place& row : items) {
    if (row.find("stage")) continue;  // data
    RecordedConstant constant;
    QFI_TRY(constant.label, row.text_at("label"));
    QFI_TRY(constant.layer, row.count_at("layer"));
    QFI_TRY(constant.share_from_1_to_2, share_if(row, "share_from_1_to_2"));
    QFI_TRY(const std::uint64_t width, row.count_at("width"));
    // Of fewer bits the steps are not the codes that there are.
    if (const std::optional<Place> codes = row.find("histogram_of_codes"); codes && width == 8) {
      QFI_TRY(constant.codes, counts_of(*codes, k_code_steps));
    }
    set.constants.push_back(std::move(constant));
  }
  return {};
}

Result<void> read_search(const Place& place, RecordedSet& set) {
  const std::optional<Place> search = place.find("search");
  if (!search) return {};
  QFI_TRY(const std::vector<Place> layers, search->items_at("layers"));
  for (const Place& row : layers) {
    RecordedVulnerability& layer = set.search.emplace_back();
    QFI_TRY(layer.layer, row.count_at("layer"));
    QFI_TRY(layer.bits_tried, row.count_at("bits_tried"));
    QFI_TRY(layer.bits_vulnerable, row.count_at("bits_vulnerable"));
    QFI_TRY(layer.lvf, share_at(row, "lvf"));
  }
  return {};
}

Result<void> read_domains(const Place& place, RecordedSet& set) {
  QFI_TRY(set.by_layer, domains_at(place, "by_layer"));
  QFI_TRY(set.by_bit, domains_at(place, "by_bit"));
  QFI_TRY(set.by_layer_and_bit, domains_at(place, "by_layer_and_bit"));
  std::set<std::uint64_t> layers;
  for (const RecordedDomain& domain : set.by_layer)
    if (domain.layer && !layers.insert(*domain.layer).second)
      return bad_input("set '{}': two rows of layer {}", set.name, *domain.layer);
  const auto is_known = [](const auto& member) {
    return [member](const RecordedDomain& domain) { return (domain.*member).has_value(); };
  };
  if (!std::ranges::all_of(set.by_layer, is_known(&RecordedDomain::layer)) ||
      !std::ranges::all_of(set.by_bit, is_known(&RecordedDomain::bit)) ||
      !std::ranges::all_of(set.by_layer_and_bit, is_known(&RecordedDomain::layer)) ||
      !std::ranges::all_of(set.by_layer_and_bit, is_known(&RecordedDomain::bit)))
    return bad_input("set '{}': rows by layer and bit without them", set.name);
  return {};
}

Result<void> read_directions(const Place& place, RecordedSet& set) {
  const std::optional<Place> rows = place.find("by_direction");
  if (!rows) return {};
  QFI_TRY(const std::vector<Place> items, rows->items());
  for (const Place& row : items) {
    RecordedDirection& direction = set.directions.emplace_back();
    QFI_TRY(direction.name, row.text_at("direction"));
    if (row.json().contains("layer") && row.json()["layer"].is_number()) {
      QFI_TRY(direction.layer, row.count_at("layer"));
    }
    QFI_TRY(direction.trials, row.count_at("trials"));
    if (row.find("changed_share")) {
      QFI_TRY(direction.changed, estimate_at(row, "changed_share", "interval"));
    }
  }
  return {};
}

Result<void> read_masking(const Place& place, RecordedSet& set) {
  const std::optional<Place> rows = place.find("equal_to_golden_after");
  if (!rows) return {};
  QFI_TRY(const std::vector<Place> items, rows->items());
  for (const Place& row : items) {
    RecordedMasking& masking = set.masking.emplace_back();
    QFI_TRY(masking.place, row.text_at("kind"));
    const Json& index = row.json().value("operator", Json());
    if (index.is_number_unsigned()) masking.place = index.dump() + " " + masking.place;
    QFI_TRY(masking.trials, row.count_at("trials"));
  }
  return {};
}

Result<RecordedSummary> summary_at(const Place& estimates, bool is_map, std::string name) {
  RecordedSummary summary;
  summary.name = std::move(name);
  QFI_TRY(summary.faulty_accuracy, mean_at(estimates, is_map ? "faulty_pixel_accuracy" : "faulty_top1"));
  QFI_TRY(summary.changed, mean_at(estimates, is_map ? "pixels_changed" : "sdc_rate"));
  if (estimates.find("faulty_top5")) {
    QFI_TRY(summary.faulty_top5, mean_at(estimates, "faulty_top5"));
  }
  for (const char* key :
       {"critical_fault_rate", "harmless", "between", "collapsed", "output_identical", "due"}) {
    const std::optional<Place> found = estimates.find(key);
    if (!found) continue;
    RecordedShare& share = summary.shares.emplace_back();
    share.name = key;
    QFI_TRY(share.faults, found->count_at("faults"));
    QFI_TRY(share.share, estimate_at(*found, "share", "interval"));
    if (share.name == "critical_fault_rate") summary.critical = share.share;
  }
  if (const std::optional<Place> bins = estimates.find("histogram_faulty_accuracy_5_percent")) {
    QFI_TRY(summary.histogram, counts_of(*bins, k_accuracy_steps));
  }
  return summary;
}

// Of the set; of several bit error rates each has its own.
Result<void> read_summaries(const Place& place, bool is_map, RecordedSet& set) {
  if (const std::optional<Place> summary = place.find("summary")) {
    QFI_TRY(set.summaries.emplace_back(), summary_at(*summary, is_map, ""));
    return {};
  }
  QFI_TRY(const std::vector<Place> strata, place.items_at("strata"));
  for (std::size_t h = 0; h < strata.size(); ++h) {
    QFI_TRY(const Place estimates, strata[h].at("estimates"));
    QFI_TRY(set.summaries.emplace_back(), summary_at(estimates, is_map, set.strata[h].label));
  }
  return {};
}

Result<RecordedSet> read_set(const Place& place, const ResultsRecord& record,
                             const std::filesystem::path& folder) {
  RecordedSet set;
  const bool is_map = record.is_segmentation;
  QFI_TRY(set.name, place.text_at("name"));
  QFI_CHECK(read_strata(place, set));
  QFI_CHECK(read_summaries(place, is_map, set));
  QFI_CHECK(read_trials(place, record.image_count, set));
  QFI_CHECK(read_domains(place, set));
  QFI_CHECK(read_constants(place, set));
  QFI_CHECK(read_search(place, set));
  if (const std::optional<Place> protection = place.find("protection")) {
    if (const std::optional<Place> summary = protection->find("summary")) {  // earlier builds wrote none
      QFI_TRY(set.with_protection, summary_at(*summary, is_map, "with the protection"));
    }
  }
  QFI_CHECK(read_directions(place, set));
  QFI_CHECK(read_masking(place, set));
  for (const char* key : {"sample", "stopped", "failure_rate", "sites", "polarities", "netlist", "fates",
                          "proof", "reads", "protection", "product_table", "counts"})
    if (const std::optional<Place> found = place.find(key)) {
      Json facts = found->json();
      if (facts.is_object()) facts.erase("summary");  // of a protection: has a table of its own
      add_facts(facts, key, set.facts);
    }
  if (const std::optional<Place> list = place.find("faults")) {
    set.is_netlist = true;
    QFI_TRY(const std::vector<Place> faults, list->items());
    for (const Place& fault : faults) QFI_CHECK(read_stuck_at_fault(fault, is_map, set));
  } else {
    QFI_CHECK(read_faults_beside(place, folder, set));
  }
  return set;
}

Result<void> read_inputs(const Place& root, const std::string& task, ResultsRecord& record) {
  QFI_TRY(const Place inputs, root.at("inputs"));
  QFI_TRY(const Place model, inputs.at("model"));
  QFI_TRY(record.model, model.text_at("file"));
  QFI_TRY(const Place data, inputs.at("data"));
  QFI_TRY(const std::string images, data.text_at("images_sha256"));
  QFI_TRY(const std::string selection, data.text_at("selection_sha256"));
  QFI_TRY(record.image_count, data.count_at("images"));
  record.images = task + " " + images + " " + selection;
  if (data.find("labels_sha256")) {
    QFI_TRY(const std::string hash, data.text_at("labels_sha256"));
    record.images += " " + hash;
  }
  return {};
}

Result<void> read_head(const Place& root, ResultsRecord& record) {
  QFI_TRY(const std::string schema, root.text_at("schema"));
  if (schema != "qfi-results-2")
    return bad_input("schema '{}'; this program reads qfi-results-2", printable(schema));
  QFI_TRY(const std::string task, root.text_at("task"));
  record.is_segmentation = task == "segmentation";
  QFI_TRY(record.confidence, root.number_at("interval_confidence"));
  if (!(record.confidence >= 0.01 && record.confidence <= 0.999999))
    return bad_input("interval_confidence: not in 0.01 .. 0.999999");
  QFI_TRY(const Place golden, root.at("golden"));
  QFI_TRY(record.golden_correct, golden.count_at(record.is_segmentation ? "pixels_correct" : "top1_correct"));
  QFI_TRY(record.labelled, golden.count_at(record.is_segmentation ? "labelled_pixels" : "images"));
  if (record.labelled == 0 || record.golden_correct > record.labelled)
    return bad_input("golden: {} of {} are right", record.golden_correct, record.labelled);
  QFI_CHECK(read_inputs(root, task, record));
  for (const char* key : {"schema", "qfi", "arithmetic", "seed", "inputs", "task", "classes", "golden"})
    if (const std::optional<Place> found = root.find(key)) add_facts(found->json(), key, record.facts);
  if (const std::optional<Place> config = root.find("config")) {
    record.config = json_text(config->json());
    record.is_paired = config->json().is_object() && config->json().value("design", Json()) == "paired";
  }
  return {};
}

}  // namespace

Result<ResultsRecord> read_results(const std::filesystem::path& file) {
  QFI_TRY(const std::string text, read_file(file, k_most_bytes));
  const auto json = parse_json<Json>(text);
  if (!json) return at(file.string(), json.error());
  const Place root(*json, "results");
  const auto read = [&]() -> Result<ResultsRecord> {
    ResultsRecord record;
    record.file = file.string();
    QFI_CHECK(read_head(root, record));
    QFI_TRY(const std::vector<Place> list, root.items_at("fault_sets"));
    constexpr std::size_t k_most_sets = 1000;
    if (list.size() > k_most_sets) return bad_input("{} fault sets, at most {}", list.size(), k_most_sets);
    for (const Place& set : list) {
      QFI_TRY(record.sets.emplace_back(), read_set(set, record, file.parent_path()));
    }
    return record;
  };
  auto record = read();
  if (!record) return at(file.string(), record.error());
  return record;
}

}  // namespace qfi
