// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/fault_set.hpp"

#include <algorithm>
#include <cmath>

namespace qfi {
namespace {

// Faults to draw of each stratum. Some samples are decided by what is drawn first.
class Targets {
 public:
  Targets(FaultSet& set, std::vector<Stratum>& strata, unsigned threads)
      : m_set(set), m_strata(strata), m_threads(threads) {}

  Result<std::vector<std::uint64_t>> operator()(const SampleExhaustive&) {
    return each([](Stratum& stratum) -> Result<std::uint64_t> { return stratum.population; });
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleMargin& sample) {
    const bool finds_p =
        sample.scheme == SampleScheme::data_aware || sample.scheme == SampleScheme::data_aware_weights;
    return each([&](Stratum& stratum) -> Result<std::uint64_t> {
      if (!finds_p) stratum.p = sample.p;
      stratum.size = sample_size(stratum.population, sample.margin, sample.t, stratum.p, sample.rounding);
      return stratum.size->rounded;
    });
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleCount& sample) {
    return each([&](Stratum& stratum) -> Result<std::uint64_t> {
      if (sample.count > stratum.population && sample.small == SmallStrata::error)
        return bad_input(
            "sample: {} faults asked for, the population has {}{}", sample.count, stratum.population,
            m_strata.size() > 1
                ? fmt::format(" in the stratum '{}'; 'small: exhaustive' takes all of such strata",
                              stratum.label)
                : "");
      return std::min(sample.count, stratum.population);
    });
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleList&) {
    return std::vector<std::uint64_t>{m_set.drawn()};
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleErrorRate& sample) {
    return each([&](Stratum&) -> Result<std::uint64_t> { return sample.draws; });
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleSequential& sample) {
    return spread(m_set, sample.minimum);
  }
  // Some faults are drawn to be measured: a longer draw begins with them.
  Result<std::vector<std::uint64_t>> operator()(const SampleBudget& sample) {
    constexpr std::uint64_t k_measured = 200;
    QFI_CHECK(m_set.draw(spread(m_set, k_measured), m_threads));
    QFI_TRY(const double seconds, m_set.expected_seconds_per_fault());
    const double bought = sample.seconds * m_threads / std::max(seconds, 1e-9);
    const auto population = static_cast<double>(m_set.population());
    return spread(m_set, static_cast<std::uint64_t>(std::clamp(bought, 2.0, population)));
  }

 private:
  template <class Use>
  Result<std::vector<std::uint64_t>> each(const Use& use) {
    std::vector<std::uint64_t> targets;
    for (Stratum& stratum : m_strata) {
      QFI_TRY(targets.emplace_back(), use(stratum));
    }
    return targets;
  }

  FaultSet& m_set;
  std::vector<Stratum>& m_strata;
  unsigned m_threads;
};

}  // namespace

Result<void> FaultSet::draw_sample(unsigned threads) {
  QFI_TRY(const std::vector<std::uint64_t> targets,
          std::visit(Targets(*this, m_strata, threads), m_config.sample));
  return draw(targets, threads);
}

SampleScheme scheme_of(const SampleConfig& sample) {
  return std::visit(
      [](const auto& chosen) {
        if constexpr (requires { chosen.scheme; }) return chosen.scheme;
        else return SampleScheme::network;
      },
      sample);
}

std::vector<std::uint64_t> spread(const FaultSet& set, std::uint64_t total) {
  const auto population = static_cast<double>(set.population());
  std::vector<std::uint64_t> targets;
  for (const Stratum& stratum : set.strata()) {
    const double share = static_cast<double>(stratum.population) / population;
    const auto target = static_cast<std::uint64_t>(std::llround(share * static_cast<double>(total)));
    targets.push_back(std::clamp<std::uint64_t>(target, 1, stratum.population));
  }
  return targets;
}

std::uint64_t FaultSet::population() const {
  std::uint64_t sum = 0;
  for (const Stratum& stratum : m_strata) sum += stratum.population;
  return sum;
}

void FaultSet::add_image(std::size_t fault, std::size_t image, const ImageEvents& events) {
  Stratum& stratum = m_strata[m_stratum_of[fault]];
  stratum.changed[image] += events.changed;
  stratum.correct[image] += events.correct;
  stratum.top5[image] += events.top5;
}

}  // namespace qfi
