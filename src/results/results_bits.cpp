// SPDX-License-Identifier: Apache-2.0
// What results.json says of faults of stored bits.
#include <cmath>
#include <map>

#include "qfi/config/config_names.hpp"
#include "qfi/model/stored_value.hpp"
#include "results_json.hpp"

namespace qfi {
namespace {

// Of a constant: zeros; INT8 codes in 16 equal steps from -128; FLOAT32 values whose top exponent bit's flip
// gives infinity or NaN (magnitudes from 1 to below 2).
void add_distribution(const Tensor& tensor, Json& json) {
  const auto count = static_cast<double>(tensor.elements());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(tensor.data.data());
  if (tensor.type == TensorType::int8) {
    std::array<std::uint64_t, 16> histogram{};
    std::uint64_t zeros = 0;
    for (std::size_t i = 0; i < tensor.elements(); ++i) {
      ++histogram[static_cast<std::size_t>((static_cast<std::int8_t>(bytes[i]) + 128) / 16)];
      zeros += bytes[i] == 0 ? 1 : 0;
    }
    json["zero_share"] = rounded(static_cast<double>(zeros) / count);
    json["histogram_of_codes"] = histogram;
  } else if (tensor.type == TensorType::float32) {
    std::uint64_t zeros = 0;
    std::uint64_t from_1_to_2 = 0;
    for (std::size_t i = 0; i < tensor.elements(); ++i) {
      const double value = number_of(tensor.type, read_bits(tensor, i));
      zeros += value == 0 ? 1 : 0;
      from_1_to_2 += std::abs(value) >= 1 && std::abs(value) < 2 ? 1 : 0;
    }
    json["zero_share"] = rounded(static_cast<double>(zeros) / count);
    json["share_from_1_to_2"] = rounded(static_cast<double>(from_1_to_2) / count);
  }
}

Json values_json(const BitSet& set) {
  Json list = Json::array();
  for (std::size_t i = 0; i < set.values().stored.size(); ++i) {
    const StoredValues& stored = set.values().stored[i];
    const ValuePlace& place = set.values().places[i];
    const Storage& kept =
        set.values().protected_storage.empty() ? stored.storage : set.values().protected_storage[i];
    const StorageParams& storage = kept.params();
    Json json = {{"label", place.label},
                 {"layer", stored.layer},
                 {"operator", qfi::name_of(set.workload().program->model().operators[stored.layer].kind)},
                 {"tensor", set.workload().tensor(place.tensor).name},
                 {"values", stored.count},
                 {"width", storage.width},
                 {"protection", name_in(k_protections, storage.protection)},
                 {"stored_bits", kept.stored_bits()}};
    if (!set.values().protected_elements.empty() && set.values().protected_elements[i])
      json["protected_values"] = set.values().protected_elements[i]->size();
    if (place.target == FaultTarget::data) json["stage"] = name_in(k_stages, place.stage);
    const Tensor& tensor = set.workload().tensor(place.tensor);
    if (tensor.is_constant) add_distribution(tensor, json);
    list.push_back(json);
  }
  return list;
}

Json row_json(const DomainRow& row, Task task) {
  Json json;
  if (row.layer) json["layer"] = *row.layer;
  if (row.bit) json["bit"] = *row.bit;
  json.update({{"population", row.population},
               {"n", row.drawn},
               {"trials", row.trials},
               {task == Task::segmentation ? "pixels" : "images", row.units},
               {"changed", row.changed},
               {"changed_share", rounded(row.changed_share.mean)},
               {"interval", interval_json(row.changed_share.these_images)},
               {"deviation_over_drawn_faults", rounded(row.deviation)},
               {"nan", row.nan},
               {"infinity", row.infinity}});
  if (task == Task::segmentation) {
    json["mean_iou_of_drawn"] = optional_json(row.mean_iou);
    json["global_iou_of_drawn"] = optional_json(row.global_iou);
    json["weighted_iou_of_drawn"] = optional_json(row.weighted_iou);
  }
  return json;
}

Json rows_json(const BitSet& set, bool by_layer, bool by_bit, double confidence) {
  Json list = Json::array();
  for (const DomainRow& row : domain_rows(set, by_layer, by_bit, confidence))
    list.push_back(row_json(row, set.workload().task));
  return list;
}

Json directions_json(const BitSet& set, double confidence) {
  Json list = Json::array();
  for (const DirectionRow& row : direction_rows(set, confidence)) {
    Json json = {{"direction", row.direction}};
    json["layer"] = row.layer ? Json(*row.layer) : Json("all");
    json["trials"] = row.sums.trials;
    json["changed"] = row.sums.changed;
    json["units"] = row.sums.units;
    json["changed_share"] = row.share ? Json(rounded(row.share->share)) : Json(nullptr);
    json["interval"] = row.share ? interval_json(row.share->interval) : Json(nullptr);
    list.push_back(json);
  }
  return list;
}

Json reads_json(const OutcomeStore& outcomes) {
  std::uint64_t reads = 0, detected = 0, corrected = 0, missed = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const BitOutcome outcome = outcomes[i];
    reads += outcome.reads;
    detected += outcome.detected;
    corrected += outcome.corrected;
    missed += outcome.missed;
  }
  return {
      {"faulty_values_read", reads}, {"detected", detected}, {"corrected", corrected}, {"missed", missed}};
}

Json masking_json(const BitSet& set) {
  std::map<int, std::uint64_t> images;
  std::uint64_t traced = 0;
  std::uint64_t identical = 0;
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    const BitOutcome outcome = set.outcomes()[i];
    for (const auto& [index, count] : outcome.equal_after) images[index] += count;
    identical += outcome.counts.output_identical;
  }
  Json list = Json::array();
  for (const auto& [index, count] : images) {
    traced += count;
    const std::string name =
        index < 0
            ? "where it is read"
            : qfi::name_of(set.workload().program->model().operators[static_cast<std::size_t>(index)].kind);
    list.push_back({{"operator", index}, {"kind", name}, {"trials", count}});
  }
  // Faults of many values are run by whole batches.
  if (identical > traced)
    list.push_back({{"operator", nullptr}, {"kind", "not traced"}, {"trials", identical - traced}});
  return list;
}

