// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/summary.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace qfi {
namespace {

constexpr double k_harmless_loss = 0.01;

double ratio(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// What estimates of a set have in common.
class Context {
 public:
  explicit Context(const FaultSet& set)
      : m_set(set), m_bits(dynamic_cast<const BitSet*>(&set)), m_golden(set.workload().golden) {}

  std::uint64_t images() const { return m_set.workload().images(); }
  bool is_paired() const { return m_set.is_paired(); }
  const FaultCounts& golden_of(std::size_t fault) const {
    return is_paired() ? m_golden.of_image[m_bits->image_of(fault)] : m_golden.counts;
  }
  /// Faults, or pairs of fault and image.
  std::uint64_t trials_of(std::uint64_t faults, bool is_endless = false) const {
    constexpr std::uint64_t k_most = std::uint64_t{1} << 62;
    const std::uint64_t times = is_paired() ? images() : 1;
    return is_endless || faults > k_most / times ? k_most : faults * times;
  }
  /// Of one drawn fault, from the whole golden run's.
  double units(std::uint64_t golden_units) const {
    return static_cast<double>(golden_units) / static_cast<double>(is_paired() ? images() : 1);
  }

  /// Pairs whose event happens or not have exact intervals.
  SampledMean mean(const std::vector<FaultStratum>& strata, const SampledShare& what,
                   double confidence) const {
    SampledMean result = sampled_mean(strata, what, confidence);
    if (is_paired() && what.units == 1.0 && what.golden == 0.0) {
      std::vector<StratumCounts> counts;
      for (const FaultStratum& stratum : strata)
        counts.push_back({stratum.population, stratum.drawn, stratum.gains.sum});
      result.these_images = stratified_share(counts, confidence).interval;
      if (result.image_population) {
        result.image_population->low = std::min(result.image_population->low, result.these_images->low);
        result.image_population->high = std::max(result.image_population->high, result.these_images->high);
      }
    }
    if (!m_set.is_random_sample()) result.these_images = result.image_population = std::nullopt;
    return result;
  }

 private:
  const FaultSet& m_set;
  const BitSet* m_bits;  ///< the same set; nullptr: of another kind, which is never paired
  const GoldenRun& m_golden;
};

class Estimator {
 public:
  Estimator(const FaultSet& set, double confidence, std::optional<std::size_t> stratum,
            const OutcomeStore* with_protection = nullptr)
      : m_set(set), m_context(set), m_confidence(confidence), m_with_protection(with_protection) {
    m_place.assign(set.strata().size(), -1);
    for (std::size_t h = 0; h < set.strata().size(); ++h)
      if (stratum ? *stratum == h : set.strata()[h].drawn > 0) {
        m_place[h] = static_cast<int>(m_strata.size());
        m_strata.push_back(h);
      }
  }

  // Every fault is looked at once: of many, unpacking is what takes time.
  SetEstimates estimate() const {
    const GoldenRun& golden = m_set.workload().golden;
    SetEstimates result;
    result.golden_accuracy = ratio(golden.counts.golden_correct, golden.counts.labelled);
    result.golden_top5 = ratio(golden.counts.faulty_top5_correct, golden.counts.labelled);
    MeanSums accuracy = mean_sums(&FaultCounts::faulty_correct, result.golden_accuracy, &Stratum::correct);
    MeanSums top5 = mean_sums(&FaultCounts::faulty_top5_correct, result.golden_top5, &Stratum::top5);
    MeanSums changed = mean_sums(&FaultCounts::changed, 0.0, &Stratum::changed);
    ShareSums critical = share_sums(), identical = share_sums(), due = share_sums();
    ShareSums harmless = share_sums(), between = share_sums(), collapsed = share_sums();
    FaultCounts sums;
    for (std::size_t fault = 0; fault < m_set.drawn(); ++fault) {
      const int place = m_place[m_set.stratum_of(fault)];
      if (place < 0) continue;
      const auto k = static_cast<std::size_t>(place);
      const FaultCounts counts = counts_of(fault);
      for (MeanSums* mean : {&accuracy, &top5, &changed}) mean->add(k, counts, m_context.golden_of(fault));
      critical.add(k, counts.changed > 0);
      identical.add(k, counts.output_identical == counts.images);
      due.add(k, counts.nan + counts.infinity > 0);
      const std::string_view harm = harm_class(m_set.workload(), counts);
      harmless.add(k, harm == "harmless");
      between.add(k, harm == "between");
      collapsed.add(k, harm == "collapsed");
      const std::size_t bins = result.histogram.size();
      const std::size_t bin = counts.faulty_correct * bins / std::max<std::uint64_t>(counts.labelled, 1);
      ++result.histogram[std::min(bin, bins - 1)];
      sums += counts;
    }
    result.faulty_accuracy = mean_of(accuracy, golden.counts.labelled);
    result.faulty_top5 = mean_of(top5, golden.counts.labelled);
    result.sdc_rate = mean_of(changed, golden.counts.units);
    result.critical = share_of(critical);
    result.output_identical = share_of(identical);
    result.due = share_of(due);
    result.harmless = share_of(harmless);
    result.between = share_of(between);
    result.collapsed = share_of(collapsed);
    result.mean_iou = sums.confusion.mean_iou();
    result.global_iou = sums.confusion.global_iou();
    result.weighted_iou = sums.confusion.weighted_iou();
    return result;
  }

 private:
  struct MeanSums {
    std::uint64_t FaultCounts::*number;
    double golden_share;
    std::vector<FaultStratum> strata;

    void add(std::size_t k, const FaultCounts& counts, const FaultCounts& golden) {
      const bool starts_at_none = golden_share == 0.0;
      strata[k].add(counts.*number, starts_at_none ? 0 : golden.*number,
                    starts_at_none ? counts.units : counts.labelled);
    }
  };
  struct ShareSums {
    std::vector<StratumCounts> strata;
    std::uint64_t faults = 0;

    void add(std::size_t k, bool holds) {
      ++strata[k].drawn;
      strata[k].events += holds ? 1 : 0;
      faults += holds ? 1 : 0;
    }
  };

  FaultCounts counts_of(std::size_t fault) const {
    return m_with_protection == nullptr ? m_set.counts_of(fault) : m_with_protection->counts(fault);
  }

  MeanSums mean_sums(std::uint64_t FaultCounts::*number, double golden_share,
                     std::vector<std::uint64_t> Stratum::*of_image) const {
    MeanSums sums{number, golden_share, std::vector<FaultStratum>(m_strata.size())};
    for (std::size_t k = 0; k < m_strata.size(); ++k) {
      sums.strata[k].population = trials_in(m_strata[k]);
      if (m_with_protection == nullptr) sums.strata[k].of_image = m_set.strata()[m_strata[k]].*of_image;
    }
    return sums;
  }

  ShareSums share_sums() const {
    ShareSums sums;
    for (const std::size_t h : m_strata) sums.strata.push_back({trials_in(h), 0, 0});
    return sums;
  }

  std::uint64_t trials_in(std::size_t h) const {
    const Stratum& stratum = m_set.strata()[h];
    return m_context.trials_of(stratum.population, stratum.is_drawn_with_replacement);
  }

  // A fault list may be longer than the population, which nothing is said of.
  template <class Strata>
  static void limit(Strata& strata) {
    for (auto& stratum : strata) stratum.population = std::max(stratum.population, stratum.drawn);
  }

  SampledMean mean_of(MeanSums& sums, std::uint64_t golden_units) const {
    limit(sums.strata);
    return m_context.mean(sums.strata, {sums.golden_share, m_context.units(golden_units), !m_set.is_paired()},
                          m_confidence);
  }

  FaultShare share_of(ShareSums& sums) const {
    limit(sums.strata);
    const Share estimate = stratified_share(sums.strata, m_confidence);
    FaultShare result{sums.faults, estimate.share, std::nullopt};
    if (m_set.is_random_sample()) result.interval = estimate.interval;
    return result;
  }

  const FaultSet& m_set;
  Context m_context;
  double m_confidence;
  const OutcomeStore* m_with_protection;  ///< nullptr: without; images' sums are kept of those alone
  std::vector<std::size_t> m_strata;      ///< that are estimated
  std::vector<int> m_place;               ///< of each stratum in m_strata; -1: none
};

// What every member of a set of single bits is.
struct Domain {
  std::optional<std::size_t> layer;
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
          FaultStratum& cell = m_cells[domain_of(part.values, stored_bit)][h];
          cell.population += m_context.trials_of(part.count * set.fault_config().models.size());
        }
    for (std::size_t fault = 0; fault < set.drawn(); ++fault) add(fault);
  }

