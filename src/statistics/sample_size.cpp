// SPDX-License-Identifier: Apache-2.0
#include "qfi/statistics/sample_size.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

namespace qfi {

SampleSize sample_size(std::uint64_t population, double margin, double t, double p, Rounding rounding) {
  const auto size = static_cast<double>(population);
  SampleSize sample;
  sample.exact = size / (1.0 + margin * margin * (size - 1.0) / (t * t * p * (1.0 - p)));
  const double whole = rounding == Rounding::up ? std::ceil(sample.exact) : std::round(sample.exact);
  sample.rounded =
      std::clamp(static_cast<std::uint64_t>(whole), std::uint64_t{1}, std::max<std::uint64_t>(population, 1));
  return sample;
}

namespace {

// Of a share p that n of N members estimate.
double variance_of_share(double p, double n, double population) {
  return population > 1 ? p * (1.0 - p) / n * (population - n) / (population - 1.0) : 0.0;
}

}  // namespace

ExpectedMargin expected_margin(std::span<const PlannedStratum> strata, double t) {
  double population = 0;
  double drawn = 0;
  for (const PlannedStratum& stratum : strata) {
    population += static_cast<double>(stratum.population);
    drawn += static_cast<double>(stratum.drawn);
  }
  double p = 0;
  double variance = 0;
  for (const PlannedStratum& stratum : strata) {
    const auto size = static_cast<double>(stratum.population);
    const double weight = size / population;
    p += weight * stratum.p;
    variance += weight * weight * variance_of_share(stratum.p, static_cast<double>(stratum.drawn), size);
  }
  const double unstratified = variance_of_share(p, drawn, population);
  return {t * std::sqrt(variance), unstratified > 0 ? variance / unstratified : 1.0};
}

double normal_quantile(double confidence) {
  return boost::math::quantile(boost::math::normal(), 0.5 + confidence / 2.0);
}

}  // namespace qfi
