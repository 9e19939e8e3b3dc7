// SPDX-License-Identifier: Apache-2.0
// Owns what all estimates of a fault set have in common. A FaultSet goes in; its units of sampling, which are
// faults or pairs of a fault and an image, and means with the intervals that its draw allows come out.
#pragma once

#include <cstdint>
#include <vector>

#include "qfi/fault_sets/fault_set.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

/// Whether a fault set samples faults, or pairs of a fault and an image, and how many of them there are.
class SampleContext {
 public:
  explicit SampleContext(const FaultSet& set) : m_set(set), m_golden(set.workload().golden) {}

  std::uint64_t images() const { return m_set.workload().images(); }
  bool is_paired() const { return m_set.is_paired(); }
  const FaultCounts& golden_of(std::size_t fault) const {
    return is_paired() ? m_golden.of_image[m_set.images_of(fault, 0).first] : m_golden.counts;
  }
  /// How many units of sampling that many faults are: faults, or pairs of fault and image.
  std::uint64_t trials_of(std::uint64_t faults, bool is_endless = false) const {
    constexpr std::uint64_t k_most = std::uint64_t{1} << 62;
    const std::uint64_t times = is_paired() ? images() : 1;
    return is_endless || faults > k_most / times ? k_most : faults * times;
  }
  /// The units of one drawn fault, from those of the whole golden run.
  double units(std::uint64_t golden_units) const {
    return static_cast<double>(golden_units) / static_cast<double>(is_paired() ? images() : 1);
  }

  /// The mean share under faults, with the intervals that the draw allows; a fault list or a search has none.
  /// Where the event of a pair either happens or does not, the interval is exact.
  SampledMean mean(const std::vector<FaultStratum>& strata, const SampledShare& what,
                   double confidence) const;

 private:
  const FaultSet& m_set;
  const GoldenRun& m_golden;
};

}  // namespace qfi
