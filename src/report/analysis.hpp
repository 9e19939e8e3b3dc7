// SPDX-License-Identifier: Apache-2.0
// What a report works out from recorded faults.
#pragma once

#include <vector>

#include "qfi/report/results_record.hpp"

namespace qfi {

/// 0 where there is no whole.
double share_of(std::uint64_t part, std::uint64_t whole);

/// Mean accuracy of a growing, random part of each stratum's faults; the last is the campaign's estimate.
/// Empty: no faults, or of bit error rates.
struct EstimateSoFar {
  std::uint64_t faults = 0;
  RecordedEstimate accuracy;
};
std::vector<EstimateSoFar> convergence(const ResultsRecord& record, const RecordedSet& set);

/// What hardening removes, worst first: cumulated shares of what is hardened (sites of which both faults were
/// drawn, or stored bits by layer and bit) and of the changed classes that go with it. From (0, 0) to (1, 1);
/// empty: too few faults to tell, or nothing changes. Of a sample of bits one half of a cell's faults
/// chooses, the other says what is removed: judged by what chose them, cells that chance made look bad would
/// seem worth it.
struct Hardened {
  double cost = 0;
  double removed = 0;
};
std::vector<Hardened> hardening(const RecordedSet& set);

}  // namespace qfi
