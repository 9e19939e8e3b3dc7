// SPDX-License-Identifier: Apache-2.0
// What a plan says before a campaign runs, and what running it took.
#include <fmt/format.h>

#include <algorithm>

#include "qfi/base/text.hpp"
#include "qfi/report/table.hpp"
#include "table_text.hpp"

namespace qfi {
namespace {

std::string size_text(const FaultSet& set, const SampleFacts& facts) {
  if (!facts.margin) return "";
  const bool is_one = set.strata().size() == 1;
  return fmt::format(", n = {:.2f} before rounding {}{}, e = {}, t = {:.4g}, {}", facts.margin->exact,
                     is_one ? "" : "each stratum ",
                     facts.margin->rounding == Rounding::up ? "up" : "to nearest", facts.margin->margin,
                     facts.margin->t,
                     is_one ? fmt::format("p = {}", set.strata().front().p) : "p of each stratum its own");
}

std::string design_text(const Plan& plan, std::size_t index) {
  const FaultSet& set = *plan.sets[index];
  if (!set.is_nested()) return "";
  std::string text = fmt::format("\n  images            {} random ones of {} for each fault",
                                 set.images_of_a_fault(), set.workload().images());
  if (const auto& pilot = plan.pilots[index])
    text += fmt::format(
        "; a pilot of {} faults saw a variance of {:.3g} between faults and {:.3g} within, "
        "and making a fault ready costs {:.3g} inferences",
        pilot->faults, pilot->between_variance, pilot->within_variance, pilot->set_up_cost);
  return text;
}

// What the population of a netlist's faults is made of.
std::string faults_of_netlist(const StuckAtSet& set) {
  const NetlistPopulation& population = set.netlist_population();
  const std::uint64_t places = population.places();
  if (!set.unit_config().bridges.empty())
    return fmt::format("bridges ({} pairs of nets x {})", places, population.faults_of_a_place());
  if (set.unit_config().simultaneous == 1) return fmt::format("stuck-at faults ({} sites x 2)", places);
  return fmt::format("stuck-at faults ({} of {} sites at once)", set.unit_config().simultaneous, places);
}

std::string sample_line(const Plan& plan, std::size_t index) {
  const FaultSet& set = *plan.sets[index];
  const SampleFacts facts = plan.drivers[index]->facts(set);
  std::string text;
  if (const StuckAtSet* stuck = plan.stuck_at(index)) {
    text = fmt::format("{} of {}{} {}", set.drawn(),
                       set.strata().front().is_drawn_with_replacement ? "at least " : "", set.population(),
                       faults_of_netlist(*stuck));
  } else if (const TableSet* table = plan.table(index)) {
    return fmt::format("{}: the products of {}", set.config().name,
                       printable(table->table_config().file.path.filename().string()));
  } else if (facts.search) {
    return fmt::format("{}: a search of at most {} generations of {} sets of {} of {} bits",
                       set.config().name, facts.search->params.generations, facts.search->params.population,
                       facts.search->params.flips, set.population());
  } else if (set.strata().front().error_rate) {
    return fmt::format("{}: {} draws at {} bit error rates over {} stored bits", set.config().name,
                       set.drawn(), set.strata().size(),
                       plan.bits(index)->bit_strata().front().population()) +
           design_text(plan, index);
  } else {
    const std::uint64_t per_image = set.is_paired() ? set.drawn() / set.workload().images() : set.drawn();
    text = fmt::format("{}: {} of {} faults{} in {} {}", set.config().name, per_image, set.population(),
                       set.is_paired() ? fmt::format(" for each of {} images", set.workload().images()) : "",
                       set.strata().size(), set.strata().size() == 1 ? "stratum" : "strata");
  }
  return text + size_text(set, facts) + design_text(plan, index);
}

std::string table_errors_text(const TableSet& set) {
  const TableErrors& errors = set.errors();
  const auto share = [](std::uint64_t part, std::uint64_t whole) {
    return percent(static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(whole, 1)));
  };
  return fmt::format(
      "  wrong products     {} of {} pairs ({}), {} of the golden run's\n"
      "  error distance     mean {:.6g} (of the golden run's products {:.6g}), worst {}\n",
      errors.wrong, k_code_pairs, share(errors.wrong, k_code_pairs),
      share(errors.golden_wrong, errors.golden_products), errors.mean_distance, errors.golden_mean_distance,
      errors.worst);
}

std::string stuck_at_plan(const StuckAtSet& set) {
  const auto with_fate = [&](FaultFate fate) {
    return std::ranges::count_if(set.faults(),
                                 [fate](const PlannedFault& fault) { return fault.fate == fate; });
  };
  const std::uint64_t images = set.workload().images();
  std::string text = fmt::format("  netlist           {} cells, depth {}\n", set.netlist().cells.size(),
                                 set.netlist().depth);
  if (set.is_approximate()) {
    const ProductErrors errors = set.fault_free_errors();
    text +=
        fmt::format("  approximate       {} of {} fault-free products are not exact; its own run is golden\n",
                    errors.wrong, errors.pairs);
  }
  text += fmt::format("  operators         {} through the faulty unit, {} products per image\n",
                      set.operators().size(), set.proof().golden_products / images);
  text += fmt::format("  table masked      {} faults\n", with_fate(FaultFate::table_masked));
  text += fmt::format("  use masked        {} faults\n", with_fate(FaultFate::use_masked));
  if (set.is_crossed()) text += fmt::format("  equal tables      {} faults\n", with_fate(FaultFate::equal));
  return text + fmt::format("  {:<18}{} to run, {} inferences\n",
                            set.is_crossed() ? "distinct tables" : "other faults", set.running().size(),
                            set.running().size() * set.images_of_a_fault());
}

std::string bit_plan(const BitSet& set) {
  constexpr std::size_t k_most_rows = 400;
  std::string text;
  for (std::size_t i = 0; i < set.values().stored.size(); ++i)
    text += fmt::format("  {:<32} {:>12} values of {} stored bits\n", set.values().places[i].label,
                        set.values().stored[i].count, set.values().stored[i].storage.stored_bits());
  text += left_out_line(set.values().left_out);
  if (set.strata().size() == 1) return text;
  text += fmt::format("\n  {:<38} {:>14} {:>10} {:>12} {:>10}\n", "stratum", "N", "p", "n unrounded", "n");
  for (std::size_t h = 0; h < std::min(set.strata().size(), k_most_rows); ++h) {
    const Stratum& stratum = set.strata()[h];
    text +=
        fmt::format("  {:<38} {:>14} {:>10.5f} {:>12} {:>10}\n", stratum.label, stratum.population, stratum.p,
                    stratum.size ? fmt::format("{:.4f}", stratum.size->exact) : "", stratum.drawn);
  }
  if (set.strata().size() > k_most_rows)
    text += fmt::format("  .. and {} more, see --json\n", set.strata().size() - k_most_rows);
  return text;
}

// How well a sample in strata will know the share of the whole, and which strata it will know less well than
// its margin says.
std::string strata_plan(const BitSet& set, const SampleFacts& facts, double confidence) {
  if (set.strata().size() < 2 || set.strata().front().error_rate) return "";
  std::vector<PlannedStratum> strata;
  for (const Stratum& stratum : set.strata())
    if (stratum.drawn > 0) strata.push_back({stratum.population, stratum.drawn, stratum.p});
  if (strata.empty()) return "";
  const double t = facts.margin ? facts.margin->t : normal_quantile(confidence);
  const ExpectedMargin expected = expected_margin(strata, t);
  std::string text =
      fmt::format("\n  of the whole a share is known to +- {:.4f} if p is as assumed (design effect {:.2f})",
                  expected.half_width, expected.design_effect);
  constexpr double k_rounding = 1.05;  // of n, in the margin
  std::size_t missed = 0;
  for (PlannedStratum& stratum : strata) {
    stratum.p = 0.5;
    if (facts.margin &&
        margin_of(stratum.population, stratum.drawn, t, 0.5) > k_rounding * facts.margin->margin)
      ++missed;
  }
  text += fmt::format(", to +- {:.4f} if p = 0.5\n", expected_margin(strata, t).half_width);
  if (missed > 0)
    text += fmt::format(
        "  the margin {} is not kept in {} of {} strata if half of their faults do harm: p there is a "
        "guess\n",
        facts.margin->margin, missed, strata.size());
  return text;
}

}  // namespace

