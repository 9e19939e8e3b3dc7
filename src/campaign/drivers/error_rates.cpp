// SPDX-License-Identifier: Apache-2.0
// Draws at bit error rates: a fixed number for each rate, or more of each rate until its interval is narrow
// enough.
#include <algorithm>

#include "qfi/campaign/driver.hpp"

namespace qfi {
namespace {

class ErrorRateDriver final : public Driver {
 public:
  ErrorRateDriver(SampleErrorRate sample, double confidence)
      : m_sample(std::move(sample)), m_confidence(confidence) {}

  Result<void> begin(FaultSet& set, unsigned threads) override {
    return set.draw(std::vector<std::uint64_t>(set.strata().size(), m_sample.draws), threads);
  }

  Result<std::optional<std::string>> next(FaultSet& set, unsigned threads) override {
    if (!m_sample.until) return "the sample is run";
    std::vector<std::uint64_t> targets;
    bool is_narrow = true;
    bool grows = false;
    for (std::size_t h = 0; h < set.strata().size(); ++h) {
      const std::uint64_t drawn = set.strata()[h].drawn;
      targets.push_back(drawn);
      if (look_at(set, m_sample.until->metric, m_confidence, h).half_width <= m_sample.until->half_width)
        continue;
      is_narrow = false;
      targets.back() = std::min(grown(drawn), m_sample.until->maximum);
      grows = grows || targets.back() > drawn;
    }
    if (!grows)
      return is_narrow ? "the interval of every rate is as narrow as asked"
                       : "the interval of every rate is as narrow as asked, or its maximum is drawn";
    QFI_CHECK(set.draw(targets, threads));
    return std::nullopt;
  }

 private:
  SampleErrorRate m_sample;
  double m_confidence;
};

}  // namespace

std::unique_ptr<Driver> make_error_rate_driver(const SampleErrorRate& sample, double confidence) {
  return std::make_unique<ErrorRateDriver>(sample, confidence);
}

}  // namespace qfi
