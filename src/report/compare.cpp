// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "analysis.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

constexpr double k_many = 1e9;  // degrees of freedom: the normal distribution

// A loss and its standard error; 0: no matter of chance.
struct Loss {
  double value = 0;
  double error_down = 0;  ///< towards smaller losses
  double error_up = 0;
  double degrees = k_many;
};

Check judged(Check check, const Loss& loss, double confidence) {
  constexpr double k_rounding = 1e-9;
  check.loss = loss.value;
  const double quantile = t_quantile(confidence, loss.degrees);
  check.interval = {loss.value - quantile * loss.error_down, loss.value + quantile * loss.error_up};
  const double beyond = loss.value - check.threshold;
  if (loss.error_down == 0) check.p = beyond > k_rounding ? 0 : 1;
  else check.p = upper_tail(beyond / loss.error_down, loss.degrees);
  const bool is_exact = loss.error_down == 0 && loss.error_up == 0;
  if (is_exact && loss.value == 0) check.verdict = Verdict::equal;
  else if (check.interval->high <= check.threshold + k_rounding) check.verdict = Verdict::not_worse;
  return check;
}

// The faults of both, and what each of them did, are the same. The results name their tables of faults by
// their hashes, so that this holds of campaigns whose tables are not there, too.
bool are_equal(const ResultsFile& a, const SetResults& a_set, const std::vector<FaultRecord>& a_faults,
               const ResultsFile& b, const SetResults& b_set, const std::vector<FaultRecord>& b_faults) {
  const auto text_of = [](const ResultsFile& file, const SetResults& set) {
    CampaignResults alone;
    alone.task = file.results.task;
    alone.golden = file.results.golden;
    alone.interval_confidence = file.results.interval_confidence;
    alone.config = "{}";
    alone.sets = {set};
    return results_text(alone);
  };
  return a.images() == b.images() && a_faults == b_faults && text_of(a, a_set) == text_of(b, b_set);
}

// The faults of both, in the order of the first; nothing: they are not the same.
using Pairs = std::vector<std::pair<const FaultRecord*, const FaultRecord*>>;
std::optional<Pairs> pair_faults(const SetFaults& before, const SetFaults& after) {
  if (before.faults.empty() || before.faults.size() != after.faults.size()) return std::nullopt;
  std::map<std::string, const FaultRecord*> known;
  for (const FaultRecord& fault : after.faults)
    if (fault.name.empty() || !known.try_emplace(fault.name, &fault).second) return std::nullopt;
  Pairs pairs;
  for (const FaultRecord& fault : before.faults) {
    const auto same = known.find(fault.name);
    if (same == known.end()) return std::nullopt;
    pairs.emplace_back(&fault, same->second);
  }
  return pairs;
}

// The mean of a value of each pair, of those strata that have pairs, weighted by their populations; `of_all`:
// the population, if it is not that of the strata. Nothing: too few faults of a stratum to see how they vary.
std::optional<Loss> paired_loss(const SetResults& set, const Pairs& pairs, std::optional<double> of_all,
                                const std::function<double(const FaultRecord&, const FaultRecord&)>& value) {
  constexpr double k_fewest_degrees = 10;
  struct Sums {
    double n = 0, sum = 0, squares = 0;
  };
  std::vector<Sums> strata(set.strata.size());
  for (const auto& [before, after] : pairs) {
    Sums& sums = strata[before->stratum];
    const double x = value(*before, *after);
    sums.n += 1;
    sums.sum += x;
    sums.squares += x * x;
  }
  // The faults of a list are all that there is.
  const bool is_sample = estimates_of(set).front().estimates->changed.these_images.has_value();
  const auto size_of = [&](std::size_t h) {
    return is_sample ? std::max(strata[h].n, of_all.value_or(*population_of(set, set.strata[h])))
                     : strata[h].n;
  };
  double population = 0;
  for (std::size_t h = 0; h < strata.size(); ++h) {
    if (strata[h].n == 0) continue;
    if (is_sample && !set.strata[h].population) return std::nullopt;
    population += size_of(h);
  }
  Loss loss;
  loss.degrees = 0;
  double variance = 0;
  bool varies = false, is_whole = true;
  for (std::size_t h = 0; h < strata.size(); ++h) {
    const Sums& sums = strata[h];
    if (sums.n == 0) continue;
    const double size = size_of(h);
    const double weight = size / population;
    const double mean = sums.sum / sums.n;
    loss.value += weight * mean;
    varies = varies || sums.squares > 0;
    if (sums.n == size) continue;
    is_whole = false;
    if (sums.n < 2) return std::nullopt;
    const double deviation = std::max(0.0, (sums.squares - sums.n * mean * mean) / (sums.n - 1));
    variance += weight * weight * deviation / sums.n * (1 - sums.n / size);
    loss.degrees += sums.n - 1;
  }
  if (!is_whole && varies && (loss.degrees < k_fewest_degrees || variance == 0)) return std::nullopt;
  loss.degrees = std::max(loss.degrees, 1.0);
  loss.error_down = loss.error_up = std::sqrt(variance);
  return loss;
}