  std::vector<DomainRow> rows(double confidence) const {
    std::vector<DomainRow> rows;
    for (const auto& [domain, cells] : m_cells) {
      DomainRow row;
      row.layer = domain.layer;
      row.bit = domain.bit;
      for (const auto& [h, cell] : cells) row.population += cell.population;
      if (m_context.is_paired()) row.population /= m_context.images();
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
    if (m_by_layer) domain.layer = stored.layer;
    if (m_by_bit) domain.bit = stored.storage.bit_of(stored_bit);
    return domain;
  }

  void add(std::size_t fault) {
    const BitSite site = m_set.fault(fault).sites.front();
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
    row.mean_iou = sums.confusion.mean_iou();
    row.global_iou = sums.confusion.global_iou();
    row.weighted_iou = sums.confusion.weighted_iou();
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
    const double units = m_context.units(m_set.workload().golden.counts.units);
    result = m_context.mean(seen, {0.0, units, !m_context.is_paired()}, confidence);
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
  Context m_context;
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

double undrawn_in(const Stratum& stratum) {
  if (stratum.is_drawn_with_replacement) return 1.0;
  return std::max(0.0, 1.0 - static_cast<double>(stratum.drawn) / static_cast<double>(stratum.population));
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
      faults.push_back({weight_in(set.strata()[h]), undrawn_in(set.strata()[h]), events, trials, count});
    }
    return ratio_share(faults, confidence);
  }

 private:
  std::map<std::tuple<std::size_t, std::uint64_t, std::uint64_t>, std::uint64_t> m_counts;
};

}  // namespace

