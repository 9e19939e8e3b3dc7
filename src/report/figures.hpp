// SPDX-License-Identifier: Apache-2.0
// The pictures of a report.
#pragma once

#include <span>
#include <vector>

#include "analysis.hpp"
#include "plot.hpp"

namespace qfi {

/// The pictures that a set of a campaign has data for.
std::vector<Plot> set_plots(const ResultsFile& campaign, std::size_t set);

/// Golden and faulty accuracy of every set of every campaign that has labels; empty: none has.
std::vector<Plot> overview_plots(std::span<const ResultsFile> campaigns);

}  // namespace qfi
