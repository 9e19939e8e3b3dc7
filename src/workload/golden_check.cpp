// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/golden_check.hpp"

#include <fmt/format.h>

#include <cmath>

namespace qfi {
namespace {

constexpr const char* k_reasons =
    "usual reasons are the scale and mean of 'input', the 'label_offset' and the order of the colour "
    "channels; "
    "qfi doctor tries them";

// A stated accuracy comes from other images: five points, and three standard errors of so few images, are no
// reason to doubt.
bool is_far_below(double accuracy, double expected, std::uint64_t images) {
  constexpr double k_points = 0.05;
  constexpr double k_errors = 3.0;
  const double error = std::sqrt(expected * (1.0 - expected) / static_cast<double>(images));
  return accuracy < expected - k_points - k_errors * error;
}

}  // namespace

bool is_near_chance(std::uint64_t correct, std::uint64_t labelled, double chance) {
  constexpr double k_share = 0.1;  // of the way from chance to all right
  const double accuracy = static_cast<double>(correct) / static_cast<double>(labelled);
  return accuracy <= chance + k_share * (1.0 - chance);
}

std::vector<std::string> golden_warnings(const Workload& workload, const std::optional<double>& expected) {
  const Task& task = *workload.task;
  if (!task.has_accuracy()) return {};
  const FaultCounts& golden = workload.golden.counts;
  const double accuracy = static_cast<double>(golden.golden_correct) / static_cast<double>(golden.labelled);
  const std::string found = fmt::format("golden {} {:.1f} % ({} of {})", task.names().accuracy_in_full,
                                        100.0 * accuracy, golden.golden_correct, golden.labelled);
  std::vector<std::string> warnings;
  const double chance = task.chance(workload.answer, golden);
  if (golden.golden_correct == 0)
    warnings.push_back(fmt::format("{}: nothing is right; {}", found, k_reasons));
  else if (is_near_chance(golden.golden_correct, golden.labelled, chance))
    warnings.push_back(
        fmt::format("{} is hardly more than chance, {:.1f} %; {}", found, 100.0 * chance, k_reasons));
  if (expected && is_far_below(accuracy, *expected, workload.images()))
    warnings.push_back(fmt::format("{} is far below the {:.1f} % that 'golden' states; {}", found,
                                   100.0 * *expected, k_reasons));
  return warnings;
}

}  // namespace qfi
