// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace qfi {

struct Interval {
  double low = 0;
  double high = 0;
};

/// Wilson's interval for `events` among `drawn` of `population` members, drawn without
/// replacement: n_eff = n (N - 1) / (N - n). The whole population drawn: a point.
Interval wilson_interval(std::uint64_t events, std::uint64_t drawn, std::uint64_t population,
                         double confidence);

/// Sums over a crossed campaign: every drawn fault with every image, an event in each pair or not.
struct CrossedCounts {
  std::uint64_t population = 0;  ///< faults that could have been drawn
  std::span<const std::uint64_t>
      of_fault;  ///< events (right answers, say) among the images under each drawn fault
  std::span<const std::uint64_t> of_image;  ///< events among the drawn faults for each image
};

/// The mean share of events and its uncertainty. Nothing where one fault or one image
/// does not allow an estimate.
struct CrossedMean {
  double mean = 0;
  std::optional<Interval> these_images;      ///< faults sampled, images fixed
  std::optional<Interval> image_population;  ///< faults and images both sampled (two-way variance)
};

/// Variances from the two-way layout without repetition (fault, image, remainder); Student's t
/// with Satterthwaite's degrees of freedom; finite-population correction for the faults.
CrossedMean crossed_mean(const CrossedCounts& counts, double confidence);

}  // namespace qfi