// The pairs of one layer, and its population where their stratum has more. Nothing: strata of several layers
// do not tell how much of them lies in it.
struct LayerPairs {
  Pairs pairs;
  std::optional<double> population;
};
std::optional<LayerPairs> pairs_in(const SetResults& set, const Pairs& pairs, const DomainResults& domain) {
  const std::uint64_t layer = *domain.layer;
  Pairs chosen;
  std::set<std::size_t> strata;
  bool are_whole = true;
  for (const auto& pair : pairs) {
    const FaultRecord& fault = *pair.first;
    if (fault.layer != layer || fault.stage != domain.stage) continue;
    chosen.push_back(pair);
    strata.insert(fault.stratum);
    are_whole = are_whole && set.strata[fault.stratum].layer == layer &&
                set.strata[fault.stratum].stage == domain.stage;
  }
  if (chosen.empty() || (!are_whole && strata.size() > 1)) return std::nullopt;
  return LayerPairs{std::move(chosen), are_whole ? std::nullopt : std::optional(population_of(set, domain))};
}

double distance(double a, double b) { return std::max(0.0, a - b); }

// An estimate's standard errors, from its interval.
struct Errors {
  Errors(const EstimateView& estimate, double confidence)
      : down(distance(estimate.value, estimate.interval->low) / t_quantile(confidence, k_many)),
        up(distance(estimate.interval->high, estimate.value) / t_quantile(confidence, k_many)) {}
  double down, up;
};

// after - before of two shares that fall (sign -1) or rise (1) as things get worse.
std::optional<Loss> unpaired_loss(const EstimateView& before, double before_confidence,
                                  const EstimateView& after, double after_confidence, int sign) {
  if (!before.interval || !after.interval) return std::nullopt;
  const Errors was(before, before_confidence);
  const Errors is(after, after_confidence);
  Loss loss;
  loss.value = sign * (after.value - before.value);
  loss.error_down = sign > 0 ? std::hypot(is.down, was.up) : std::hypot(is.up, was.down);
  loss.error_up = sign > 0 ? std::hypot(is.up, was.down) : std::hypot(is.down, was.up);
  return loss;
}

double accuracy(const FaultRecord& fault) { return share_of(fault.faulty_correct, fault.labelled); }

