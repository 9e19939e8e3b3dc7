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

double normal_quantile(double confidence) {
  return boost::math::quantile(boost::math::normal(), 0.5 + confidence / 2.0);
}

}  // namespace qfi
