// SPDX-License-Identifier: Apache-2.0
#include "analysis.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "qfi/base/number_text.hpp"
#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"

namespace qfi {
namespace {

// 0 .. count-1 in an order that has nothing to do with how faults were numbered: by image, site or bit.
std::vector<std::size_t> shuffled(std::size_t count) {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < count; ++i) order.emplace_back(random_bits(0, purpose::k_convergence, i), i);
  std::ranges::sort(order);
  std::vector<std::size_t> places;
  for (const auto& [key, place] : order) places.push_back(place);
  return places;
}

// Something that can be hardened: what it costs, and what it is seen to change in two ways that have no
// chance in common; `order` decides when it is hardened, `removed` is what goes away then.
struct Candidate {
  double cost = 0;
  double order = 0;
  double removed = 0;
};

std::vector<Hardened> harden(std::vector<Candidate> candidates) {
  double cost = 0, removed = 0;
  for (const Candidate& candidate : candidates) cost += candidate.cost, removed += candidate.removed;
  if (!(cost > 0 && removed > 0)) return {};
  std::ranges::stable_sort(candidates, std::greater(), &Candidate::order);
  std::vector<Hardened> course(1);
  for (const Candidate& candidate : candidates)
    course.push_back(
        {course.back().cost + candidate.cost / cost, course.back().removed + candidate.removed / removed});
  return course;
}

// By layer and bit. Half of each cell's faults say when it is hardened, the others what that removes.
std::vector<Hardened> harden_domains(const SetResults& set, const std::vector<FaultRecord>& faults) {
  constexpr double k_least_known = 0.9;  // of the population
  struct Half {
    double faults = 0, changed = 0;
    double mean() const { return changed / faults; }
  };
  std::map<std::tuple<std::uint64_t, std::optional<std::string>, std::uint64_t>, std::array<Half, 2>> cells;
  for (const std::size_t i : shuffled(faults.size())) {
    const FaultRecord& fault = faults[i];
    if (!fault.layer || !fault.bit) return {};
    auto& halves = cells[{*fault.layer, fault.stage, *fault.bit}];
    Half& half = halves[halves[0].faults > halves[1].faults ? 1 : 0];
    half.faults += 1;
    half.changed += share_of(fault.changed, fault.units);
  }
  std::vector<Candidate> candidates;
  double population = 0, known = 0;
  for (const DomainResults& domain : set.bits()->by_layer_and_bit) {
    const double size = population_of(set, domain);
    population += size;
    const auto found = cells.find({*domain.layer, domain.stage, *domain.bit});
    if (found == cells.end() || found->second[1].faults == 0) continue;
    known += size;
    const bool is_whole = static_cast<double>(domain.n) >= size;
    candidates.push_back({size, is_whole ? domain.changed_share : found->second[0].mean(),
                          size * (is_whole ? domain.changed_share : found->second[1].mean())});
  }
  return known >= k_least_known * population ? harden(std::move(candidates)) : std::vector<Hardened>();
}

// Sites of which both faults were drawn: hardening a wire removes both.
std::vector<Hardened> harden_sites(const NetlistResults& netlist, const std::vector<FaultRecord>& faults) {
  constexpr std::size_t k_fewest_sites = 20;
  std::map<std::string, std::array<std::optional<double>, 2>> sites;
  for (std::size_t i = 0; i < faults.size(); ++i)
    if (const auto& [site, value] = std::pair(netlist.faults[i].site, netlist.faults[i].stuck_at);
        site && value)
      sites[*site][*value == 0 ? 0 : 1] = share_of(faults[i].changed, faults[i].units);
  std::vector<Candidate> candidates;
  for (const auto& [name, both] : sites)
    if (both[0] && both[1]) candidates.push_back({1.0, *both[0] + *both[1], *both[0] + *both[1]});
  return candidates.size() < k_fewest_sites ? std::vector<Hardened>() : harden(std::move(candidates));
}

}  // namespace

std::string critical_meaning(const CampaignResults& results) {
  return fmt::format("some {}", results.task->names().changed_long);
}

std::string selection_note(const CampaignResults& results) {
  const auto& data = results.inputs.data;
  const auto config = nlohmann::json::parse(results.config);
  const nlohmann::json::json_pointer first("/data/select/first");
  if (data.images >= data.images_available || !config.contains(first)) return "";
  return fmt::format(
      "the first {} of {} images are no random sample of images like these, unless their order is",
      data.images, data.images_available);
}

std::string place_name(const DomainResults& domain) {
  const std::string layer = fmt::format("operator {}", *domain.layer);
  if (!domain.stage) return layer;
  return *domain.stage == "network_input" ? "network input" : layer + ", " + *domain.stage;
}

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::vector<NamedEstimates> estimates_of(const SetResults& set) {
  if (set.summary) return {{"", &*set.summary}};
  std::vector<NamedEstimates> result;
  for (const StratumResults& stratum : set.strata)
    if (stratum.estimates) result.push_back({stratum.label, &*stratum.estimates});
  return result;
}

