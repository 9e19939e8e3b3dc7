// SPDX-License-Identifier: Apache-2.0
#include "qfi/config/config.hpp"

namespace qfi {
namespace {

SampleTraits of_scheme(SampleScheme scheme) {
  SampleTraits traits;
  traits.scheme = scheme;
  return traits;
}

}  // namespace

SampleTraits SampleExhaustive::traits() const {
  SampleTraits traits;
  traits.is_exhaustive = true;
  return traits;
}

SampleTraits SampleMargin::traits() const { return of_scheme(scheme); }

SampleTraits SampleCount::traits() const { return of_scheme(scheme); }

SampleTraits SampleList::traits() const {
  SampleTraits traits;
  traits.is_random = false;
  traits.list = file;
  return traits;
}

SampleTraits SampleSequential::traits() const {
  SampleTraits traits = of_scheme(scheme);
  traits.is_decided_while_it_runs = true;
  traits.watches_accuracy = metric == StopMetric::faulty_accuracy;
  traits.watches_single_faults = metric == StopMetric::critical_fault_rate;
  return traits;
}

SampleTraits SampleErrorRate::traits() const {
  SampleTraits traits;
  traits.is_decided_while_it_runs = until.has_value();
  if (until) {
    traits.watches_accuracy = until->metric == StopMetric::faulty_accuracy;
    traits.watches_single_faults = until->metric == StopMetric::critical_fault_rate;
  }
  traits.error_rates = rates;
  traits.error_draw = how;
  return traits;
}

SampleTraits SampleBudget::traits() const {
  SampleTraits traits = of_scheme(scheme);
  traits.is_decided_while_it_runs = true;
  return traits;
}

SampleTraits SampleGenetic::traits() const {
  SampleTraits traits;
  traits.is_random = false;
  traits.is_search = true;
  traits.watches_accuracy = true;
  traits.is_decided_while_it_runs = true;
  return traits;
}

SampleTraits traits_of(const SampleConfig& sample) {
  return std::visit([](const auto& chosen) { return chosen.traits(); }, sample);
}

}  // namespace qfi
