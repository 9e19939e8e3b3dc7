// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

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
  return check;
}

// The faults of both, in the order of the first; nothing: they are not the same.
using Pairs = std::vector<std::pair<const RecordedFault*, const RecordedFault*>>;
std::optional<Pairs> pair_faults(const RecordedSet& before, const RecordedSet& after) {
  if (before.faults.empty() || before.faults.size() != after.faults.size()) return std::nullopt;
  std::map<std::string, const RecordedFault*> known;
  for (const RecordedFault& fault : after.faults)
    if (!known.try_emplace(fault.name, &fault).second) return std::nullopt;
  Pairs pairs;
  for (const RecordedFault& fault : before.faults) {
    const auto same = known.find(fault.name);
    if (same == known.end()) return std::nullopt;
    pairs.emplace_back(&fault, same->second);
  }
  return pairs;
}

// The weighted mean of a value of each pair.
Loss paired_loss(const RecordedSet& set, const Pairs& pairs,
                 const std::function<double(const RecordedFault&, const RecordedFault&)>& value) {
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
  const bool is_sample = set.faulty_accuracy.interval.has_value() && !set.populations.empty();
  double population = 0;
  for (const std::uint64_t size : set.populations) population += static_cast<double>(size);
  Loss loss;
  loss.degrees = 0;
  double variance = 0;
  for (std::size_t h = 0; h < strata.size(); ++h) {
    const Sums& sums = strata[h];
    if (sums.n == 0) continue;
    const double size = is_sample ? static_cast<double>(set.populations[h]) : sums.n;
    const double weight = is_sample ? size / population : sums.n / static_cast<double>(pairs.size());
    const double mean = sums.sum / sums.n;
    loss.value += weight * mean;
    if (!is_sample || sums.n < 2) continue;
    const double deviation = std::max(0.0, (sums.squares - sums.n * mean * mean) / (sums.n - 1));
    variance += weight * weight * deviation / sums.n * std::max(0.0, 1 - sums.n / size);
    loss.degrees += sums.n - 1;
  }
  loss.degrees = std::max(loss.degrees, 1.0);
  loss.error_down = loss.error_up = std::sqrt(variance);
  return loss;
}

double distance(double a, double b) { return std::max(0.0, a - b); }

// after - before of two shares that fall (sign -1) or rise (1) as things get worse.
std::optional<Loss> unpaired_loss(const RecordedEstimate& before, const RecordedEstimate& after, int sign,
                                  double confidence) {
  if (!before.interval || !after.interval) return std::nullopt;
  const double quantile = t_quantile(confidence, k_many);
  Loss loss;
  loss.value = sign * (after.value - before.value);
  const double after_low = distance(after.value, after.interval->low);
  const double after_high = distance(after.interval->high, after.value);
  const double before_low = distance(before.value, before.interval->low);
  const double before_high = distance(before.interval->high, before.value);
  const double down = std::hypot(sign > 0 ? after_low : after_high, sign > 0 ? before_high : before_low);
  const double up = std::hypot(sign > 0 ? after_high : after_low, sign > 0 ? before_low : before_high);
  loss.error_down = down / quantile;
  loss.error_up = up / quantile;
  return loss;
}

double accuracy(const RecordedFault& fault) {
  return fault.labelled == 0
             ? 0
             : static_cast<double>(fault.faulty_correct) / static_cast<double>(fault.labelled);
}

class Comparer {
 public:
  Comparer(const ResultsRecord& before, const ResultsRecord& after, const Thresholds& thresholds)
      : m_before(before), m_after(after), m_thresholds(thresholds) {
    m_result.confidence = before.confidence;
  }

  Result<Comparison> run() {
    compare_golden();
    for (const RecordedSet& before : m_before.sets) {
      const auto after = std::ranges::find(m_after.sets, before.name, &RecordedSet::name);
      if (after == m_after.sets.end())
        return bad_input("{}: no fault set '{}', which {} has", m_after.file, printable(before.name),
                         m_before.file);
      compare_sets(before, *after);
    }
    for (const RecordedSet& after : m_after.sets)
      if (std::ranges::find(m_before.sets, after.name, &RecordedSet::name) == m_before.sets.end())
        m_result.notes.push_back(fmt::format("'{}' is new: not compared", after.name));
    adjust();
    return m_result;
  }

