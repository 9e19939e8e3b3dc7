// SPDX-License-Identifier: Apache-2.0
// Owns what is said of a golden run that looks wrong: a network that is fed in another way than it was
// trained for still runs, and everything that a campaign says of it is then about noise. A workload goes in;
// warnings come out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qfi/workload/workload.hpp"

namespace qfi {

/// Warns of an accuracy near chance or of none right, and of one that lies far below `expected`, the accuracy
/// that the network is known to have. Empty: nothing looks wrong, or there are no labels.
std::vector<std::string> golden_warnings(const Workload& workload, const std::optional<double>& expected);

/// Whether so many right of so many images or pixels are hardly more than guessing gives.
bool is_near_chance(std::uint64_t correct, std::uint64_t labelled, double chance);

}  // namespace qfi
