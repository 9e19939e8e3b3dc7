// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis.hpp"
#include "qfi/base/text.hpp"
#include "table_text.hpp"

namespace qfi {
namespace {

std::string share_line(const char* name, const FaultShare& share, const char* meaning) {
  return fmt::format("  {:<17} {:>7}   {}   {:<17} {}\n", name, share.faults, percent(share.share),
                     share.interval ? bounds(share.interval) : "", meaning);
}

std::string histogram_lines(const std::array<std::uint64_t, 20>& histogram, const char* accuracy) {
  const std::uint64_t largest = std::max<std::uint64_t>(1, *std::ranges::max_element(histogram));
  constexpr std::uint64_t k_width = 50;
  std::string text = fmt::format("Faults by faulty {}\n", accuracy);
  for (std::size_t bin = 0; bin < histogram.size(); ++bin) {
    const std::uint64_t faults = histogram[bin];
    const std::uint64_t length = faults == 0 ? 0 : std::max<std::uint64_t>(1, faults * k_width / largest);
    text += fmt::format("  {:>3} .. {:>3} %  {:>6}  {}\n", 5 * bin, 5 * bin + 5, faults,
                        std::string(length, '#'));
  }
  return text;
}

std::string accuracy_text(const CampaignResults& results, const Estimates& estimates) {
  const TaskNames& names = results.task->names();
  const double confidence = 100.0 * results.interval_confidence;
  const auto top5 = [&](double share) {
    return names.top5_key == nullptr ? "" : "   top-5 " + percent(share);
  };
  std::string golden_top5, ties;
  if (names.top5_key != nullptr) {
    golden_top5 = top5(std::get<double>(results.golden_number("top5")));
    ties = fmt::format("; {} labels hang on a tie for place 5",
                       std::get<std::uint64_t>(results.golden_number("top5_hanging_on_tie")));
  }
  std::string text = fmt::format("  {:<18}{}{}   ({} of {}{})\n", fmt::format("golden {}", names.accuracy),
                                 percent(*results.golden_accuracy()), golden_top5, results.golden_correct(),
                                 results.golden_labelled(), ties);
  text +=
      fmt::format("  {:<18}{}{}   mean over faults and images\n", fmt::format("faulty {}", names.accuracy),
                  percent(estimates.accuracy->mean), estimates.top5 ? top5(estimates.top5->mean) : "");
  text += fmt::format("    {:.4g} % interval  {}   on these images\n", confidence,
                      bounds(estimates.accuracy->these_images));
  text += fmt::format("    {:.4g} % interval  {}   on images like these\n", confidence,
                      bounds(estimates.accuracy->image_population));
  if (const std::string note = selection_note(results); !note.empty())
    text += fmt::format("    ({})\n", note);
  return text;
}

// What safety cases quote.
std::string bounds_text(const Estimates& estimates, double confidence) {
  if (!estimates.changed_at_most || !estimates.critical_at_most) return "";
  return fmt::format("  at most, with {:.4g} % confidence: classes changed {}, critical faults {}\n",
                     100.0 * confidence, fine_percent(*estimates.changed_at_most),
                     fine_percent(*estimates.critical_at_most));
}

std::string estimates_text(const CampaignResults& results, const Estimates& estimates) {
  const TaskNames& names = results.task->names();
  const SampledMean& changed = estimates.changed;
  std::string text =
      estimates.accuracy ? accuracy_text(results, estimates) : "  no labels: compared with the golden run\n";
  text += fmt::format("  {:<18}{:>7}   {}   of the {}\n", names.changed, fine_percent(changed.mean),
                      fine_bounds(changed.these_images), names.changed_of);
  if (!estimates.accuracy)
    text += fmt::format("    {:.4g} % interval           {}   on images like these\n",
                        100.0 * results.interval_confidence, fine_bounds(changed.image_population));
  return text;
}

std::string classes_text(const CampaignResults& results, const Estimates& estimates) {
  if (!estimates.critical) return "";
  std::string text = fmt::format("\n  faults             number    share   {:.4g} % interval\n",
                                 100.0 * results.interval_confidence);
  if (estimates.harmless)
    text += share_line("harmless", *estimates.harmless, "lose at most 1 point of accuracy") +
            share_line("between", *estimates.between, "") +
            share_line("collapsed", *estimates.collapsed, k_collapse_meaning);
  return text + share_line("critical", *estimates.critical, critical_meaning(results).c_str()) +
         bounds_text(estimates, results.interval_confidence);
}

std::string fates_text(const NetlistResults& netlist) {
  return share_line("table masked", netlist.fates.table_masked, "no product that a layer can form changes") +
         share_line("use masked", netlist.fates.use_masked, "no product of the golden run changes");
}

// The head of a table by layer, bit or direction, and its lines.
std::string rows_head(const char* name, const char* faults, const CampaignResults& results,
                      bool are_together = false) {
  return fmt::format("\n  {:<22}  {:>9}  {:>11}  {:>10}  {:>9}   {:.4g} % interval{}\n", name, faults,
                     results.task->names().unit_of_trials, "changed", "weighted",
                     100.0 * results.interval_confidence, are_together ? ", of all rows together" : "");
}

std::string row_line(const std::string& name, const std::string& faults, std::uint64_t units,
                     std::uint64_t changed, const std::string& share, const std::string& interval) {
  return fmt::format("  {:<22}  {:>9}  {:>11}  {:>10}  {:>9}   {}\n", name, faults, units, changed, share,
                     interval);
}

std::string layer_name(const StoredBitResults& bits, std::uint64_t layer) {
  const auto values = std::ranges::find(bits.values, layer, &StoredValuesFacts::layer);
  return fmt::format("{:>3} {}", layer, values == bits.values.end() ? "" : values->operator_kind);
}

std::string row_name(const StoredBitResults& bits, const DomainResults& row, bool by_layer) {
  const std::string name = by_layer ? layer_name(bits, *row.layer) : fmt::format("{:>3}", *row.bit);
  return row.stage ? name + " " + *row.stage : name;
}

std::string domains_text(const CampaignResults& results, const StoredBitResults& bits, bool by_layer) {
  const std::vector<DomainResults>& rows = by_layer ? bits.by_layer : bits.by_bit;
  if (rows.size() < 2) return "";
  std::string text =
      rows_head(by_layer ? "by layer" : "by bit", "faults", results, results.rows_together.value_or(false));
  for (const DomainResults& row : rows)
    text += row_line(row_name(bits, row, by_layer), std::to_string(row.n), row.units, row.changed,
                     row.n == 0 ? "-" : fine_percent(row.changed_share), fine_bounds(row.interval));
  return text;
}

std::string directions_text(const CampaignResults& results, const StoredBitResults& bits) {
  std::string text;
  for (const DirectionResults& row : bits.by_direction) {
    if (row.layer || row.trials == 0) continue;
    if (text.empty()) text = rows_head("by direction", "", results);
    text += row_line(row.direction, "", row.units, row.changed,
                     row.changed_share ? fine_percent(*row.changed_share) : "-",
                     row.changed_share ? fine_bounds(row.interval) : "");
  }
  return text;
}

std::string protection_text(const CampaignResults& results, const StoredBitResults& bits) {
  const double confidence = 100.0 * results.interval_confidence;
  const ReadResults& reads = bits.protection ? bits.protection->reads : bits.reads;
  std::string text;
  if (reads.detected > 0)
    text = fmt::format("\n  of {} reads of faulty values {} detected, {} corrected, {} missed\n",
                       reads.faulty_values_read, reads.detected, reads.corrected, reads.missed);
  if (!bits.protection) return text;
  const ProtectionResults& protection = *bits.protection;
  text += fmt::format("\n  changed without the protection {}, with it {}", protection.changed_without,
                      protection.changed_with);
  if (protection.removed_share)
    text +=
        fmt::format(": {} removed (weighted), {:.4g} % interval {}", fine_percent(*protection.removed_share),
                    confidence, fine_bounds(protection.interval));
  text += "\n";
  if (!protection.summary) return text;
  const Estimates& kept = *protection.summary;
  text += fmt::format("  with the protection: {} {}, {}", headline_name(results),
                      percent(headline(kept).mean), bounds(headline(kept).these_images));
  if (kept.critical)
    text += fmt::format("; critical faults {}, {}", fine_percent(kept.critical->share),
                        fine_bounds(kept.critical->interval));
  return text + "\n";
}

std::string rates_text(const CampaignResults& results, const SetResults& set) {
  std::string text = fmt::format("\n  {:<26}  {:>6}  {:>10}   {:.4g} % interval on these images\n", "",
                                 "draws", headline_name(results), 100.0 * results.interval_confidence);
  for (const StratumResults& stratum : set.strata)
    text += fmt::format("  {:<26}  {:>6}  {:>10}   {}\n", stratum.label, stratum.n,
                        percent(headline(*stratum.estimates).mean),
                        bounds(headline(*stratum.estimates).these_images));
  return text;
}

std::string product_table_text(const ProductTableResults& table) {
  const auto share = [](std::uint64_t part, std::uint64_t whole) {
    return percent(static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(whole, 1)));
  };
  return fmt::format(
      "  wrong products     {} of {} pairs ({}), {} of the golden run's\n"
      "  error distance     mean {:.6g} (of the golden run's products {:.6g}), worst {}\n",
      table.wrong_pairs, table.pairs, share(table.wrong_pairs, table.pairs),
      share(table.golden_products_wrong, table.golden_products), table.mean_error_distance,
      table.golden_mean_error_distance, table.worst_case_error);
}

std::string search_text(const CampaignResults& results, std::size_t index, const SearchResults& search) {
  const auto sample = nlohmann::json::parse(results.config)["faults"][index]["sample"];
  std::string text = fmt::format(
      "  search of {} generations of {} individuals, {} flips each: {}\n"
      "  the best costs {}, the last generation {} on average\n\n"
      "  {:<22}  {:>9}  {:>11}  {:>10}\n",
      search.generations.size(), sample["genetic"].get<std::uint64_t>(), sample["flips"].get<std::uint64_t>(),
      results.sets[index].stopped.reason, percent(search.generations.back().best_drop),
      percent(search.generations.back().mean_drop), "most vulnerable first", "bits", "vulnerable", "LVF");
  for (const SearchedLayer& layer : search.layers)
    text += fmt::format("  operator {:<13}  {:>9}  {:>11}  {:>10}\n", layer.layer, layer.bits_tried,
                        layer.bits_vulnerable, number_text(layer.lvf, 1.0, 4));
  return text;
}

std::string rate_line(const char* what, double fit, const std::optional<Interval>& interval,
                      double confidence) {
  return fmt::format("  {:<34} {:>10.4g} FIT, {}\n", what, fit,
                     interval ? fmt::format("{:.4g} % interval {:.4g} .. {:.4g}", 100.0 * confidence,
                                            interval->low, interval->high)
                              : "no interval");
}

std::string failure_rate_text(const FailureRateResults& rate, double confidence) {
  std::string text = fmt::format("\n  failure rate, of {:.4g} FIT of raw faults\n", rate.raw_fit) +
                     rate_line("a fault meets one inference", rate.derated_fit, rate.interval, confidence);
  if (rate.on_images_like_these)
    text += rate_line("  on images like these", rate.derated_fit, rate.on_images_like_these, confidence);
  const auto add = [&](const std::string& what, const std::optional<DeratedRateResults>& derated) {
    if (derated) text += rate_line(what.c_str(), derated->fit, derated->interval, confidence);
  };
  const std::string stays = fmt::format("a fault stays for {} inferences", rate.inferences.value_or(1));
  add(stays, rate.of_inferences);
  add("a fault meets all these images", rate.of_critical_faults);
  add("protected, one inference", rate.with_protection);
  add(fmt::format("protected, {} inferences", rate.inferences.value_or(1)),
      rate.of_inferences_with_protection);
  return text;
}

std::string head_text(const CampaignResults& results, const SetResults& set, const SetWork& work) {
  const NetlistResults* netlist = set.netlist();
  std::string text = work.sample + "\n";
  text += fmt::format("{} images, {}{} inferences in {}\n", results.inputs.data.images,
                      netlist != nullptr ? fmt::format("{} {} run, ", netlist->fates.distinct_tables,
                                                       set.sample.is_nested() ? "faults" : "distinct tables")
                                         : "",
                      work.inferences, duration_text(work.seconds));
  if (!set.stopped.looks.empty())
    text += fmt::format("stopped after {} looks: {} ({:.3g} either side)\n", set.stopped.looks.size(),
                        set.stopped.reason, set.stopped.looks.back().half_width);
  if (const std::string sentence = approximate_sentence(results, set); !sentence.empty())
    text += sentence + "\n";
  return text + "\n";
}

std::string set_text(const CampaignResults& results, std::size_t index, const SetWork& work) {
  const SetResults& set = results.sets[index];
  const StoredBitResults* bits = set.bits();
  std::string text = head_text(results, set, work);
  if (set.strata.front().bit_error_rate) return text + rates_text(results, set);
  if (bits != nullptr && bits->search) return text + search_text(results, index, *bits->search);
  const Estimates& estimates = *set.summary;
  text += estimates_text(results, estimates);
  if (const TableResults* table = set.table()) return text + product_table_text(table->table);
  text += classes_text(results, estimates);
  if (const NetlistResults* netlist = set.netlist()) text += fates_text(*netlist);
  if (bits != nullptr)
    text += domains_text(results, *bits, true) + domains_text(results, *bits, false) +
            directions_text(results, *bits) + left_out_line(bits->left_out.value_or(0)) +
            protection_text(results, *bits);
  if (set.failure_rate) text += failure_rate_text(*set.failure_rate, results.interval_confidence);
  if (estimates.histogram)
    text += "\n" + histogram_lines(*estimates.histogram, results.task->names().accuracy);
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(std::clamp(seconds, 0.0, 1e15)));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::string summary_table(const CampaignResults& results, const std::vector<SetWork>& work) {
  std::string text;
  for (std::size_t i = 0; i < results.sets.size(); ++i)
    text += (i > 0 ? "\n" : "") + set_text(results, i, work[i]);
  if (const auto& combined = results.combined)
    text +=
        fmt::format("\nAll sets, weighted: {}class changes {}, {}\n",
                    combined->accuracy ? fmt::format("accuracy {}, {}; ", percent(combined->accuracy->mean),
                                                     bounds(combined->accuracy->interval))
                                       : "",
                    fine_percent(combined->changed.mean), fine_bounds(combined->changed.interval));
  return text;
}

}  // namespace qfi