Json protection_json(const BitSet& set, double confidence) {
  const std::optional<ProtectionEffect> effect = protection_effect(set, confidence);
  if (!effect) return nullptr;
  Json json = {{"changed_without", effect->changed_before},
               {"changed_with", effect->changed_after},
               {"removed_share", effect->removed ? Json(rounded(effect->removed->share)) : Json(nullptr)},
               {"interval", effect->removed ? interval_json(effect->removed->interval) : Json(nullptr)}};
  json.update(reads_json(set.protected_outcomes()));
  json["summary"] = estimates_json(set, *estimate_with_protection(set, confidence));
  return json;
}

Json search_json(const BitSet& set, const SampleGenetic& sample) {
  const LayerSearch search = search_of(set.layer_bits(), sample, set.individuals());
  Json generations = Json::array();
  for (const LayerSearch::Generation& generation : search.generations())
    generations.push_back({{"best_drop", rounded(generation.best)},
                           {"mean_drop", rounded(generation.mean)},
                           {"order", generation.order}});
  Json rows = Json::array();
  for (const LayerVulnerability& layer : search.layers())
    rows.push_back({{"layer", layer.layer},
                    {"bits_tried", layer.tried},
                    {"bits_vulnerable", layer.vulnerable},
                    {"lvf", rounded(layer.lvf())}});
  return {{"individuals", set.drawn()}, {"layers", rows}, {"generations", generations}};
}

Json file_json(const FaultTable& table) {
  return {{"name", table.name}, {"rows", table.rows}, {"sha256", table.sha256}};
}

}  // namespace

Json plan_json_of(const BitSet& set) {
  std::uint64_t stored_bits = 0;
  for (std::size_t i = 0; i < set.values().stored.size(); ++i) {
    const StoredValues& stored = set.values().stored[i];
    stored_bits += stored.stored_bits();
  }
  return {{"stored_bits", stored_bits}, {"values", values_json(set)}};
}

Json results_json_of(const BitSet& set, const SetFiles& files, double confidence) {
  Json json = plan_json_of(set);
  json.update({{"reads", reads_json(set.outcomes())},
               {"protection", protection_json(set, confidence)},
               {"by_layer", rows_json(set, true, false, confidence)},
               {"by_bit", rows_json(set, false, true, confidence)},
               {"by_layer_and_bit", rows_json(set, true, true, confidence)},
               {"by_direction", directions_json(set, confidence)},
               {"equal_to_golden_after", masking_json(set)},
               {"faults_file", file_json(*files.faults)}});
  if (const auto* sample = std::get_if<SampleGenetic>(&set.config().sample))
    json["search"] = search_json(set, *sample);
  json["bits_file"] = files.bits ? file_json(*files.bits) : Json(nullptr);
  return json;
}

}  // namespace qfi
