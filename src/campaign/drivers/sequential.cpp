// SPDX-License-Identifier: Apache-2.0
// Draws a tenth more after each look, until half the interval of a metric is at most as wide as asked, or
// nothing is left to draw.
#include <algorithm>

#include "qfi/campaign/driver.hpp"

namespace qfi {
namespace {

class SequentialDriver final : public Driver {
 public:
  SequentialDriver(const SampleSequential& sample, double confidence)
      : m_sample(sample), m_confidence(confidence) {}

  Result<void> begin(FaultSet& set, unsigned threads) override {
    if (m_sample.maximum != 0 && m_sample.maximum < set.strata().size())
      return bad_input("sample: a maximum of {} faults, fewer than the {} strata", m_sample.maximum,
                       set.strata().size());
    return set.draw(spread(set, m_sample.minimum), threads);
  }

  Result<std::optional<std::string>> next(FaultSet& set, unsigned threads) override {
    m_looks.push_back(look_at(set, m_sample.metric, m_confidence));
    if (m_looks.back().half_width <= m_sample.half_width) return "the interval is as narrow as asked";
    const std::uint64_t most =
        std::min(m_sample.maximum == 0 ? set.population() : m_sample.maximum, set.population());
    if (set.drawn() >= most)
      return set.drawn() >= set.population() ? "the whole population is drawn" : "the maximum is drawn";
    const std::uint64_t before = set.drawn();
    // Where every stratum has one fault already, more may be needed to grow any of them.
    for (std::uint64_t target = grown(before); set.drawn() == before; target += set.strata().size()) {
      QFI_CHECK(set.draw(spread(set, std::min(target, most)), threads));
      if (target >= most && set.drawn() == before) return "the maximum is drawn";
    }
    return std::nullopt;
  }

  std::vector<Look> looks() const override { return m_looks; }

 private:
  SampleSequential m_sample;
  double m_confidence;
  std::vector<Look> m_looks;
};

}  // namespace

std::unique_ptr<Driver> make_sequential_driver(const SampleSequential& sample, double confidence) {
  return std::make_unique<SequentialDriver>(sample, confidence);
}

}  // namespace qfi
