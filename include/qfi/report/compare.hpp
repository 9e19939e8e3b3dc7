// SPDX-License-Identifier: Apache-2.0
// Owns the comparison of two campaigns. The results of a baseline and of another run go in; which metrics got
// worse, whether chance explains it, and where that cannot be told, come out.
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

/// In what the two campaigns may differ; otherwise that is an error.
struct AllowedDifferences {
  bool data = false;     ///< images, labels or task
  bool network = false;  ///< the model's file
  bool faults = false;   ///< what is faulty and how it is stored; not how many faults were drawn, and which
};

/// What a check, or all of them, says; a later one counts for the whole.
enum class Verdict : std::uint8_t {
  equal,      ///< the same faults did the same
  not_worse,  ///< the interval ends below the accepted loss
  undecided,  ///< the interval holds the accepted loss, or there is none
  worse       ///< beyond the accepted loss by more than chance explains
};
const char* name_of(Verdict verdict);

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
  Verdict verdict = Verdict::undecided;
};

struct Comparison {
  std::vector<Check> checks;
  std::vector<std::string> notes;  ///< what was not compared, and why
  double family_error = 0.05;
  double confidence = 0.95;
  Verdict verdict = Verdict::equal;
};

/// Worse is a loss beyond its threshold by more than chance explains. The tests are one-sided, and all
/// together they are wrong at most in `family_error` of all comparisons (Holm 1979). Where both ran the same
/// faults, they take differences fault by fault within strata, weighted by population, with finite
/// populations and Student's t; otherwise they add the two intervals' distances in squares (MOVER): those on
/// these images, or on the population of images where the images differ. Golden accuracy on the same images
/// is no matter of chance. Errors: a set of the baseline is missing; a difference that is not allowed.
Result<Comparison> compare_results(const ResultsFile& baseline, const ResultsFile& results,
                                   const Thresholds& thresholds, const AllowedDifferences& allowed = {});

std::string comparison_text(const Comparison& comparison);
std::string comparison_json(const Comparison& comparison);
/// The first bytes of the files that it writes.
constexpr std::string_view k_markdown_start = "**Accuracy under faults: ";
constexpr std::string_view k_junit_start =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"qfi compare\"";
std::string comparison_markdown(const Comparison& comparison);
std::string comparison_junit(const Comparison& comparison);

}  // namespace qfi
