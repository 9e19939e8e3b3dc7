// SPDX-License-Identifier: Apache-2.0
// The driver that runs as many faults as a given time allows. It draws in rounds that double while there is
// time for them, by the clock, and then in a last one that fits. What is drawn follows from the number of
// faults alone, which the journal keeps.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "qfi/campaign/driver.hpp"

namespace qfi {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class BudgetDriver final : public Driver {
 public:
  BudgetDriver(SampleBudget sample, const DriverParams& params)
      : m_sample(std::move(sample)), m_known(params.note), m_started(params.started) {}

  Result<void> begin(FaultSet& set, unsigned threads) override {
    m_target = std::min<std::uint64_t>(k_first, most_of(set));
    return set.draw(spread(set, m_target), threads);
  }

  void start() override {
    m_round = Clock::now();
    if (!m_started) m_started = m_round;
  }

  Result<std::optional<std::string>> next(FaultSet& set, unsigned threads) override {
    const std::uint64_t doubled = std::min(2 * m_target, most_of(set));
    const std::uint64_t target = std::min(m_known ? *m_known : affordable(set, doubled), doubled);
    if (target > m_target) {
      m_is_last = target < doubled;
      m_target = target;
      m_round_drawn = set.drawn();
      m_round = Clock::now();
      QFI_CHECK(set.draw(spread(set, target), threads));
      return std::nullopt;
    }
    if (set.drawn() >= set.population()) return "the whole population is drawn";
    return m_target >= most_of(set) ? "as many faults as a set may hold are drawn"
                                    : "the time of the budget is over";
  }

  std::optional<std::uint64_t> note() const override { return m_known ? *m_known : m_target; }

  std::uint64_t expected_faults(const FaultSet& set, double seconds_per_fault) const override {
    const double left = m_sample.seconds - (m_started ? seconds_since(*m_started) : 0.0);
    const double bought = left / std::max(seconds_per_fault, 1e-9);
    return static_cast<std::uint64_t>(
        std::clamp(bought, static_cast<double>(set.drawn()), static_cast<double>(set.population())));
  }

  SampleFacts facts(const FaultSet&) const override {
    SampleFacts facts;
    facts.budget = m_sample.text;
    return facts;
  }

 private:
  static constexpr std::uint64_t k_first = 16;

  // The largest target: the population, or what a set may hold of faults and of flips.
  static std::uint64_t most_of(const FaultSet& set) {
    const auto* bits = std::get_if<BitFaultConfig>(&set.config().model);
    const std::uint64_t images = set.is_paired() ? set.workload().images() : 1;
    const std::uint64_t flips = bits == nullptr ? 1 : bits->simultaneous;
    return std::max<std::uint64_t>(
        1, std::min({set.population(), k_most_faults / images, k_most_flips / images / flips}));
  }

  // The target of the next round: twice the last one, if what the last round took says that there is time for
  // it, else what nine tenths of the time that is left run, once.
  std::uint64_t affordable(const FaultSet& set, std::uint64_t doubled) const {
    constexpr double k_share = 0.9;
    const double left = k_share * (m_sample.seconds - seconds_since(*m_started));
    if (m_is_last || left <= 0) return m_target;
    const auto drawn = static_cast<double>(std::max<std::uint64_t>(set.drawn() - m_round_drawn, 1));
    const double more = std::floor(left * drawn / std::max(seconds_since(m_round), 1e-9));
    return m_target + static_cast<std::uint64_t>(std::min(more, static_cast<double>(doubled - m_target)));
  }

  SampleBudget m_sample;
  std::optional<std::uint64_t> m_known;  ///< the last target of an earlier run
  std::uint64_t m_target = 0;            ///< faults; with more strata than that, each has one
  std::optional<Clock::time_point> m_started;
  Clock::time_point m_round;  ///< when the last round began
  std::uint64_t m_round_drawn = 0;
  bool m_is_last = false;  ///< the round at hand was cut to the time
};

}  // namespace

std::unique_ptr<Driver> make_budget_driver(const SampleBudget& sample, const DriverParams& params) {
  return std::make_unique<BudgetDriver>(sample, params);
}

}  // namespace qfi