SetEstimates estimate(const FaultSet& set, double confidence, std::optional<std::size_t> stratum) {
  return Estimator(set, confidence, stratum).estimate();
}

std::optional<SetEstimates> estimate_with_protection(const BitSet& set, double confidence) {
  if (set.protected_outcomes().empty()) return std::nullopt;
  return Estimator(set, confidence, std::nullopt, &set.protected_outcomes()).estimate();
}

FaultShare share_with_fate(const StuckAtSet& set, FaultFate fate, double confidence) {
  FaultShare result;
  for (const PlannedFault& fault : set.faults()) result.faults += fault.fate == fate ? 1 : 0;
  result.share = ratio(result.faults, set.drawn());
  if (set.is_random_sample())
    result.interval = exact_interval(result.faults, set.drawn(), set.population(), confidence);
  return result;
}

std::string_view harm_class(const Workload& workload, const FaultCounts& counts) {
  const double accuracy = ratio(counts.faulty_correct, counts.labelled);
  const double loss = ratio(counts.golden_correct, counts.labelled) - accuracy;
  constexpr double k_rounding = 1e-12;  // 1 image of 100 is 1 point, whatever the division made of it
  if (loss <= k_harmless_loss + k_rounding) return "harmless";
  const auto classes = static_cast<double>(std::max<std::size_t>(workload.classes, 2));
  if (accuracy <= 2.0 / classes + k_rounding) return "collapsed";
  return "between";
}

std::vector<DomainRow> domain_rows(const BitSet& set, bool by_layer, bool by_bit, double confidence) {
  if (!has_single_bits(set)) return {};
  return DomainTable(set, by_layer, by_bit).rows(confidence);
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
    const FaultCounts after = set.protected_outcomes()[fault].counts;
    effect.changed_before += before.changed;
    effect.changed_after += after.changed;
    const std::uint64_t removed = before.changed - std::min(before.changed, after.changed);
    faults.add(set.stratum_of(fault), removed, before.changed);
  }
  effect.removed = faults.share(set, confidence);
  if (effect.removed && !set.is_random_sample()) effect.removed->interval.reset();
  return effect;
}

std::optional<FailureRate> failure_rate(const Plan& plan, std::size_t set, const SetEstimates& estimates) {
  const std::optional<double> raw = plan.config.faults[set].raw_rate;
  if (!raw) return std::nullopt;
  FailureRate rate;
  if (const BitSet* bits = plan.bits(set)) {
    constexpr double k_bits_per_mbit = 1e6;
    std::uint64_t stored = 0;
    for (const BitStratum& stratum : bits->bit_strata()) {
      stored += stratum.population();
      if (bits->strata().front().error_rate) break;  // every rate has the same bits
    }
    rate.raw_fit = *raw * static_cast<double>(stored) / k_bits_per_mbit;
  } else {
    rate.raw_fit = *raw * static_cast<double>(plan.stuck_at(set)->netlist().cells.size());
  }
  rate.derated_fit = rate.raw_fit * estimates.sdc_rate.mean;
  if (const auto& interval = estimates.sdc_rate.these_images)
    rate.interval = {rate.raw_fit * interval->low, rate.raw_fit * interval->high};
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
  return CombinedEstimates{combined(&SetEstimates::faulty_accuracy), combined(&SetEstimates::sdc_rate)};
}

}  // namespace qfi
