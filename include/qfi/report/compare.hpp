// SPDX-License-Identifier: Apache-2.0
// Owns the comparison of two campaigns. The results of a baseline and of another run go in; which metrics got
// worse, and whether chance explains it, come out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "qfi/results/results_file.hpp"

namespace qfi {

/// Losses that are accepted, as shares.
struct Thresholds {
  double golden = 0.005;   ///< golden accuracy
  double faulty = 0.01;    ///< mean accuracy under faults; without labels: more changed classes
  double critical = 0.02;  ///< more faults that change some class
  double layer = 0.02;     ///< more changed classes, by layer of the fault
};

struct Check {
  std::string set;  ///< empty for a check of the whole campaign
  std::string metric;
  double before = 0;
  double after = 0;
  double loss = 0;                   ///< positive where it got worse
  std::optional<Interval> interval;  ///< interval of the loss, at `confidence`, for this check alone
  double threshold = 0;
  bool is_paired = false;  ///< whether both ran the same faults
  double p = 1;            ///< chance of such a loss or a larger one, if the true one is at the threshold
  double adjusted_p = 1;   ///< Holm's, over all checks
  bool fails = false;
};

struct Comparison {
  std::vector<Check> checks;
  std::vector<std::string> notes;  ///< what was not compared, and why
  double family_error = 0.05;
  double confidence = 0.95;
  bool fails = false;
};

/// Fails where a loss is beyond its threshold by more than chance explains. The tests are one-sided, and all
/// together they are wrong at most in `family_error` of all comparisons (Holm 1979). Where both ran the same
/// faults, they take differences fault by fault within strata, weighted by population, with finite
/// populations and Student's t; otherwise they add the two intervals' distances in squares (MOVER). Golden
/// accuracy on the same images is no matter of chance. Error: a set of the baseline is missing.
Result<Comparison> compare_results(const ResultsFile& baseline, const ResultsFile& results,
                                   const Thresholds& thresholds);

std::string comparison_text(const Comparison& comparison);
std::string comparison_json(const Comparison& comparison);
/// The first bytes of the files that it writes.
constexpr std::string_view k_markdown_start = "**Accuracy under faults: ";
constexpr std::string_view k_junit_start =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"qfi compare\"";
std::string comparison_markdown(const Comparison& comparison);
std::string comparison_junit(const Comparison& comparison);

}  // namespace qfi
