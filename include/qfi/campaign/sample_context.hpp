// SPDX-License-Identifier: Apache-2.0
// Owns what all estimates of a fault set have in common. A FaultSet goes in; its units of sampling, which are
// faults or pairs of a fault and the images that it meets, and means with the intervals that its draw allows
// come out.
#pragma once

#include <cstdint>
#include <vector>

#include "qfi/fault_sets/fault_set.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

/// Whether a fault set samples faults, or pairs of a fault and images, and how many of them there are.
class SampleContext {
 public:
  explicit SampleContext(const FaultSet& set);

  std::uint64_t images() const { return m_set.workload().images(); }
  bool is_crossed() const { return m_set.is_crossed(); }
  /// What the images of a drawn fault count without it.
  const FaultCounts& golden_of(std::size_t fault) const {
    if (m_set.is_nested()) return m_golden_of_group[m_set.group_of(fault)];
    return m_set.is_paired() ? m_golden.of_image[m_set.images_of(fault, 0).first] : m_golden.counts;
  }
  /// How many pairs with images each fault has: one in a crossed design, else one for each image or group.
  std::uint64_t pairs_of_a_fault() const { return m_set.image_groups(); }
  /// How many units of sampling that many faults are: faults, or pairs of fault and images.
  std::uint64_t trials_of(std::uint64_t faults, bool is_endless = false) const {
    constexpr std::uint64_t k_most = std::uint64_t{1} << 62;
    return is_endless || faults > k_most / pairs_of_a_fault() ? k_most : faults * pairs_of_a_fault();
  }
  /// What the mean of a share is asked with, whose event `golden_units` show without a fault of so many units
  /// of the whole golden run.
  SampledShare share(double golden_share, std::uint64_t golden_units) const;

  /// The mean share under faults, with the intervals that the draw allows; a fault list or a search has none.
  /// Where the event of a pair either happens or does not, the interval is exact.
  SampledMean mean(const std::vector<FaultStratum>& strata, const SampledShare& what,
                   double confidence) const;

 private:
  const FaultSet& m_set;
  const GoldenRun& m_golden;
  std::vector<FaultCounts> m_golden_of_group;  ///< in a nested design
};

}  // namespace qfi