 private:
  void compare_golden() {
    Check check;
    check.metric = "golden accuracy";
    check.threshold = m_thresholds.golden;
    const auto share = [](const ResultsRecord& record) {
      return static_cast<double>(record.golden_correct) / static_cast<double>(record.labelled);
    };
    check.before = share(m_before);
    check.after = share(m_after);
    Loss loss{check.before - check.after};
    check.is_paired = m_before.images == m_after.images;
    if (!check.is_paired) {
      m_result.notes.emplace_back("not the same images: golden accuracies differ by chance too");
      const auto estimate = [&](const ResultsRecord& record, double value) {
        return RecordedEstimate{value, exact_interval(record.golden_correct, record.labelled,
                                                      std::uint64_t{1} << 62, m_result.confidence)};
      };
      loss = *unpaired_loss(estimate(m_before, check.before), estimate(m_after, check.after), -1,
                            m_result.confidence);
    }
    m_result.checks.push_back(judged(std::move(check), loss, m_result.confidence));
  }

  void compare_sets(const RecordedSet& before, const RecordedSet& after) {
    const std::optional<Pairs> pairs =
        m_before.images == m_after.images ? pair_faults(before, after) : std::nullopt;
    const auto add = [&](const std::string& metric, const RecordedEstimate& was, const RecordedEstimate& is,
                         int sign, double threshold,
                         const std::function<double(const RecordedFault&, const RecordedFault&)>& value) {
      Check check;
      check.set = before.name;
      check.metric = metric;
      check.before = was.value;
      check.after = is.value;
      check.threshold = threshold;
      check.is_paired = pairs && value;
      const std::optional<Loss> loss = check.is_paired ? paired_loss(before, *pairs, value)
                                                       : unpaired_loss(was, is, sign, m_result.confidence);
      if (loss) m_result.checks.push_back(judged(std::move(check), *loss, m_result.confidence));
      else m_result.notes.push_back(fmt::format("'{}', {}: no interval, not compared", before.name, metric));
    };
    add("mean faulty accuracy", before.faulty_accuracy, after.faulty_accuracy, -1, m_thresholds.faulty,
        [](const RecordedFault& was, const RecordedFault& is) { return accuracy(was) - accuracy(is); });
    if (before.critical && after.critical)
      add("critical faults", *before.critical, *after.critical, 1, m_thresholds.critical,
          [](const RecordedFault& was, const RecordedFault& is) {
            return (is.changed > 0 ? 1.0 : 0.0) - (was.changed > 0 ? 1.0 : 0.0);
          });
    for (const RecordedLayer& layer : before.layers) {
      const auto same = std::ranges::find(after.layers, layer.name, &RecordedLayer::name);
      if (same != after.layers.end())
        add("changed classes, operator " + layer.name, layer.changed, same->changed, 1, m_thresholds.layer,
            {});
      else m_result.notes.push_back(fmt::format("'{}', operator {}: gone", before.name, layer.name));
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
      order[i]->fails = largest <= m_result.family_error;
      m_result.fails = m_result.fails || order[i]->fails;
    }
  }

  const ResultsRecord& m_before;
  const ResultsRecord& m_after;
  Thresholds m_thresholds;
  Comparison m_result;
};

std::string percent(double share) { return fmt::format("{:.2f} %", 100.0 * share); }

std::string points(double share) { return fmt::format("{:+.2f}", 100.0 * share); }

std::string name_of(const Check& check) {
  return check.set.empty() ? check.metric : check.set + ": " + check.metric;
}

std::string sentence(const Check& check) {
  return fmt::format("{} -> {}, loss {} points ({} .. {}), accepted {:.2f}, p {:.2g}, of all checks {:.2g}",
                     percent(check.before), percent(check.after), points(check.loss),
                     points(check.interval->low), points(check.interval->high), 100.0 * check.threshold,
                     check.p, check.adjusted_p);
}

// Text from a file between tags, or in an attribute.
std::string xml(const std::string& text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (c == '&') escaped += "&amp;";
    else if (c == '<') escaped += "&lt;";
    else if (c == '>') escaped += "&gt;";
    else if (c == '"') escaped += "&quot;";
    else escaped += c;
  }
  return escaped;
}