// What is faulty: the entry of the config without the name and what says how much is drawn; files are told by
// their hashes.
std::string faults_of(const ResultsFile& file, std::size_t index) {
  using Json = nlohmann::json;
  const Json config = Json::parse(file.results.config, nullptr, false);
  Json what = {{"faults", nullptr}};
  if (config.is_object() && config.contains("design")) what["design"] = config["design"];
  if (config.is_object() && config.contains("faults") && config["faults"].is_array() &&
      index < config["faults"].size())
    what["faults"] = config["faults"][index];
  Json& entry = what["faults"];
  if (entry.is_object())
    for (const char* key : {"name", "sample", "weight", "raw_rate"}) entry.erase(key);
  const SetResults& set = file.results.sets[index];
  if (const NetlistResults* netlist = set.netlist()) {
    if (entry.contains("netlist") && entry["netlist"].is_object()) entry["netlist"].erase("file");
    else if (entry.is_object()) entry.erase("netlist");
    what["sha256"] = netlist->netlist.sha256;
  }
  if (const TableResults* table = set.table()) {
    if (entry.is_object()) entry.erase("file");
    what["sha256"] = table->table.sha256;
  }
  return what.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<void> check_differences(const ResultsFile& before, const ResultsFile& after,
                               const AllowedDifferences& allowed) {
  if (!allowed.data && before.images() != after.images())
    return bad_input(
        "{}: not the images and labels of {}: compare on the same, or allow it with --may-differ data",
        after.file, before.file);
  if (!allowed.network && before.results.inputs.model.sha256 != after.results.inputs.model.sha256)
    return bad_input("{}: not the network of {}: compare the same, or allow it with --may-differ network",
                     after.file, before.file);
  return {};
}

class Comparer {
 public:
  Comparer(const ResultsFile& before, const ResultsFile& after, const Thresholds& thresholds,
           const AllowedDifferences& allowed)
      : m_before(before),
        m_after(after),
        m_thresholds(thresholds),
        m_allowed(allowed),
        m_has_same_images(before.images() == after.images()) {
    m_result.confidence = before.results.interval_confidence;
  }

  Result<Comparison> run() {
    compare_golden();
    const std::vector<SetResults>& sets = m_after.results.sets;
    for (std::size_t i = 0; i < m_before.results.sets.size(); ++i) {
      const std::string& name = m_before.results.sets[i].name;
      const auto after = std::ranges::find(sets, name, &SetResults::name);
      if (after == sets.end())
        return bad_input("{}: no fault set '{}', which {} has", m_after.file, printable(name), m_before.file);
      QFI_CHECK(compare_sets(i, static_cast<std::size_t>(after - sets.begin())));
    }
    for (const SetResults& after : sets)
      if (std::ranges::find(m_before.results.sets, after.name, &SetResults::name) ==
          m_before.results.sets.end())
        m_result.notes.push_back(fmt::format("'{}' is new: not compared", after.name));
    adjust();
    return m_result;
  }

 private:
  bool has_accuracy() const {
    return m_before.results.golden_accuracy() && m_after.results.golden_accuracy();
  }

  void compare_golden() {
    if (!has_accuracy()) {
      m_result.notes.emplace_back("no labels: no accuracies are compared");
      return;
    }
    Check check;
    check.metric = "golden accuracy";
    check.threshold = m_thresholds.golden;
    check.before = *m_before.results.golden_accuracy();
    check.after = *m_after.results.golden_accuracy();
    Loss loss{check.before - check.after};
    check.is_paired = m_has_same_images;
    if (!check.is_paired) {
      m_result.notes.emplace_back(
          "not the same images: intervals are those on images like these, and what has none is not compared");
      const auto estimate = [&](const ResultsFile& file, double value) {
        return EstimateView{value,
                            exact_interval(file.results.golden_correct(), file.results.golden_labelled(),
                                           std::uint64_t{1} << 62, m_result.confidence)};
      };
      loss = *unpaired_loss(estimate(m_before, check.before), m_result.confidence,
                            estimate(m_after, check.after), m_result.confidence, -1);
    }
    m_result.checks.push_back(judged(std::move(check), loss, m_result.confidence));
  }

  using ValueOfPair = std::function<double(const FaultRecord&, const FaultRecord&)>;

  // `pairs`: of what is compared, if it can be.
  void add(const SetResults& set, const std::optional<LayerPairs>& pairs, Check check,
           const EstimateView& was, const EstimateView& is, int sign, const ValueOfPair& value) {
    check.set = set.name;
    check.before = was.value;
    check.after = is.value;
    check.loss = sign * (is.value - was.value);
    std::optional<Loss> loss;
    if (m_is_equal) loss = Loss{};
    else if (pairs) loss = paired_loss(set, pairs->pairs, pairs->population, value);
    check.is_paired = loss.has_value();
    if (!loss)
      loss = unpaired_loss(of_images(was), confidence_of(m_before, was), of_images(is),
                           confidence_of(m_after, is), sign);
    if (loss) check = judged(std::move(check), *loss, m_result.confidence);
    m_result.checks.push_back(std::move(check));
  }

  // It is that of the interval itself, also where those of several rows hold together.
  static double confidence_of(const ResultsFile& file, const EstimateView& estimate) {
    return 1.0 - (1.0 - file.results.interval_confidence) / static_cast<double>(estimate.rows);
  }

  static EstimateView row_of(const ResultsFile& file, const DomainResults& row,
                             const std::vector<DomainResults>& rows) {
    EstimateView view(row);
    if (file.results.rows_together) view.rows = rows.size();
    return view;
  }

  // With the interval that holds for the images of both.
  EstimateView of_images(EstimateView estimate) const {
    if (!m_has_same_images) estimate.interval = estimate.image_population;
    return estimate;
  }

  Result<void> check_faults(std::size_t before, std::size_t after) const {
    const std::string& name = m_before.results.sets[before].name;
    if (m_allowed.faults || faults_of(m_before, before) == faults_of(m_after, after)) return {};
    return bad_input(
        "{}: the faults of '{}' are not those of {}: compare what is faulty alike, or allow it with "
        "--may-differ faults",
        m_after.file, printable(name), m_before.file);
  }

  Result<void> compare_sets(std::size_t before_index, std::size_t after_index) {
    QFI_CHECK(check_faults(before_index, after_index));
    const SetResults& before = m_before.results.sets[before_index];
    const SetResults& after = m_after.results.sets[after_index];
    const SetFaults& before_faults = m_before.faults[before_index];
    const SetFaults& after_faults = m_after.faults[after_index];
    m_is_equal = are_equal(m_before, before, before_faults.faults, m_after, after, after_faults.faults);
    std::optional<LayerPairs> pairs;
    // Names of faults of stored bits hold the images that they meet, those of a netlist's faults do not.
    const bool may_differ =
        (before.sample.is_nested() || after.sample.is_nested()) && after.netlist() != nullptr;
    if (m_has_same_images && !may_differ)
      if (auto same = pair_faults(before_faults, after_faults))
        pairs = LayerPairs{std::move(*same), std::nullopt};
    for (const SetFaults* faults : {&before_faults, &after_faults})
      if (!m_is_equal && !faults->missing.empty())
        m_result.notes.push_back(
            fmt::format("'{}': not compared fault by fault: {}", before.name, faults->missing));
    QFI_CHECK(compare_estimates(before, after, pairs));
    if (m_has_same_images) compare_layers(before, after, pairs);
    return {};
  }

  Result<void> compare_estimates(const SetResults& before, const SetResults& after,
                                 const std::optional<LayerPairs>& pairs) {
    const std::vector<NamedEstimates> estimates = estimates_of(after);
    for (const NamedEstimates& was : estimates_of(before)) {
      const auto is = std::ranges::find(estimates, was.name, &NamedEstimates::name);
      if (is == estimates.end())
        return bad_input("{}: fault set '{}' has no '{}', which that of {} has", m_after.file,
                         printable(before.name), printable(was.name), m_before.file);
      const auto metric = [&](const char* name, double threshold) {
        Check check;
        check.metric = was.name.empty() ? name : fmt::format("{}, {}", name, was.name);
        check.threshold = threshold;
        return check;
      };
      if (has_accuracy())
        add(before, pairs, metric("mean faulty accuracy", m_thresholds.faulty), *was.estimates->accuracy,
            *is->estimates->accuracy, -1,
            [](const FaultRecord& b, const FaultRecord& a) { return accuracy(b) - accuracy(a); });
      else
        add(before, pairs, metric("changed classes", m_thresholds.faulty), was.estimates->changed,
            is->estimates->changed, 1, [](const FaultRecord& b, const FaultRecord& a) {
              return share_of(a.changed, a.units) - share_of(b.changed, b.units);
            });
      // How many faults change some class hangs on how many images there are, and on which.
      if (m_has_same_images && was.estimates->critical && is->estimates->critical)
        add(before, pairs, metric("critical faults", m_thresholds.critical), *was.estimates->critical,
            *is->estimates->critical, 1, [](const FaultRecord& b, const FaultRecord& a) {
              return (a.changed > 0 ? 1.0 : 0.0) - (b.changed > 0 ? 1.0 : 0.0);
            });
    }
    return {};
  }

  void compare_layers(const SetResults& before, const SetResults& after,
                      const std::optional<LayerPairs>& pairs) {
    if (before.bits() == nullptr) return;
    const std::vector<DomainResults> now =
        after.bits() == nullptr ? std::vector<DomainResults>() : after.bits()->by_layer;
    for (const DomainResults& was : before.bits()->by_layer) {
      const auto is = std::ranges::find_if(
          now, [&](const DomainResults& row) { return row.layer == was.layer && row.stage == was.stage; });
      if (is == now.end()) {
        m_result.notes.push_back(fmt::format("'{}', {}: gone", before.name, place_name(was)));
        continue;
      }
      Check check;
      check.metric = "changed classes, " + place_name(was);
      check.threshold = m_thresholds.layer;
      add(before, pairs ? pairs_in(before, pairs->pairs, was) : std::nullopt, std::move(check),
          row_of(m_before, was, before.bits()->by_layer), row_of(m_after, *is, now), 1,
          [](const FaultRecord& b, const FaultRecord& a) {
            return share_of(a.changed, a.units) - share_of(b.changed, b.units);
          });
    }
  }

  // Holm: the smallest p of m counts m times, the next m - 1 times, ..
  void adjust() {
    std::vector<Check*> order;
    for (Check& check : m_result.checks) order.push_back(&check);
    std::ranges::stable_sort(order, {}, [](const Check* check) { return check->p; });
    double largest = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      largest = std::max(largest, std::min(1.0, order[i]->p * static_cast<double>(order.size() - i)));
      order[i]->adjusted_p = largest;
      if (largest <= m_result.family_error) order[i]->verdict = Verdict::worse;
      m_result.verdict = std::max(m_result.verdict, order[i]->verdict);
    }
  }

  const ResultsFile& m_before;
  const ResultsFile& m_after;
  Thresholds m_thresholds;
  AllowedDifferences m_allowed;
  bool m_has_same_images;
  bool m_is_equal = false;  ///< of the sets that are compared now
  Comparison m_result;
};

}  // namespace

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::equal: return "equal";
    case Verdict::not_worse: return "not worse";
    case Verdict::undecided: return "undecided";
    case Verdict::worse: return "worse";
  }
  return "";
}

Result<Comparison> compare_results(const ResultsFile& baseline, const ResultsFile& results,
                                   const Thresholds& thresholds, const AllowedDifferences& allowed) {
  QFI_CHECK(check_differences(baseline, results, allowed));
  return Comparer(baseline, results, thresholds, allowed).run();
}

}  // namespace qfi
