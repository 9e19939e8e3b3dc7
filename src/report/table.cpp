// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace qfi {
namespace {

std::string percent(double share) { return fmt::format("{:5.1f} %", 100.0 * share); }

std::string bounds(const std::optional<Interval>& interval) {
  if (!interval) return "no interval";
  return fmt::format("{:.1f} .. {:.1f} %", 100.0 * interval->low, 100.0 * interval->high);
}

std::string share_line(const char* name, const FaultShare& share, const char* meaning) {
  return fmt::format("  {:<17} {:>7}   {}   {:<17} {}\n", name, share.faults, percent(share.share),
                     share.interval ? bounds(share.interval) : "", meaning);
}

std::string histogram_lines(const Summary& summary) {
  const std::uint64_t largest =
      std::max<std::uint64_t>(1, *std::max_element(summary.histogram.begin(), summary.histogram.end()));
  constexpr std::uint64_t k_width = 50;
  std::string text = "Faults by faulty top-1\n";
  for (std::size_t bin = 0; bin < summary.histogram.size(); ++bin) {
    const std::uint64_t faults = summary.histogram[bin];
    const std::uint64_t length = faults == 0 ? 0 : std::max<std::uint64_t>(1, faults * k_width / largest);
    text += fmt::format("  {:>3} .. {:>3} %  {:>6}  {}\n", 5 * bin, 5 * bin + 5, faults,
                        std::string(length, '#'));
  }
  return text;
}

std::string sample_line(const Plan& plan) {
  std::string text =
      fmt::format("{} of {} stuck-at faults ({} sites x 2)", plan.faults.size(), plan.population, plan.sites);
  if (const auto* margin = std::get_if<SampleMargin>(&plan.config.sample))
    text += fmt::format(", n = {:.2f} before rounding {}, e = {}, t = {:.4g}, p = {}",
                        plan.sample_size->exact, margin->rounding == Rounding::up ? "up" : "to nearest",
                        margin->margin, margin->t, margin->p);
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds) + 0.5);
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::string summary_table(const Plan& plan, const CampaignOutcome& outcome) {
  const Summary summary = summarize(plan, outcome);
  const double confidence = 100.0 * plan.config.interval_confidence;
  std::string text = fmt::format("{}\n{} images, {} distinct tables run, {} inferences in {}\n\n",
                                 sample_line(plan), plan.data.images(), summary.distinct_tables,
                                 outcome.inferences, duration_text(outcome.seconds));
  text += fmt::format("  golden top-1      {}   top-5 {}   ({} of {}; {} labels hang on a tie for place 5)\n",
                      percent(summary.golden_top1), percent(summary.golden_top5),
                      plan.golden.counts.golden_correct, plan.golden.counts.images, plan.golden.top5_hanging);
  text += fmt::format("  faulty top-1      {}   top-5 {}   mean over faults and images\n",
                      percent(summary.faulty_top1.mean), percent(summary.faulty_top5.mean));
  text += fmt::format("    {:.4g} % interval  {}   on these images\n", confidence,
                      bounds(summary.faulty_top1.these_images));
  text += fmt::format("    {:.4g} % interval  {}   on images like these\n\n", confidence,
                      bounds(summary.faulty_top1.image_population));
  text += fmt::format("  faults             number    share   {:.4g} % interval\n", confidence);
  text += share_line("harmless", summary.harmless, "lose at most 1 point of top-1");
  text += share_line("between", summary.between, "");
  text += share_line("collapsed", summary.collapsed, "top-1 at most twice chance");
  text += share_line("critical", summary.critical, "change the top-1 of some image");
  text += share_line("table masked", summary.table_masked, "no product that a layer can form changes");
  text += share_line("use masked", summary.use_masked, "no product of the golden run changes");
  return text + "\n" + histogram_lines(summary);
}

std::string plan_table(const Plan& plan, unsigned threads) {
  const auto with_fate = [&](FaultFate fate) {
    return std::count_if(plan.faults.begin(), plan.faults.end(),
                         [fate](const PlannedFault& fault) { return fault.fate == fate; });
  };
  std::string text = sample_line(plan) + "\n";
  text += fmt::format("  netlist           {} cells, depth {}\n", plan.netlist->cells.size(),
                      plan.netlist->depth);
  text += fmt::format("  operators         {} through the faulty unit, {} products per image\n",
                      plan.operators.size(), plan.proof.golden_products / plan.data.images());
  text += fmt::format("  images            {} of {}, golden top-1 {}\n", plan.data.images(),
                      plan.data.available(),
                      percent(static_cast<double>(plan.golden.counts.golden_correct) /
                              static_cast<double>(plan.golden.counts.images)));
  text += fmt::format("  table masked      {} faults\n", with_fate(FaultFate::table_masked));
  text += fmt::format("  use masked        {} faults\n", with_fate(FaultFate::use_masked));
  text += fmt::format("  equal tables      {} faults\n", with_fate(FaultFate::equal));
  text += fmt::format("  distinct tables   {} to run, {} inferences\n", plan.running.size(),
                      plan.running.size() * plan.data.images());
  return text + fmt::format("  expected time     {} on {} threads ({:.3f} ms per inference and thread)\n",
                            duration_text(expected_seconds(plan, threads)), threads,
                            1000.0 * plan.seconds_per_image);
}

}  // namespace qfi
