// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/estimates.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "qfi/campaign/sample_context.hpp"

namespace qfi {
namespace {

constexpr double k_harmless_loss = 0.01;

double ratio(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

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
    const bool has_accuracy = m_set.workload().task->has_accuracy();
    if (has_accuracy) {
      result.golden_accuracy = ratio(golden.counts.golden_correct, golden.counts.labelled);
      result.golden_top5 = ratio(golden.counts.faulty_top5_correct, golden.counts.labelled);
    }
    MeanSums accuracy = mean_sums(&FaultCounts::faulty_correct, result.golden_accuracy, &Stratum::correct);
    MeanSums top5 = mean_sums(&FaultCounts::faulty_top5_correct, result.golden_top5, &Stratum::top5);
    MeanSums right = mean_sums(&FaultCounts::faulty_correct, std::nullopt, &Stratum::correct);
    MeanSums right_top5 = mean_sums(&FaultCounts::faulty_top5_correct, std::nullopt, &Stratum::top5);
    MeanSums changed = mean_sums(&FaultCounts::changed, std::nullopt, &Stratum::changed);
    ShareSums critical = share_sums(), identical = share_sums(), due = share_sums();
    ShareSums harmless = share_sums(), between = share_sums(), collapsed = share_sums();
    FaultCounts sums;
    for (std::size_t fault = 0; fault < m_set.drawn(); ++fault) {
      const int place = m_place[m_set.stratum_of(fault)];
      if (place < 0) continue;
      const auto k = static_cast<std::size_t>(place);
      const FaultCounts counts = counts_of(fault);
      changed.add(k, counts, m_context.golden_of(fault));
      critical.add(k, counts.changed > 0);
      identical.add(k, counts.output_identical == counts.images);
      due.add(k, counts.nan + counts.infinity > 0);
      sums += counts;
      if (!has_accuracy) continue;
      for (MeanSums* mean : {&accuracy, &top5}) mean->add(k, counts, m_context.golden_of(fault));
      if (m_set.is_nested())
        for (MeanSums* mean : {&right, &right_top5}) mean->add(k, counts, m_context.golden_of(fault));
      const std::string_view harm = harm_class(m_set.workload(), counts);
      harmless.add(k, harm == "harmless");
      between.add(k, harm == "between");
      collapsed.add(k, harm == "collapsed");
      const std::size_t bins = result.histogram.size();
      const std::size_t bin = counts.faulty_correct * bins / std::max<std::uint64_t>(counts.labelled, 1);
      ++result.histogram[std::min(bin, bins - 1)];
    }
    result.sdc_rate = mean_of(changed, golden.counts.units, m_confidence);
    result.critical = share_of(critical, m_confidence);
    // The upper end of an interval that leaves as much out on either side as a bound does on one.
    if (const double two_sided = 2.0 * m_confidence - 1.0; two_sided > 0) {
      if (const auto interval = mean_of(changed, golden.counts.units, two_sided).these_images)
        result.sdc_rate_at_most = interval->high;
      if (const auto interval = share_of(critical, two_sided).interval)
        result.critical_at_most = interval->high;
    }
    result.output_identical = share_of(identical, m_confidence);
    result.due = share_of(due, m_confidence);
    result.derived = m_set.workload().task->derived(sums);
    if (!has_accuracy) return result;
    result.faulty_accuracy = better_of(accuracy, right);
    result.faulty_top5 = better_of(top5, right_top5);
    result.harmless = share_of(harmless, m_confidence);
    result.between = share_of(between, m_confidence);
    result.collapsed = share_of(collapsed, m_confidence);
    return result;
  }

 private:
  struct MeanSums {
    std::uint64_t FaultCounts::*number;
    std::optional<double> golden_share;  ///< from which it deviates; nullopt: the number itself is summed
    std::vector<FaultStratum> strata;
    bool are_sums = false;                       ///< each draw is of many flips
    std::vector<double> sums;                    ///< the share of each draw then
    std::vector<std::uint64_t> golden_of_image;  ///< in a nested design

