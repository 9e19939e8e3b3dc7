// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/driver.hpp"

#include "qfi/campaign/estimates.hpp"

namespace qfi {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace

std::unique_ptr<Driver> make_driver(const SampleConfig& sample, const DriverParams& params) {
  return std::visit(
      Overloaded{
          [&](const SampleSequential& s) { return make_sequential_driver(s, params.confidence); },
          [&](const SampleErrorRate& s) { return make_error_rate_driver(s, params.confidence); },
          [&](const SampleGenetic& s) { return make_genetic_driver(s); },
          [&](const SampleBudget& s) { return make_budget_driver(s, params); },
          [&](const auto&) { return make_fixed_driver(sample); },
      },
      sample);
}

Look look_at(const FaultSet& set, StopMetric metric, double confidence, std::optional<std::size_t> stratum) {
  const SetEstimates estimates = estimate(set, confidence, stratum);
  Look look{set.drawn(), 0, 1};
  std::optional<Interval> interval;
  switch (metric) {
    case StopMetric::sdc_rate:
      look.value = estimates.sdc_rate.mean;
      interval = estimates.sdc_rate.these_images;
      break;
    case StopMetric::faulty_accuracy:
      look.value = estimates.faulty_accuracy.mean;
      interval = estimates.faulty_accuracy.these_images;
      break;
    case StopMetric::critical_fault_rate:
      look.value = estimates.critical.share;
      interval = estimates.critical.interval;
      break;
  }
  if (interval) look.half_width = (interval->high - interval->low) / 2.0;
  return look;
}

std::uint64_t grown(std::uint64_t drawn) { return drawn + (drawn + 9) / 10; }

}  // namespace qfi
