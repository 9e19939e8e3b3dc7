// SPDX-License-Identifier: Apache-2.0
#include "qfi/results/summary.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "qfi/campaign/sample_context.hpp"

namespace qfi {
namespace {

double ratio(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// What every member of a set of single bits is.
struct Domain {
  std::optional<std::size_t> layer;
  std::optional<Stage> stage;  ///< data
  std::optional<int> bit;
  auto operator<=>(const Domain&) const = default;
};

bool has_single_bits(const BitSet& set) {
  if (set.fault_config().simultaneous != 1 || set.strata().front().error_rate) return false;
  for (std::size_t fault = 0; fault < set.drawn() && !set.is_random_sample(); ++fault)
    if (set.fault(fault).sites.size() != 1) return false;
  return true;
}

class DomainTable {
 public:
  DomainTable(const BitSet& set, bool by_layer, bool by_bit)
      : m_set(set), m_context(set), m_by_layer(by_layer), m_by_bit(by_bit) {
    for (std::size_t h = 0; h < set.bit_strata().size(); ++h)
      for (const BitStratum::Part& part : set.bit_strata()[h].parts)
        for (const int stored_bit : part.stored_bits) {
          if (!has_domain(part.values, stored_bit)) continue;
          FaultStratum& cell = m_cells[domain_of(part.values, stored_bit)][h];
          cell.population += m_context.trials_of(part.count * set.fault_config().models.size());
        }
    for (std::size_t fault = 0; fault < set.drawn(); ++fault) add(fault);
  }

  std::size_t size() const { return m_cells.size(); }

  std::vector<DomainRow> rows(double confidence) const {
    std::vector<DomainRow> rows;
    for (const auto& [domain, cells] : m_cells) {
      DomainRow row;
      row.layer = domain.layer;
      row.stage = domain.stage;
      row.bit = domain.bit;
      row.derived.resize(m_set.workload().task->derived_metrics().size());
      for (const auto& [h, cell] : cells) row.population += cell.population;
      row.population /= m_context.pairs_of_a_fault();
      fill(domain, row);
      row.changed_share = estimate(cells, confidence);
      rows.push_back(row);
    }
    return rows;
  }

 private:
  Domain domain_of(std::size_t values, int stored_bit) const {
    const StoredValues& stored = m_set.values().stored[values];
    Domain domain;
    const ValuePlace& place = m_set.values().places[values];
    if (m_by_layer) domain.layer = stored.layer;
    if (place.target == FaultTarget::data) domain.stage = place.stage;
    if (m_by_bit) domain.bit = stored.storage.bit_of(stored_bit);
    return domain;
  }

  // A check bit is in no row of a bit.
  bool has_domain(std::size_t values, int stored_bit) const {
    return !m_by_bit || m_set.values().stored[values].storage.bit_of(stored_bit).has_value();
  }

  void add(std::size_t fault) {
    const BitSite site = m_set.fault(fault).sites.front();
    if (!has_domain(site.values, site.stored_bit)) return;
    const Domain domain = domain_of(site.values, site.stored_bit);
    const FaultCounts counts = m_set.counts_of(fault);
    m_cells[domain][m_set.stratum_of(fault)].add(counts.changed, 0, counts.units);
    m_sums[domain] += counts;
    const double share = ratio(counts.changed, counts.units);
    m_shares[domain].first += share;
    m_shares[domain].second += share * share;
    ++m_drawn[domain];
  }

  void fill(const Domain& domain, DomainRow& row) const {
    const auto found = m_drawn.find(domain);
    if (found == m_drawn.end()) return;
    const FaultCounts& sums = m_sums.at(domain);
    row.drawn = found->second;
    row.trials = sums.images;
    row.units = sums.units;
    row.changed = sums.changed;
    row.nan = sums.nan;
    row.infinity = sums.infinity;
    const auto n = static_cast<double>(row.drawn);
    const auto& [sum, squares] = m_shares.at(domain);
    if (row.drawn > 1) row.deviation = std::sqrt(std::max(0.0, squares - sum * sum / n) / (n - 1.0));
    row.derived = m_set.workload().task->derived(sums);
  }

  // Cells of which nothing was drawn may be anything.
  SampledMean estimate(const std::map<std::size_t, FaultStratum>& cells, double confidence) const {
    std::vector<FaultStratum> seen;
    double population = 0;
    double known = 0;
    for (const auto& [h, cell] : cells) {
      population += static_cast<double>(cell.population);
      if (cell.drawn == 0) continue;
      known += static_cast<double>(cell.population);
      seen.push_back(cell);
      seen.back().population = std::max(cell.population, cell.drawn);
    }
    SampledMean result;
    if (seen.empty()) {
      if (m_set.is_random_sample()) result.these_images = Interval{0.0, 1.0};
      return result;
    }
    const SampledShare what = m_context.share(0.0, m_set.workload().golden.counts.units);
    result = m_context.mean(seen, what, confidence);
    result.image_population = std::nullopt;
    if (!m_set.is_random_sample()) return result;
    if (!result.these_images) result.these_images = Interval{0.0, 1.0};  // one draw
    if (known >= population) return result;
    const double share = known / population;
    result.these_images =
        Interval{result.these_images->low * share, result.these_images->high * share + 1.0 - share};
    return result;
  }

  const BitSet& m_set;
  SampleContext m_context;
  bool m_by_layer;
  bool m_by_bit;
  std::map<Domain, std::map<std::size_t, FaultStratum>> m_cells;  ///< by stratum
  std::map<Domain, FaultCounts> m_sums;
  std::map<Domain, std::pair<double, double>> m_shares;  ///< sum and squares over faults
  std::map<Domain, std::uint64_t> m_drawn;
};

// How many faults of the population a drawn one stands for.
double weight_in(const Stratum& stratum) {
  return static_cast<double>(stratum.population) /
         static_cast<double>(std::max<std::uint64_t>(stratum.drawn, 1));
}

// Nested: of pairs of a fault and a group of images, of which a drawn fault has met one.
double undrawn_in(const FaultSet& set, const Stratum& stratum) {
  if (stratum.is_drawn_with_replacement) return 1.0;
  const double groups = set.is_nested() ? static_cast<double>(set.image_groups()) : 1.0;
  return std::max(
      0.0, 1.0 - static_cast<double>(stratum.drawn) / (static_cast<double>(stratum.population) * groups));
}

// Faults with the same numbers are kept once: of many there are few kinds.
class AlikeFaults {
 public:
  void add(std::size_t stratum, std::uint64_t events, std::uint64_t trials) {
    ++m_counts[{stratum, events, trials}];
  }
  std::optional<Ratio> share(const FaultSet& set, double confidence) const {
    std::vector<RatioFault> faults;
    for (const auto& [kind, count] : m_counts) {
      const auto& [h, events, trials] = kind;
      faults.push_back({weight_in(set.strata()[h]), undrawn_in(set, set.strata()[h]), events, trials, count});
    }
    return ratio_share(faults, confidence);
  }

 private:
  std::map<std::tuple<std::size_t, std::uint64_t, std::uint64_t>, std::uint64_t> m_counts;
};

}  // namespace

std::vector<DomainRow> domain_rows(const BitSet& set, bool by_layer, bool by_bit,
                                   const IntervalConfig& intervals) {
  if (!has_single_bits(set)) return {};
  const DomainTable table(set, by_layer, by_bit);
  const bool is_adjusted = intervals.rows == RowIntervals::together && table.size() > 0;
  const double missed =
      (1.0 - intervals.confidence) / (is_adjusted ? static_cast<double>(table.size()) : 1.0);
  return table.rows(1.0 - missed);
}

std::vector<DirectionRow> direction_rows(const BitSet& set, double confidence) {
  if (!has_single_bits(set)) return {};
  const std::array<const char*, 5> names = {"0->1", "1->0", "away", "towards", "neither"};
  std::map<std::pair<std::optional<std::size_t>, std::size_t>, std::pair<TrialSums, AlikeFaults>> rows;
  for (std::size_t k = 0; k < names.size(); ++k) rows[{std::nullopt, k}];
  for (std::size_t fault = 0; fault < set.drawn(); ++fault) {
    const BitOutcome outcome = set.outcomes()[fault];
    const std::size_t layer = set.values().stored[set.fault(fault).sites.front().values].layer;
    for (std::size_t k = 0; k < names.size(); ++k) {
      const TrialSums& sums = k < 2 ? outcome.of_direction[k] : outcome.of_magnitude[k - 2];
      if (sums.trials == 0) continue;
      for (const std::optional<std::size_t> of : {std::optional<std::size_t>(), std::optional(layer)}) {
        auto& [total, faults] = rows[{of, k}];
        total.trials += sums.trials;
        total.changed += sums.changed;
        total.units += sums.units;
        faults.add(set.stratum_of(fault), sums.changed, sums.units);
      }
    }
  }
  std::vector<DirectionRow> result;
  for (const auto& [key, row] : rows) {
    std::optional<Ratio> share = row.second.share(set, confidence);
    if (share && !set.is_random_sample()) share->interval.reset();
    result.push_back({key.first, names[key.second], row.first, share});
  }
  return result;
}

std::optional<ProtectionEffect> protection_effect(const BitSet& set, double confidence) {
  if (set.protected_outcomes().empty()) return std::nullopt;
  ProtectionEffect effect;
  AlikeFaults faults;
  for (std::size_t fault = 0; fault < set.drawn(); ++fault) {
    const FaultCounts before = set.counts_of(fault);
    const BitOutcome after = set.protected_outcomes()[fault];
    effect.changed_before += before.changed;
    effect.changed_after += after.counts.changed;
    faults.add(set.stratum_of(fault), after.cured, before.changed);
  }
  effect.removed = faults.share(set, confidence);
  if (effect.removed && !set.is_random_sample()) effect.removed->interval.reset();
  return effect;
}

namespace {

// FIT of all faults of a set.
double raw_fit(const Plan& plan, std::size_t set, const RawRate& rate) {
  const BitSet* bits = plan.bits(set);
  if (bits == nullptr) return plan.stuck_at(set)->raw_fit();
  constexpr double k_bits_per_mbit = 1e6;
  std::uint64_t stored = 0;
  for (const BitStratum& stratum : bits->bit_strata()) stored += stratum.population();
  return *rate.fit * static_cast<double>(stored) / k_bits_per_mbit;
}

DeratedRate derated(double raw, double share, const std::optional<Interval>& interval) {
  DeratedRate rate{raw * share, std::nullopt};
  if (interval) rate.interval = {raw * interval->low, raw * interval->high};
  return rate;
}

DeratedRate derated(double raw, const SampledMean& mean) {
  return derated(raw, mean.mean, mean.these_images);
}

// The rates of a netlist whose cells have rates of their own: each fault counts as much as it stands for.
std::optional<FailureRate> rate_by_cells(const StuckAtSet& set, const RawRate& hardware, double confidence) {
  double weights = 0;
  for (std::size_t fault = 0; fault < set.drawn(); ++fault) weights += set.weight_of(fault);
  if (weights <= 0) return std::nullopt;  // operand bits alone
  const auto mean = [&](const auto& value_of) {
    std::vector<WeightedValue> values;
    for (std::size_t fault = 0; fault < set.drawn(); ++fault) {
      const FaultCounts counts = set.counts_of(fault);
      values.push_back({set.weight_of(fault), value_of(ratio(counts.changed, counts.units))});
    }
    SampledMean result = weighted_mean(values, set.population(), confidence);
    if (!set.is_random_sample()) result.these_images.reset();
    return result;
  };
  FailureRate rate;
  rate.raw_fit = set.raw_fit();
  rate.of_one_inference = derated(set.sites_fit(), mean([](double share) { return share; }));
  if (!set.is_crossed()) return rate;
  rate.of_critical_faults =
      derated(set.sites_fit(), mean([](double share) { return share > 0 ? 1.0 : 0.0; }));
  if (hardware.inferences == 1) return rate;
  rate.inferences = hardware.inferences;
  rate.of_inferences = derated(set.sites_fit(), mean([&](double share) {
                                 return 1.0 - std::pow(1.0 - share, static_cast<double>(hardware.inferences));
                               }));
  return rate;
}

}  // namespace

std::optional<FailureRate> failure_rate(const Plan& plan, std::size_t set, const SetEstimates& estimates) {
  const std::optional<RawRate>& hardware = plan.config.faults[set].raw_rate;
  if (!hardware) return std::nullopt;
  const FaultSet& faults = *plan.sets[set];
  const double confidence = plan.config.interval.confidence;
  if (const StuckAtSet* netlist = plan.stuck_at(set); netlist != nullptr && !hardware->fit)
    return rate_by_cells(*netlist, *hardware, confidence);
  FailureRate rate;
  rate.raw_fit = raw_fit(plan, set, *hardware);
  rate.of_one_inference = derated(rate.raw_fit, estimates.sdc_rate);
  rate.on_images_like_these =
      derated(rate.raw_fit, estimates.sdc_rate.mean, estimates.sdc_rate.image_population).interval;
  if (faults.is_crossed())
    rate.of_critical_faults = derated(rate.raw_fit, estimates.critical.share, estimates.critical.interval);
  const bool stays = hardware->inferences > 1;
  if (stays) rate.inferences = hardware->inferences;
  if (const auto chance = chance_of_a_change(faults, hardware->inferences, confidence); stays && chance)
    rate.of_inferences = derated(rate.raw_fit, *chance);
  const BitSet* bits = plan.bits(set);
  if (bits == nullptr) return rate;
  if (const auto kept = estimate_with_protection(*bits, confidence))
    rate.protected_of_one_inference = derated(rate.raw_fit, kept->sdc_rate);
  if (const auto kept = chance_of_a_change_with_protection(*bits, hardware->inferences, confidence);
      stays && kept)
    rate.protected_of_inferences = derated(rate.raw_fit, *kept);
  return rate;
}

std::optional<CombinedEstimates> combine(const Plan& plan, const std::vector<SetEstimates>& sets) {
  double weights = 0;
  for (const FaultsConfig& faults : plan.config.faults) {
    if (!faults.weight) return std::nullopt;
    weights += *faults.weight;
  }
  if (weights <= 0) return std::nullopt;
  // Ends of intervals as distances from the means, added in squares (MOVER): the sets are independent.
  const auto combined = [&](SampledMean SetEstimates::*metric) {
    Share result;
    double below = 0;
    double above = 0;
    for (std::size_t i = 0; i < sets.size(); ++i) {
      const SampledMean& mean = sets[i].*metric;
      const double weight = *plan.config.faults[i].weight / weights;
      const Interval interval = mean.these_images.value_or(Interval{0.0, 1.0});
      result.share += weight * mean.mean;
      below += std::pow(weight * (mean.mean - interval.low), 2);
      above += std::pow(weight * (interval.high - mean.mean), 2);
    }
    result.interval = {std::max(0.0, result.share - std::sqrt(below)),
                       std::min(1.0, result.share + std::sqrt(above))};
    return result;
  };
  CombinedEstimates result{std::nullopt, combined(&SetEstimates::sdc_rate)};
  if (plan.workload->task->has_accuracy()) result.faulty_accuracy = combined(&SetEstimates::faulty_accuracy);
  return result;
}

}  // namespace qfi