std::string markdown(const std::string& text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (std::string_view("\\`*_{}[]()<>#|!&~").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

Result<Comparison> compare_results(const ResultsRecord& baseline, const ResultsRecord& results,
                                   const Thresholds& thresholds) {
  return Comparer(baseline, results, thresholds).run();
}

std::string comparison_text(const Comparison& comparison) {
  std::size_t width = 10;
  for (const Check& check : comparison.checks) width = std::max(width, printable(name_of(check)).size());
  std::string text =
      fmt::format("{:<{}}  {:>9}  {:>9}  {:>7}  {:>18}  {:>8}  {:>7}\n", "", width, "baseline", "now", "loss",
                  fmt::format("{:g} % interval", 100.0 * comparison.confidence), "accepted", "p");
  for (const Check& check : comparison.checks)
    text += fmt::format(
        "{:<{}}  {:>9}  {:>9}  {:>7}  {:>18}  {:>8.2f}  {:>7.2g}  {}{}\n", printable(name_of(check)), width,
        percent(check.before), percent(check.after), points(check.loss),
        points(check.interval->low) + " .. " + points(check.interval->high), 100.0 * check.threshold,
        check.adjusted_p, check.fails ? "WORSE" : "ok", check.is_paired ? "" : ", unpaired");
  for (const std::string& note : comparison.notes) text += "note: " + printable(note) + "\n";
  return text + fmt::format("{}: p of all checks together (Holm), family error {:g} %\n",
                            comparison.fails ? "worse than the baseline" : "not worse than the baseline",
                            100.0 * comparison.family_error);
}

std::string comparison_json(const Comparison& comparison) {
  using Json = nlohmann::ordered_json;
  Json checks = Json::array();
  for (const Check& check : comparison.checks)
    checks.push_back({{"set", check.set.empty() ? Json(nullptr) : Json(check.set)},
                      {"metric", check.metric},
                      {"before", check.before},
                      {"after", check.after},
                      {"loss", check.loss},
                      {"interval", {check.interval->low, check.interval->high}},
                      {"threshold", check.threshold},
                      {"paired", check.is_paired},
                      {"p", check.p},
                      {"adjusted_p", check.adjusted_p},
                      {"fails", check.fails}});
  return json_text({{"schema", "qfi-comparison-1"},
                    {"family_error", comparison.family_error},
                    {"interval_confidence", comparison.confidence},
                    {"fails", comparison.fails},
                    {"checks", checks},
                    {"notes", comparison.notes}});
}

std::string comparison_markdown(const Comparison& comparison) {
  std::string text =
      fmt::format("**Accuracy under faults: {}**\n\n", comparison.fails ? "worse" : "not worse");
  text +=
      "| | baseline | now | loss (points) | accepted | p, of all checks | |\n|---|---|---|---|---|---|---|\n";
  for (const Check& check : comparison.checks)
    text += fmt::format("| {} | {} | {} | {} ({} .. {}) | {:.2f} | {:.2g} | {} |\n", markdown(name_of(check)),
                        percent(check.before), percent(check.after), points(check.loss),
                        points(check.interval->low), points(check.interval->high), 100.0 * check.threshold,
                        check.adjusted_p, check.fails ? "**worse**" : "ok");
  for (const std::string& note : comparison.notes) text += "\n* " + markdown(note);
  return text + (comparison.notes.empty() ? "" : "\n");
}

std::string comparison_junit(const Comparison& comparison) {
  const auto failures = std::ranges::count(comparison.checks, true, &Check::fails);
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites>\n<testsuite name=\"qfi compare\" tests=\"{}\" failures=\"{}\">\n",
                      comparison.checks.size(), failures);
  for (const Check& check : comparison.checks) {
    text += fmt::format("<testcase classname=\"qfi.{}\" name=\"{}\">",
                        xml(check.set.empty() ? "golden" : check.set), xml(check.metric));
    if (check.fails) text += fmt::format("<failure message=\"{}\"/>", xml(sentence(check)));
    else text += fmt::format("<system-out>{}</system-out>", xml(sentence(check)));
    text += "</testcase>\n";
  }
  return text + "</testsuite>\n</testsuites>\n";
}

}  // namespace qfi