    void add(std::size_t k, const FaultCounts& counts, const FaultCounts& golden) {
      const std::uint64_t units = number == &FaultCounts::changed ? counts.units : counts.labelled;
      if (are_sums) sums.push_back(ratio(counts.*number, units));
      strata[k].add(counts.*number, golden_share ? golden.*number : 0, units);
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

  MeanSums mean_sums(std::uint64_t FaultCounts::*number, std::optional<double> golden_share,
                     std::vector<std::uint64_t> Stratum::*of_image) const {
    MeanSums sums{number, golden_share, std::vector<FaultStratum>(m_strata.size()), are_sums(), {}, {}};
    for (std::size_t k = 0; k < m_strata.size(); ++k) {
      const Stratum& stratum = m_set.strata()[m_strata[k]];
      sums.strata[k].population = trials_in(m_strata[k]);
      if (m_with_protection != nullptr) continue;
      sums.strata[k].of_image = stratum.*of_image;
      sums.strata[k].faults_of_image = stratum.faults_of_image;
    }
    if (m_set.is_nested() && m_with_protection == nullptr)
      for (const FaultCounts& counts : m_set.workload().golden.of_image)
        sums.golden_of_image.push_back(golden_share ? counts.*number : 0);
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

  SampledMean mean_of(MeanSums& sums, std::uint64_t golden_units, double confidence) const {
    limit(sums.strata);
    SampledShare what = m_context.share(sums.golden_share.value_or(0.0), golden_units);
    if (sums.sums.size() > 1) what.sums = sums.sums;
    what.golden_of_image = sums.golden_of_image;
    return m_context.mean(sums.strata, what, confidence);
  }

  // In a nested design the share itself may be the better estimate: where faults leave little of the golden
  // one, which images a fault has met is noise in the deviation.
  SampledMean better_of(MeanSums& deviation, MeanSums& itself) const {
    const std::uint64_t units = m_set.workload().golden.counts.labelled;
    const SampledMean mean = mean_of(deviation, units, m_confidence);
    return m_set.is_nested() ? narrower(mean, mean_of(itself, units, m_confidence)) : mean;
  }

  bool are_sums() const {
    if (!m_set.is_crossed() || m_strata.size() != 1) return false;
    const std::optional<double> flips = m_set.strata()[m_strata.front()].expected_flips;
    return flips && *flips >= k_many_flips;
  }

  FaultShare share_of(ShareSums& sums, double confidence) const {
    limit(sums.strata);
    const Share estimate = stratified_share(sums.strata, confidence);
    FaultShare result{sums.faults, estimate.share, std::nullopt};
    if (m_set.is_random_sample()) result.interval = estimate.interval;
    return result;
  }

  const FaultSet& m_set;
  SampleContext m_context;
  double m_confidence;
  const OutcomeStore* m_with_protection;  ///< nullptr: without; images' sums are kept of those alone
  std::vector<std::size_t> m_strata;      ///< that are estimated
  std::vector<int> m_place;               ///< of each stratum in m_strata; -1: none
};

}  // namespace

SampleContext::SampleContext(const FaultSet& set) : m_set(set), m_golden(set.workload().golden) {
  if (!set.is_nested()) return;
  for (std::size_t group = 0; group < set.image_groups(); ++group) {
    FaultCounts& counts = m_golden_of_group.emplace_back();
    const FaultSet::Images images = set.group(group);
    for (std::size_t image = images.first; image < images.end(); ++image) counts += m_golden.of_image[image];
  }
}

SampledShare SampleContext::share(double golden_share, std::uint64_t golden_units) const {
  const auto of_a_fault = static_cast<double>(m_set.images_of_a_fault());
  SampledShare what;
  what.golden = golden_share;
  what.units = static_cast<double>(golden_units) * of_a_fault / static_cast<double>(images());
  what.is_crossed = m_set.is_crossed();
  if (m_set.is_nested()) {
    what.images_of_a_fault = m_set.images_of_a_fault();
    what.pairs_of_a_fault = pairs_of_a_fault();
  }
  return what;
}

SampledMean SampleContext::mean(const std::vector<FaultStratum>& strata, const SampledShare& what,
                                double confidence) const {
  SampledMean result = sampled_mean(strata, what, confidence);
  if (!is_crossed() && what.units == 1.0 && what.golden == 0.0) {
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

namespace {

std::optional<SampledMean> chance_of_a_change(const FaultSet& set, std::uint64_t inferences,
                                              double confidence,
                                              const std::function<FaultCounts(std::size_t)>& counts_of) {
  const bool has_one_class = set.workload().golden.counts.units == set.workload().images();
  if (!set.is_crossed() || !has_one_class) return std::nullopt;
  constexpr std::uint64_t k_steps = 1'000'000;  // of a chance
  std::vector<FaultStratum> strata;
  for (const Stratum& stratum : set.strata()) strata.emplace_back().population = stratum.population;
  for (std::size_t fault = 0; fault < set.drawn(); ++fault) {
    const FaultCounts counts = counts_of(fault);
    const double kept = 1.0 - ratio(counts.changed, counts.units);
    const double chance = 1.0 - std::pow(kept, static_cast<double>(inferences));
    strata[set.stratum_of(fault)].add(static_cast<std::uint64_t>(std::llround(chance * k_steps)), 0, k_steps);
  }
  std::erase_if(strata, [](const FaultStratum& stratum) { return stratum.drawn == 0; });
  for (FaultStratum& stratum : strata) stratum.population = std::max(stratum.population, stratum.drawn);
  SampledShare what;
  what.units = static_cast<double>(k_steps);
  return SampleContext(set).mean(strata, what, confidence);
}

}  // namespace

std::optional<SampledMean> chance_of_a_change(const FaultSet& set, std::uint64_t inferences,
                                              double confidence) {
  return chance_of_a_change(set, inferences, confidence,
                            [&](std::size_t fault) { return set.counts_of(fault); });
}

std::optional<SampledMean> chance_of_a_change_with_protection(const BitSet& set, std::uint64_t inferences,
                                                              double confidence) {
  if (set.protected_outcomes().empty()) return std::nullopt;
  return chance_of_a_change(set, inferences, confidence,
                            [&](std::size_t fault) { return set.protected_outcomes().counts(fault); });
}

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
  const double chance = workload.task->chance(workload.answer, workload.golden.counts);
  if (accuracy <= collapsed_accuracy(chance) + k_rounding) return "collapsed";
  return "between";
}

}  // namespace qfi
