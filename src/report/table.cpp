// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "qfi/base/text.hpp"

namespace qfi {
namespace {

std::string percent(double share) { return fmt::format("{:5.1f} %", 100.0 * share); }

// Small shares need more digits: as many as show three.
int digits_of(double share) {
  int digits = 1;
  double percent = 100.0 * share;
  while (percent > 0 && percent < 10.0 && digits < 7) {
    percent *= 10.0;
    ++digits;
  }
  return digits;
}

std::string fine_percent(double share) { return fmt::format("{:.{}f} %", 100.0 * share, digits_of(share)); }

std::string bounds(const std::optional<Interval>& interval) {
  if (!interval) return "no interval";
  return fmt::format("{:.1f} .. {:.1f} %", 100.0 * interval->low, 100.0 * interval->high);
}

std::string fine_bounds(const std::optional<Interval>& interval) {
  if (!interval) return "no interval";
  const int digits = digits_of(interval->high);
  return fmt::format("{:.{}f} .. {:.{}f} %", 100.0 * interval->low, digits, 100.0 * interval->high, digits);
}

std::string share_line(const char* name, const FaultShare& share, const char* meaning) {
  return fmt::format("  {:<17} {:>7}   {}   {:<17} {}\n", name, share.faults, percent(share.share),
                     share.interval ? bounds(share.interval) : "", meaning);
}

std::string histogram_lines(const SetEstimates& estimates, const char* accuracy) {
  const std::uint64_t largest = std::max<std::uint64_t>(1, *std::ranges::max_element(estimates.histogram));
  constexpr std::uint64_t k_width = 50;
  std::string text = fmt::format("Faults by faulty {}\n", accuracy);
  for (std::size_t bin = 0; bin < estimates.histogram.size(); ++bin) {
    const std::uint64_t faults = estimates.histogram[bin];
    const std::uint64_t length = faults == 0 ? 0 : std::max<std::uint64_t>(1, faults * k_width / largest);
    text += fmt::format("  {:>3} .. {:>3} %  {:>6}  {}\n", 5 * bin, 5 * bin + 5, faults,
                        std::string(length, '#'));
  }
  return text;
}

std::string size_text(const FaultSet& set) {
  const auto* margin = std::get_if<SampleMargin>(&set.config().sample);
  if (margin == nullptr) return "";
  double exact = 0;
  for (const Stratum& stratum : set.strata()) exact += stratum.size->exact;
  const bool is_one = set.strata().size() == 1;
  return fmt::format(", n = {:.2f} before rounding {}{}, e = {}, t = {:.4g}, {}", exact,
                     is_one ? "" : "each stratum ", margin->rounding == Rounding::up ? "up" : "to nearest",
                     margin->margin, margin->t,
                     is_one ? fmt::format("p = {}", set.strata().front().p) : "p of each stratum its own");
}

std::string sample_line(const Plan& plan, std::size_t index) {
  const FaultSet& set = *plan.sets[index];
  std::string text;
  if (const StuckAtSet* stuck = plan.stuck_at(index)) {
    text =
        fmt::format("{} of {} stuck-at faults ({} sites x 2)", set.drawn(), set.population(), stuck->sites());
  } else if (const TableSet* table = plan.table(index)) {
    return fmt::format("{}: the products of {}", set.config().name,
                       printable(table->table_config().file.path.filename().string()));
  } else if (const auto* search = std::get_if<SampleGenetic>(&set.config().sample)) {
    return fmt::format("{}: a search of at most {} generations of {} sets of {} of {} bits",
                       set.config().name, search->generations, search->population, search->flips,
                       set.population());
  } else if (set.strata().front().error_rate) {
    return fmt::format("{}: {} draws at {} bit error rates over {} stored bits", set.config().name,
                       set.drawn(), set.strata().size(), plan.bits(index)->bit_strata().front().population());
  } else {
    const std::uint64_t per_image = set.is_paired() ? set.drawn() / set.workload().images() : set.drawn();
    text = fmt::format("{}: {} of {} faults{} in {} {}", set.config().name, per_image, set.population(),
                       set.is_paired() ? fmt::format(" for each of {} images", set.workload().images()) : "",
                       set.strata().size(), set.strata().size() == 1 ? "stratum" : "strata");
  }
  return text + size_text(set);
}

std::string accuracy_name(const Workload& workload) {
  return workload.task == Task::segmentation ? "pixels" : "top-1";
}

std::string estimates_text(const FaultSet& set, const SetEstimates& estimates, double confidence) {
  const Workload& workload = set.workload();
  const bool is_map = workload.task == Task::segmentation;
  const GoldenRun& golden = workload.golden;
  const auto top5 = [&](double share) { return is_map ? "" : "   top-5 " + percent(share); };
  const std::string name = accuracy_name(workload);
  std::string text =
      fmt::format("  {:<18}{}{}   ({} of {}{})\n", "golden " + name, percent(estimates.golden_accuracy),
                  top5(estimates.golden_top5), golden.counts.golden_correct, golden.counts.labelled,
                  is_map ? "" : fmt::format("; {} labels hang on a tie for place 5", golden.top5_hanging));
  text += fmt::format("  {:<18}{}{}   mean over faults and images\n", "faulty " + name,
                      percent(estimates.faulty_accuracy.mean), top5(estimates.faulty_top5.mean));
  text += fmt::format("    {:.4g} % interval  {}   on these images\n", 100.0 * confidence,
                      bounds(estimates.faulty_accuracy.these_images));
  text += fmt::format("    {:.4g} % interval  {}   on images like these\n", 100.0 * confidence,
                      bounds(estimates.faulty_accuracy.image_population));
  text += fmt::format("  {:<18}{:>7}   {}   of the {}\n", is_map ? "pixels changed" : "class changes",
                      fine_percent(estimates.sdc_rate.mean), fine_bounds(estimates.sdc_rate.these_images),
                      is_map ? "pixels under faults" : "trials (fault x image)");
  return text;
}

std::string classes_text(const SetEstimates& estimates, double confidence) {
  std::string text =
      fmt::format("\n  faults             number    share   {:.4g} % interval\n", 100.0 * confidence);
  text += share_line("harmless", estimates.harmless, "lose at most 1 point of accuracy");
  text += share_line("between", estimates.between, "");
  text += share_line("collapsed", estimates.collapsed, "accuracy at most twice chance");
  return text + share_line("critical", estimates.critical, "change the class of some image or pixel");
}

std::string stuck_at_text(const StuckAtSet& set, double confidence) {
  return share_line("table masked", share_with_fate(set, FaultFate::table_masked, confidence),
                    "no product that a layer can form changes") +
         share_line("use masked", share_with_fate(set, FaultFate::use_masked, confidence),
                    "no product of the golden run changes");
}

std::string rows_text(const BitSet& set, bool by_layer, double confidence) {
  const auto rows = domain_rows(set, by_layer, !by_layer, confidence);
  if (rows.size() < 2) return "";
  const bool is_map = set.workload().task == Task::segmentation;
  std::string text = fmt::format("\n  {:<22}  {:>9}  {:>11}  {:>10}  {:>9}   {:.4g} % interval\n",
                                 by_layer ? "by layer" : "by bit", "faults", is_map ? "pixels" : "trials",
                                 "changed", "weighted", 100.0 * confidence);
  for (const DomainRow& row : rows) {
    const std::string name =
        by_layer ? fmt::format("{:>3} {}", *row.layer,
                               name_of(set.workload().program->model().operators[*row.layer].kind))
                 : fmt::format("{:>3}", *row.bit);
    text += fmt::format("  {:<22}  {:>9}  {:>11}  {:>10}  {:>9}   {}\n", name, row.drawn, row.units,
                        row.changed, row.drawn == 0 ? "-" : fine_percent(row.changed_share.mean),
                        fine_bounds(row.changed_share.these_images));
  }
  return text;
}

std::string directions_text(const BitSet& set, double confidence) {
  std::string text;
  for (const DirectionRow& row : direction_rows(set, confidence)) {
    if (row.layer || row.sums.trials == 0) continue;
    if (text.empty())
      text = fmt::format("\n  {:<22}  {:>9}  {:>11}  {:>10}  {:>9}   {:.4g} % interval\n", "by direction", "",
                         set.workload().task == Task::segmentation ? "pixels" : "trials", "changed",
                         "weighted", 100.0 * confidence);
    text += fmt::format("  {:<22}  {:>9}  {:>11}  {:>10}  {:>9}   {}\n", row.direction, "", row.sums.units,
                        row.sums.changed, row.share ? fine_percent(row.share->share) : "-",
                        row.share ? fine_bounds(row.share->interval) : "");
  }
  return text;
}

std::string protection_text(const BitSet& set, double confidence) {
  std::uint64_t detected = 0, corrected = 0, missed = 0, reads = 0;
  const auto& outcomes = set.protected_outcomes().empty() ? set.outcomes() : set.protected_outcomes();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const BitOutcome outcome = outcomes[i];
    reads += outcome.reads;
    detected += outcome.detected;
    corrected += outcome.corrected;
    missed += outcome.missed;
  }
  std::string text;
  if (detected > 0)
    text = fmt::format("\n  of {} reads of faulty values {} detected, {} corrected, {} missed\n", reads,
                       detected, corrected, missed);
  if (const auto effect = protection_effect(set, confidence)) {
    text += fmt::format("\n  changed without the protection {}, with it {}", effect->changed_before,
                        effect->changed_after);
    if (effect->removed)
      text +=
          fmt::format(": {} removed (weighted), {:.4g} % interval {}", fine_percent(effect->removed->share),
                      100.0 * confidence, fine_bounds(effect->removed->interval));
    text += "\n";
    const SetEstimates kept = *estimate_with_protection(set, confidence);
    text += fmt::format("  with the protection: {} {}, {}", accuracy_name(set.workload()),
                        percent(kept.faulty_accuracy.mean), bounds(kept.faulty_accuracy.these_images));
    if (!set.is_paired())
      text += fmt::format("; critical faults {}, {}", fine_percent(kept.critical.share),
                          fine_bounds(kept.critical.interval));
    text += "\n";
  }
  return text;
}

std::string rates_text(const BitSet& set, double confidence) {
  std::string text = fmt::format("\n  {:<26}  {:>6}  {:>10}   {:.4g} % interval on these images\n", "",
                                 "draws", accuracy_name(set.workload()), 100.0 * confidence);
  for (std::size_t h = 0; h < set.strata().size(); ++h) {
    const SetEstimates estimates = estimate(set, confidence, h);
    text +=
        fmt::format("  {:<26}  {:>6}  {:>10}   {}\n", set.strata()[h].label, set.strata()[h].drawn,
                    percent(estimates.faulty_accuracy.mean), bounds(estimates.faulty_accuracy.these_images));
  }
  return text;
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

std::string search_text(const BitSet& set, const SampleGenetic& sample, const SetRun& run) {
  const LayerSearch search = search_of(set.layer_bits(), sample, set.individuals());
  std::string text = fmt::format(
      "  search of {} generations of {} individuals, {} flips each: {}\n"
      "  the best costs {}, the last generation {} on average\n\n"
      "  {:<22}  {:>9}  {:>11}  {:>10}\n",
      search.generations().size(), sample.population, sample.flips, run.stopped,
      percent(search.generations().back().best), percent(search.generations().back().mean),
      "most vulnerable first", "bits", "vulnerable", "LVF");
  for (const LayerVulnerability& layer : search.layers())
    text += fmt::format("  operator {:<13}  {:>9}  {:>11}  {:>10.4f}\n", layer.layer, layer.tried,
                        layer.vulnerable, layer.lvf());
  return text;
}

std::string set_text(const Plan& plan, std::size_t index, const SetRun& run, const SetEstimates& estimates) {
  const FaultSet& set = *plan.sets[index];
  const double confidence = plan.config.interval_confidence;
  std::string text = sample_line(plan, index) + "\n";
  const StuckAtSet* stuck = plan.stuck_at(index);
  text +=
      fmt::format("{} images, {}{} inferences in {}\n", set.workload().images(),
                  stuck != nullptr ? fmt::format("{} distinct tables run, ", stuck->running().size()) : "",
                  set.inferences(), duration_text(set.seconds()));
  if (!run.looks.empty())
    text += fmt::format("stopped after {} looks: {} ({:.3g} either side)\n", run.looks.size(), run.stopped,
                        run.looks.back().half_width);
  text += "\n";
  if (stuck == nullptr && set.strata().front().error_rate)
    return text + rates_text(*plan.bits(index), confidence);
  if (const auto* search = std::get_if<SampleGenetic>(&set.config().sample))
    return text + search_text(*plan.bits(index), *search, run);
  text += estimates_text(set, estimates, confidence);
  if (const TableSet* table = plan.table(index)) return text + table_errors_text(*table);
  if (!set.is_paired()) text += classes_text(estimates, confidence);
  if (stuck != nullptr) {
    text += stuck_at_text(*stuck, confidence);
  } else {
    const BitSet& bits = *plan.bits(index);
    text += rows_text(bits, true, confidence) + rows_text(bits, false, confidence) +
            directions_text(bits, confidence) + protection_text(bits, confidence);
  }
  if (const auto rate = failure_rate(plan, index, estimates))
    text += fmt::format("\n  failure rate       {:.4g} of {:.4g} FIT, {}\n", rate->derated_fit, rate->raw_fit,
                        rate->interval ? fmt::format("{:.4g} % interval {:.4g} .. {:.4g}", 100.0 * confidence,
                                                     rate->interval->low, rate->interval->high)
                                       : "no interval");
  if (!set.is_paired()) text += "\n" + histogram_lines(estimates, accuracy_name(set.workload()).c_str());
  return text;
}

std::string stuck_at_plan(const StuckAtSet& set) {
  const auto with_fate = [&](FaultFate fate) {
    return std::ranges::count_if(set.faults(),
                                 [fate](const PlannedFault& fault) { return fault.fate == fate; });
  };
  const std::uint64_t images = set.workload().images();
  std::string text = fmt::format("  netlist           {} cells, depth {}\n", set.netlist().cells.size(),
                                 set.netlist().depth);
  text += fmt::format("  operators         {} through the faulty unit, {} products per image\n",
                      set.operators().size(), set.proof().golden_products / images);
  text += fmt::format("  table masked      {} faults\n", with_fate(FaultFate::table_masked));
  text += fmt::format("  use masked        {} faults\n", with_fate(FaultFate::use_masked));
  text += fmt::format("  equal tables      {} faults\n", with_fate(FaultFate::equal));
  return text + fmt::format("  distinct tables   {} to run, {} inferences\n", set.running().size(),
                            set.running().size() * images);
}

std::string bit_plan(const BitSet& set) {
  constexpr std::size_t k_most_rows = 400;
  std::string text;
  for (std::size_t i = 0; i < set.values().stored.size(); ++i)
    text += fmt::format("  {:<32} {:>12} values of {} stored bits\n", set.values().places[i].label,
                        set.values().stored[i].count, set.values().stored[i].storage.stored_bits());
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

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(std::clamp(seconds, 0.0, 1e15)));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::string summary_table(const Plan& plan, const CampaignRun& run) {
  std::string text;
  std::vector<SetEstimates> estimates;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    if (i > 0) text += "\n";
    estimates.push_back(estimate(*plan.sets[i], plan.config.interval_confidence));
    text += set_text(plan, i, run.sets[i], estimates.back());
  }
  if (const auto combined = combine(plan, estimates))
    text += fmt::format("\nAll sets, weighted: accuracy {}, {}; class changes {}, {}\n",
                        percent(combined->faulty_accuracy.share), bounds(combined->faulty_accuracy.interval),
                        fine_percent(combined->sdc_rate.share), fine_bounds(combined->sdc_rate.interval));
  return text;
}

std::string plan_table(const Plan& plan, unsigned threads, double expected_seconds) {
  std::string text;
  const GoldenRun& golden = plan.workload->golden;
  for (std::size_t i = 0; i < plan.sets.size(); ++i) {
    const FaultSet& set = *plan.sets[i];
    text += sample_line(plan, i) + "\n";
    if (const StuckAtSet* stuck = plan.stuck_at(i)) text += stuck_at_plan(*stuck);
    else if (const TableSet* table = plan.table(i)) text += table_errors_text(*table);
    else text += bit_plan(*plan.bits(i));
    if (const auto* budget = std::get_if<SampleBudget>(&set.config().sample))
      text += fmt::format("  {} buy {} faults: e = {:.4f} at 95 %, p = 0.5\n", budget->text, set.drawn(),
                          margin_of(set.population(), set.drawn(), normal_quantile(0.95), 0.5));
    text += "\n";
  }
  text += fmt::format("images            {} of {}, golden {} {}\n", plan.workload->images(),
                      plan.workload->data.available(), accuracy_name(*plan.workload),
                      percent(static_cast<double>(golden.counts.golden_correct) /
                              static_cast<double>(golden.counts.labelled)));
  return text + fmt::format("expected time     {} on {} threads\n", duration_text(expected_seconds), threads);
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