std::vector<SetWork> work_of(const Plan& plan) {
  std::vector<SetWork> work;
  for (std::size_t i = 0; i < plan.sets.size(); ++i)
    work.push_back({sample_line(plan, i), plan.sets[i]->inferences(), plan.sets[i]->seconds()});
  return work;
}

std::string plan_table(const Plan& plan, unsigned threads, const ExpectedTimes& times) {
  std::string text;
  const GoldenRun& golden = plan.workload->golden;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    const FaultSet& set = *plan.sets[i];
    text += sample_line(plan, i) + "\n";
    if (const StuckAtSet* stuck = plan.stuck_at(i)) text += stuck_at_plan(*stuck);
    else if (const TableSet* table = plan.table(i)) text += table_errors_text(*table);
    else text += bit_plan(*plan.bits(i));
    const SampleFacts facts = plan.drivers[i]->facts(set);
    if (const BitSet* bits = plan.bits(i)) text += strata_plan(*bits, facts, plan.config.interval.confidence);
    if (facts.budget)
      text += fmt::format(
          "  {} buy about {} faults: e = {} at 95 %, p = 0.5\n", *facts.budget, times.faults[i],
          number_text(margin_of(set.population(), times.faults[i], normal_quantile(0.95), 0.5), 1.0, 4));
    text += "\n";
  }
  const Task& task = *plan.workload->task;
  text += fmt::format(
      "images            {} of {}, {}\n", plan.workload->images(), plan.workload->data.available(),
      task.has_accuracy() ? fmt::format("golden {} {}", task.names().accuracy,
                                        percent(static_cast<double>(golden.counts.golden_correct) /
                                                static_cast<double>(golden.counts.labelled)))
                          : "no labels: compared with the golden run");
  return text +
         fmt::format(
             "expected time     {} on {} threads: {} reading and planning, {} compiling and {} comparing "
             "with Verilator, {} trials\n",
             duration_text(times.total()), threads, duration_text(times.planning),
             duration_text(times.compiling), duration_text(times.verifying), duration_text(times.trials));
}

std::string comparison_table(const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    const BitSet* bits = plan.bits(i);
    if (bits == nullptr || bits->times().trials == 0) continue;
    const ExecutionTimes& times = bits->times();
    const auto line = [&](const char* name, double seconds) {
      return fmt::format("  {:<28} {:>10.4f} ms per inference   {:>7.1f} times as fast as plain\n", name,
                         1000.0 * seconds / static_cast<double>(times.trials), times.naive / seconds);
    };
    text +=
        fmt::format("\n{}: {} trials run in three ways, no difference\n", bits->config().name, times.trials) +
        line("plain, whole network", times.naive) + line("changed values only", times.without_stop) +
        line("and stopped when equal", times.propagation);
  }
  return text;
}

}  // namespace qfi
