// SPDX-License-Identifier: Apache-2.0
// How a comparison is written: as text, JSON, Markdown and JUnit's XML.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "markup.hpp"
#include "qfi/base/number_text.hpp"
#include "qfi/base/text.hpp"
#include "qfi/report/compare.hpp"

namespace qfi {
namespace {

std::string percent(double share) { return percent_text(share, 2); }

std::string bounds(const Check& check) {
  if (!check.interval) return "no interval";
  return points_text(check.interval->low) + " .. " + points_text(check.interval->high);
}

// The word of a check in a table; what is wrong must be seen.
std::string word(const Check& check) {
  switch (check.verdict) {
    case Verdict::equal: return "equal";
    case Verdict::not_worse: return "ok";
    case Verdict::undecided: return "undecided";
    case Verdict::worse: return "WORSE";
  }
  return "";
}

std::string headline(const Comparison& comparison) {
  switch (comparison.verdict) {
    case Verdict::equal: return "equal to the baseline";
    case Verdict::not_worse: return "not worse than the baseline";
    case Verdict::undecided: return "undecided: intervals are too wide to tell; draw more faults";
    case Verdict::worse: return "worse than the baseline";
  }
  return "";
}

std::string name_of(const Check& check) {
  return check.set.empty() ? check.metric : check.set + ": " + check.metric;
}

std::string sentence(const Check& check) {
  return fmt::format("{} -> {}, loss {} points ({}), accepted {:.2f}, p {:.2g}, of all checks {:.2g}: {}",
                     percent(check.before), percent(check.after), points_text(check.loss), bounds(check),
                     100.0 * check.threshold, check.p, check.adjusted_p, qfi::name_of(check.verdict));
}

}  // namespace

std::string comparison_text(const Comparison& comparison) {
  std::size_t width = 10;
  for (const Check& check : comparison.checks) width = std::max(width, printable(name_of(check)).size());
  std::string text =
      fmt::format("{:<{}}  {:>9}  {:>9}  {:>7}  {:>18}  {:>8}  {:>7}\n", "", width, "baseline", "now", "loss",
                  fmt::format("{:g} % interval", 100.0 * comparison.confidence), "accepted", "p");
  for (const Check& check : comparison.checks)
    text += fmt::format("{:<{}}  {:>9}  {:>9}  {:>7}  {:>18}  {:>8.2f}  {:>7.2g}  {}{}\n",
                        printable(name_of(check)), width, percent(check.before), percent(check.after),
                        points_text(check.loss), bounds(check), 100.0 * check.threshold, check.adjusted_p,
                        word(check), check.is_paired ? "" : ", unpaired");
  for (const std::string& note : comparison.notes) text += "note: " + printable(note) + "\n";
  return text + fmt::format("{} (p of all checks together: Holm, family error {:g} %)\n",
                            headline(comparison), 100.0 * comparison.family_error);
}

std::string comparison_json(const Comparison& comparison) {
  using Json = nlohmann::ordered_json;
  Json checks = Json::array();
  for (const Check& check : comparison.checks)
    checks.push_back(
        {{"set", check.set.empty() ? Json(nullptr) : Json(check.set)},
         {"metric", check.metric},
         {"before", check.before},
         {"after", check.after},
         {"loss", check.loss},
         {"interval", check.interval ? Json({check.interval->low, check.interval->high}) : Json(nullptr)},
         {"threshold", check.threshold},
         {"paired", check.is_paired},
         {"p", check.p},
         {"adjusted_p", check.adjusted_p},
         {"verdict", qfi::name_of(check.verdict)},
         {"fails", check.verdict == Verdict::worse}});
  return json_text({{"schema", "qfi-comparison-2"},
                    {"family_error", comparison.family_error},
                    {"interval_confidence", comparison.confidence},
                    {"verdict", qfi::name_of(comparison.verdict)},
                    {"fails", comparison.verdict == Verdict::worse},
                    {"checks", checks},
                    {"notes", comparison.notes}});
}

std::string comparison_markdown(const Comparison& comparison) {
  std::string text = fmt::format("{}{}**\n\n", k_markdown_start, qfi::name_of(comparison.verdict));
  text +=
      "| | baseline | now | loss (points) | accepted | p, of all checks | |\n|---|---|---|---|---|---|---|\n";
  for (const Check& check : comparison.checks) {
    const std::string verdict = qfi::name_of(check.verdict);
    text += fmt::format("| {} | {} | {} | {} ({}) | {:.2f} | {:.2g} | {} |\n", markdown(name_of(check)),
                        percent(check.before), percent(check.after), points_text(check.loss), bounds(check),
                        100.0 * check.threshold, check.adjusted_p,
                        check.verdict == Verdict::worse ? "**" + verdict + "**" : verdict);
  }
  for (const std::string& note : comparison.notes) text += "\n* " + markdown(note);
  return text + (comparison.notes.empty() ? "" : "\n");
}

std::string comparison_junit(const Comparison& comparison) {
  const auto failures = std::ranges::count(comparison.checks, Verdict::worse, &Check::verdict);
  const auto skipped = std::ranges::count(comparison.checks, Verdict::undecided, &Check::verdict);
  std::string text = fmt::format("{} tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n", k_junit_start,
                                 comparison.checks.size(), failures, skipped);
  for (const Check& check : comparison.checks) {
    text += fmt::format("<testcase classname=\"qfi.{}\" name=\"{}\">",
                        xml(check.set.empty() ? "golden" : check.set), xml(check.metric));
    const std::string what = xml(sentence(check));
    if (check.verdict == Verdict::worse) text += fmt::format("<failure message=\"{}\"/>", what);
    else if (check.verdict == Verdict::undecided) text += fmt::format("<skipped message=\"{}\"/>", what);
    else text += fmt::format("<system-out>{}</system-out>", what);
    text += "</testcase>\n";
  }
  return text + "</testsuite>\n</testsuites>\n";
}

}  // namespace qfi
