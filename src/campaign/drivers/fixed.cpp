// SPDX-License-Identifier: Apache-2.0
// Samples that are known before anything runs: all faults, a margin's, a number of each stratum, a list.
#include <algorithm>

#include "qfi/campaign/driver.hpp"

namespace qfi {
namespace {

using Targets = std::vector<std::uint64_t>;  // how many faults to draw of each stratum

Result<Targets> targets_of(const SampleExhaustive&, FaultSet& set) {
  Targets targets;
  for (const Stratum& stratum : set.strata()) targets.push_back(stratum.population);
  return targets;
}

Result<Targets> targets_of(const SampleMargin& sample, FaultSet& set) {
  const bool finds_p =
      sample.scheme == SampleScheme::data_aware || sample.scheme == SampleScheme::data_aware_weights;
  Targets targets;
  for (std::size_t h = 0; h < set.strata().size(); ++h) {
    const double p = finds_p ? set.strata()[h].p : sample.p;
    const SampleSize size =
        sample_size(set.strata()[h].population, sample.margin, sample.t, p, sample.rounding);
    set.set_size(h, p, size);
    targets.push_back(size.rounded);
  }
  return targets;
}

Result<Targets> targets_of(const SampleCount& sample, FaultSet& set) {
  Targets targets;
  for (const Stratum& stratum : set.strata()) {
    const bool are_enough = stratum.is_drawn_with_replacement || sample.count <= stratum.population;
    if (!are_enough && sample.small == SmallStrata::error)
      return bad_input("sample: {} faults asked for, the population has {}{}", sample.count,
                       stratum.population,
                       set.strata().size() > 1
                           ? fmt::format(" in the stratum '{}'; 'small: exhaustive' takes all of such strata",
                                         stratum.label)
                           : "");
    targets.push_back(are_enough ? sample.count : stratum.population);
  }
  return targets;
}

Result<Targets> targets_of(const SampleList&, FaultSet& set) { return Targets{set.drawn()}; }

template <class Other>
Result<Targets> targets_of(const Other&, FaultSet&) {
  return failed("internal error: this sample has a driver of its own");
}

class FixedDriver final : public Driver {
 public:
  explicit FixedDriver(SampleConfig sample) : m_sample(std::move(sample)) {}

  Result<void> begin(FaultSet& set, unsigned threads) override {
    QFI_TRY(const Targets targets,
            std::visit([&](const auto& sample) { return targets_of(sample, set); }, m_sample));
    return set.draw(targets, threads);
  }

  Result<std::optional<std::string>> next(FaultSet&, unsigned) override { return "the sample is run"; }

  SampleFacts facts(const FaultSet& set) const override {
    SampleFacts facts;
    if (const auto* margin = std::get_if<SampleMargin>(&m_sample)) {
      facts.margin = {0, margin->rounding, margin->margin, margin->t};
      for (const Stratum& stratum : set.strata()) facts.margin->exact += stratum.size->exact;
    }
    return facts;
  }

 private:
  SampleConfig m_sample;
};

}  // namespace

std::unique_ptr<Driver> make_fixed_driver(const SampleConfig& sample) {
  return std::make_unique<FixedDriver>(sample);
}

}  // namespace qfi
