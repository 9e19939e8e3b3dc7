// SPDX-License-Identifier: Apache-2.0
// Owns how a run's progress reads. Counts and seconds go in; one line of text comes out.
#pragma once

#include <string>

#include "qfi/fault_sets/fault_set.hpp"

namespace qfi {

/// A line such as "60 %, 300 of 500 images, 12.5 per s, 16 s left". `before` of those done were done when the
/// time began.
std::string rate_text(std::uint64_t before, std::uint64_t done, std::uint64_t total, const std::string& unit,
                      double seconds);

/// A line such as "[############........] 60 %, 300 of 500 trials (5 faults), 12.5 per s, 16 s left, classes
/// change 4.20 +- 1.10 %". `seconds` count from the first trial that was not recorded.
std::string progress_text(const ProgressState& state, double seconds);

}  // namespace qfi
