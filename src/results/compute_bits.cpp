// SPDX-License-Identifier: Apache-2.0
// What results say of faults of stored bits.
#include <cmath>
#include <map>

#include "compute_parts.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/model/stored_value.hpp"
#include "qfi/results/summary.hpp"

namespace qfi {
namespace {

// How a constant's values lie: zeros; INT8 codes in 16 equal steps from -128; FLOAT32 values whose top
// exponent bit's flip gives infinity or NaN (magnitudes from 1 to below 2).
void add_distribution(const Tensor& tensor, StoredValuesFacts& facts) {
  const auto count = static_cast<double>(tensor.elements());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(tensor.data.data());
  if (tensor.type == TensorType::int8) {
    std::array<std::uint64_t, 16> histogram{};
    std::uint64_t zeros = 0;
    for (std::size_t i = 0; i < tensor.elements(); ++i) {
      ++histogram[static_cast<std::size_t>((static_cast<std::int8_t>(bytes[i]) + 128) / 16)];
      zeros += bytes[i] == 0 ? 1 : 0;
    }
    facts.zero_share = rounded(static_cast<double>(zeros) / count);
    facts.histogram_of_codes = histogram;
  } else if (tensor.type == TensorType::float32) {
    std::uint64_t zeros = 0;
    std::uint64_t from_1_to_2 = 0;
    for (std::size_t i = 0; i < tensor.elements(); ++i) {
      const double value = number_of(tensor.type, read_bits(tensor, i));
      zeros += value == 0 ? 1 : 0;
      from_1_to_2 += std::abs(value) >= 1 && std::abs(value) < 2 ? 1 : 0;
    }
    facts.zero_share = rounded(static_cast<double>(zeros) / count);
    facts.share_from_1_to_2 = rounded(static_cast<double>(from_1_to_2) / count);
  }
}

StoredValuesFacts values_facts(const BitSet& set, std::size_t i) {
  const StoredValues& stored = set.values().stored[i];
  const ValuePlace& place = set.values().places[i];
  const Tensor& tensor = set.workload().tensor(place.tensor);
  const Storage& kept =
      set.values().protected_storage.empty() ? stored.storage : set.values().protected_storage[i];
  StoredValuesFacts facts;
  facts.label = place.label;
  facts.layer = stored.layer;
  facts.operator_kind = name_of(set.workload().program->model().operators[stored.layer].kind);
  facts.tensor = tensor.name;
  facts.values = stored.count;
  facts.width = static_cast<std::uint64_t>(kept.params().width);
  facts.protection = name_in(k_protections, kept.params().protection);
  facts.stored_bits = static_cast<std::uint64_t>(kept.stored_bits());
  if (!set.values().protected_elements.empty() && set.values().protected_elements[i])
    facts.protected_values = set.values().protected_elements[i]->size();
  if (place.target == FaultTarget::data) facts.stage = name_in(k_stages, place.stage);
  if (tensor.is_constant) add_distribution(tensor, facts);
  return facts;
}

std::vector<DomainResults> domain_results(const BitSet& set, bool by_layer, bool by_bit,
                                          const IntervalConfig& intervals) {
  std::vector<DomainResults> list;
  for (const DomainRow& row : domain_rows(set, by_layer, by_bit, intervals)) {
    DomainResults& domain = list.emplace_back();
    domain.layer = row.layer;
    if (row.stage) domain.stage = name_in(k_stages, *row.stage);
    if (row.bit) domain.bit = static_cast<std::uint64_t>(*row.bit);
    domain.population = row.population;
    domain.n = row.drawn;
    domain.trials = row.trials;
    domain.units = row.units;
    domain.changed = row.changed;
    domain.changed_share = rounded(row.changed_share.mean);
    domain.interval = rounded(row.changed_share.these_images);
    domain.deviation = rounded(row.deviation);
    domain.nan = row.nan;
    domain.infinity = row.infinity;
    for (const std::optional<double>& value : row.derived) domain.derived.push_back(rounded(value));
  }
  return list;
}

std::vector<DirectionResults> direction_results(const BitSet& set, double confidence) {
  std::vector<DirectionResults> list;
  for (const DirectionRow& row : direction_rows(set, confidence)) {
    DirectionResults& direction = list.emplace_back();
    direction.direction = row.direction;
    direction.layer = row.layer;
    direction.trials = row.sums.trials;
    direction.changed = row.sums.changed;
    direction.units = row.sums.units;
    if (!row.share) continue;
    direction.changed_share = rounded(row.share->share);
    direction.interval = rounded(row.share->interval);
  }
  return list;
}

ReadResults read_results_of(const OutcomeStore& outcomes) {
  ReadResults sum;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const BitOutcome outcome = outcomes[i];
    sum.faulty_values_read += outcome.reads;
    sum.detected += outcome.detected;
    sum.corrected += outcome.corrected;
    sum.missed += outcome.missed;
  }
  return sum;
}

std::vector<MaskingResults> masking_results(const BitSet& set) {
  std::map<int, std::uint64_t> images;
  std::uint64_t traced = 0;
  std::uint64_t identical = 0;
  for (std::size_t i = 0; i < set.drawn(); ++i) {
    const BitOutcome outcome = set.outcomes()[i];
    for (const auto& [index, count] : outcome.equal_after) images[index] += count;
    identical += outcome.counts.output_identical;
  }
  const std::vector<Operator>& operators = set.workload().program->model().operators;
  std::vector<MaskingResults> list;
  for (const auto& [index, count] : images) {
    traced += count;
    list.push_back({index,
                    index < 0 ? "where it is read" : name_of(operators[static_cast<std::size_t>(index)].kind),
                    count});
  }
  // Faults of many values are run by whole batches.
  if (identical > traced) list.push_back({std::nullopt, "not traced", identical - traced});
  return list;
}

std::optional<ProtectionResults> protection_results(const BitSet& set, double confidence) {
  const std::optional<ProtectionEffect> effect = protection_effect(set, confidence);
  if (!effect) return std::nullopt;
  ProtectionResults results;
  results.changed_without = effect->changed_before;
  results.changed_with = effect->changed_after;
  if (effect->removed) {
    results.removed_share = rounded(effect->removed->share);
    results.interval = rounded(effect->removed->interval);
  }
  results.reads = read_results_of(set.protected_outcomes());
  results.summary = compute_estimates(set, *estimate_with_protection(set, confidence));
  return results;
}

SearchResults search_results(const BitSet& set, const SearchFacts& search) {
  SearchResults results;
  results.individuals = set.drawn();
  for (const LayerVulnerability& layer : search.layers)
    results.layers.push_back({layer.layer, layer.tried, layer.vulnerable, rounded(layer.lvf())});
  for (const LayerSearch::Generation& generation : search.generations)
    results.generations.push_back({rounded(generation.best),
                                   rounded(generation.mean),
                                   {generation.order.begin(), generation.order.end()}});
  return results;
}

FileFacts file_facts(const FaultTable& table) { return {table.name, table.rows, table.sha256}; }

}  // namespace

StoredBitResults plan_results(const BitSet& set, double) {
  StoredBitResults results;
  results.stored_bits = 0;
  if (set.values().left_out > 0) results.left_out = set.values().left_out;
  for (std::size_t i = 0; i < set.values().stored.size(); ++i) {
    const StoredValues& stored = set.values().stored[i];
    *results.stored_bits += stored.stored_bits();
    results.values.push_back(values_facts(set, i));
  }
  return results;
}

void complete(const BitSet& set, const Driver& driver, const SetFiles& files, const IntervalConfig& intervals,
              StoredBitResults& results) {
  results.reads = read_results_of(set.outcomes());
  results.protection = protection_results(set, intervals.confidence);
  results.by_layer = domain_results(set, true, false, intervals);
  results.by_bit = domain_results(set, false, true, intervals);
  results.by_layer_and_bit = domain_results(set, true, true, intervals);
  results.by_direction = direction_results(set, intervals.confidence);
  results.masking = masking_results(set);
  if (files.faults) results.faults_file = file_facts(*files.faults);
  if (const SampleFacts facts = driver.facts(set); facts.search)
    results.search = search_results(set, *facts.search);
  if (files.bits) results.bits_file = file_facts(*files.bits);
}

}  // namespace qfi
