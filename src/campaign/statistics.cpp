// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "qfi/faults/sample_size.hpp"

namespace qfi {
namespace {

Interval around(double mean, double variance, double degrees, double confidence) {
  const double t =
      boost::math::quantile(boost::math::students_t(std::max(degrees, 1.0)), 0.5 + confidence / 2.0);
  const double half = t * std::sqrt(variance);
  return {std::max(0.0, mean - half), std::min(1.0, mean + half)};
}

}  // namespace

Interval wilson_interval(std::uint64_t events, std::uint64_t drawn, std::uint64_t population,
                         double confidence) {
  const auto n = static_cast<double>(drawn);
  const double rate = static_cast<double>(events) / n;
  if (drawn >= population) return {rate, rate};
  const double effective =
      n * (static_cast<double>(population) - 1.0) / static_cast<double>(population - drawn);
  const double z = normal_quantile(confidence);
  const double centre = (rate + z * z / (2.0 * effective)) / (1.0 + z * z / effective);
  const double half = z / (1.0 + z * z / effective) *
                      std::sqrt(rate * (1.0 - rate) / effective + z * z / (4.0 * effective * effective));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

CrossedMean crossed_mean(const CrossedCounts& counts, double confidence) {
  const auto faults = static_cast<double>(counts.of_fault.size());
  const auto images = static_cast<double>(counts.of_image.size());
  double total = 0;
  for (const std::uint64_t events : counts.of_fault) total += static_cast<double>(events);
  CrossedMean result;
  result.mean = total / (faults * images);
  if (faults < 2) return result;

  // Each pair counts 0 or 1, so their sum is the sum of their squares.
  double fault_squares = 0;
  for (const std::uint64_t events : counts.of_fault)
    fault_squares += std::pow(static_cast<double>(events) / images - result.mean, 2);
  double image_squares = 0;
  for (const std::uint64_t events : counts.of_image)
    image_squares += std::pow(static_cast<double>(events) / faults - result.mean, 2);
  const double drawn_share = faults / static_cast<double>(counts.population);
  const double of_faults = (1.0 - drawn_share) * fault_squares / (faults - 1.0) / faults;
  result.these_images = around(result.mean, of_faults, faults - 1.0, confidence);
  if (images < 2) return result;

  const double all_squares = total - faults * images * result.mean * result.mean;
  const double ms_image = faults * image_squares / (images - 1.0);
  const double rest = std::max(0.0, all_squares - images * fault_squares - faults * image_squares);
  const double ms_rest = rest / ((faults - 1.0) * (images - 1.0));
  const double of_images = std::max(0.0, ms_image - ms_rest) / (faults * images) +
                           ms_rest / (static_cast<double>(counts.population) * images);
  const double variance = of_faults + of_images;
  const double spread = of_faults * of_faults / (faults - 1.0) + of_images * of_images / (images - 1.0);
  const double degrees = spread > 0 ? variance * variance / spread : std::min(faults, images) - 1.0;
  result.image_population = around(result.mean, variance, degrees, confidence);
  return result;
}

}  // namespace qfi