const SampledMean& headline(const Estimates& estimates) {
  return estimates.accuracy ? *estimates.accuracy : estimates.changed;
}

const char* headline_name(const CampaignResults& results) {
  const TaskNames& names = results.task->names();
  return results.task->has_accuracy() ? names.accuracy : names.changed;
}

std::optional<double> population_of(const SetResults& set, const StratumResults& stratum) {
  if (!stratum.population) return std::nullopt;
  return static_cast<double>(*stratum.population) * static_cast<double>(set.sample.pairs_of_a_fault());
}

double population_of(const SetResults& set, const DomainResults& domain) {
  return static_cast<double>(domain.population) * static_cast<double>(set.sample.pairs_of_a_fault());
}

std::vector<Hardened> hardening(const SetResults& set, const SetFaults& faults) {
  if (set.sample.is_nested()) return {};  // a few images order faults by chance
  if (const NetlistResults* netlist = set.netlist()) return harden_sites(*netlist, faults.faults);
  return set.bits() == nullptr ? std::vector<Hardened>() : harden_domains(set, faults.faults);
}

std::vector<EstimateSoFar> convergence(const CampaignResults& results, const SetResults& set,
                                       const SetFaults& recorded) {
  constexpr std::uint64_t k_steps = 40;
  const std::vector<FaultRecord>& faults = recorded.faults;
  const bool has_populations = std::ranges::all_of(
      set.strata, [](const StratumResults& stratum) { return stratum.population.has_value(); });
  if (faults.empty() || !has_populations || set.sample.is_nested()) return {};
  std::vector<std::vector<const FaultRecord*>> members(set.strata.size());
  for (const std::size_t i : shuffled(faults.size())) members[faults[i].stratum].push_back(&faults[i]);

  std::vector<FaultStratum> strata(members.size());
  const std::uint64_t images = results.inputs.data.images;
  const std::optional<double> golden = golden_accuracy(results, set);
  const auto units = static_cast<double>(golden ? results.golden_labelled() : images);
  SampledShare what;
  what.golden = golden.value_or(0.0);
  what.is_crossed = !set.sample.is_paired();
  what.units = what.is_crossed ? units : units / static_cast<double>(images);
  const bool is_random = estimates_of(set).front().estimates->changed.these_images.has_value();
  std::vector<EstimateSoFar> course;
  for (std::uint64_t step = 1; step <= k_steps; ++step) {
    EstimateSoFar estimate;
    std::vector<FaultStratum> seen;
    for (std::size_t h = 0; h < members.size(); ++h) {
      const std::uint64_t target = (members[h].size() * step + k_steps - 1) / k_steps;
      while (strata[h].drawn < target) {
        const FaultRecord& fault = *members[h][strata[h].drawn];
        if (golden) strata[h].add(fault.faulty_correct, fault.golden_correct, fault.labelled);
        else strata[h].add(fault.changed, 0, fault.units);
      }
      if (target == 0) continue;
      seen.push_back(strata[h]);
      const double population = std::min(*population_of(set, set.strata[h]), 0x1p62);
      seen.back().population = std::max(static_cast<std::uint64_t>(population), target);
      estimate.faults += target;
    }
    const SampledMean mean = sampled_mean(seen, what, results.interval_confidence);
    estimate.mean.value = mean.mean;
    if (is_random) estimate.mean.interval = mean.these_images;
    if (course.empty() || course.back().faults != estimate.faults) course.push_back(estimate);
  }
  return course;
}

std::optional<double> golden_accuracy(const CampaignResults& results, const SetResults& set) {
  const NetlistResults* netlist = set.netlist();
  if (netlist == nullptr || !netlist->approximate || !results.task->has_accuracy())
    return results.golden_accuracy();
  const TaskNames& names = results.task->names();
  const auto golden = [&](const char* key) {
    return count_in(results.task->golden_fields(), netlist->approximate->golden, key);
  };
  return share_of(golden(names.golden_correct_key), golden(names.golden_labelled_key));
}

std::string approximate_sentence(const CampaignResults& results, const SetResults& set) {
  const NetlistResults* netlist = set.netlist();
  if (netlist == nullptr || !netlist->approximate) return "";
  const ApproximateFacts& facts = *netlist->approximate;
  const std::string text = fmt::format(
      "The multiplier is approximate: {} of {} fault-free products are not exact (mean distance {:.6g}, "
      "worst {}). "
      "Faults are counted against its own golden run",
      facts.wrong_pairs, facts.pairs, facts.mean_error_distance, facts.worst_case_error);
  if (!results.task->has_accuracy()) return text + ".";
  return text + fmt::format(", with {} {}.", results.task->names().accuracy,
                            percent_text(*golden_accuracy(results, set)));
}

}  // namespace qfi
