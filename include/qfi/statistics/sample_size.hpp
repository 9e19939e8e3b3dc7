// SPDX-License-Identifier: Apache-2.0
// Owns how many faults to draw. A population and a margin go in; n = N / (1 + e^2 (N - 1) / (t^2 p (1 - p)))
// comes out, the finite-population sample size that the field uses (Leveugle et al., DATE 2009).
#pragma once

#include <cstdint>
#include <span>

namespace qfi {

enum class Rounding : std::uint8_t { up, nearest };

struct SampleSize {
  double exact = 0;           ///< before rounding
  std::uint64_t rounded = 0;  ///< at least 1, at most N
};

/// The size for a population N, a margin e (0 < e < 1), a quantile t and an assumed probability p (0 < p <
/// 1).
SampleSize sample_size(std::uint64_t population, double margin, double t, double p, Rounding rounding);

/// A stratum of a planned sample: its size, its draws, and the probability that is assumed of its members.
struct PlannedStratum {
  std::uint64_t population = 0;
  std::uint64_t drawn = 0;  ///< > 0
  double p = 0.5;
};

/// What a planned sample will say of the share of the whole population, if the probabilities are as assumed.
struct ExpectedMargin {
  double half_width = 0;
  /// The variance as a multiple of that of as many draws from the population as a whole.
  double design_effect = 1;
};
ExpectedMargin expected_margin(std::span<const PlannedStratum> strata, double t);

/// The two-sided standard normal quantile: 0.95 gives 1.95996.. Precondition: 0 < confidence < 1.
double normal_quantile(double confidence);

}  // namespace qfi
