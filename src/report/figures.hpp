// SPDX-License-Identifier: Apache-2.0
// The pictures of a report.
#pragma once

#include <span>

#include "plot.hpp"
#include "qfi/report/results_record.hpp"

namespace qfi {

/// Those that the set has data for.
std::vector<Plot> set_plots(const ResultsRecord& record, const RecordedSet& set);

/// Golden and faulty accuracy of every set of every campaign.
Plot overview_plot(std::span<const ResultsRecord> records);

/// Mean accuracy after a growing part of each stratum's faults, in the order of drawing; the last is the
/// campaign's estimate. Empty: no faults, or of bit error rates.
struct EstimateSoFar {
  std::uint64_t faults = 0;
  RecordedEstimate accuracy;
};
std::vector<EstimateSoFar> convergence(const ResultsRecord& record, const RecordedSet& set);

/// What hardening removes, worst first: cumulated shares of what is hardened (sites, or stored bits) and of
/// the changed classes that go with it. From (0, 0) to (1, 1); empty: nothing to order, or nothing changes.
struct Hardened {
  double cost = 0;
  double removed = 0;
};
std::vector<Hardened> hardening(const RecordedSet& set);

}  // namespace qfi
