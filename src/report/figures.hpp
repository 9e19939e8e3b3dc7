// SPDX-License-Identifier: Apache-2.0
// The pictures of a report.
#pragma once

#include <span>

#include "analysis.hpp"
#include "plot.hpp"
#include "qfi/report/results_record.hpp"

namespace qfi {

/// Those that the set has data for.
std::vector<Plot> set_plots(const ResultsRecord& record, const RecordedSet& set);

/// Golden and faulty accuracy of every set of every campaign.
Plot overview_plot(std::span<const ResultsRecord> records);

}  // namespace qfi
