// SPDX-License-Identifier: Apache-2.0
// As many faults as a given time runs, by the clock: rounds that double while there is time for them, then a
// last one that fits. What is drawn follows from the number of faults alone, which the journal keeps.
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
    constexpr std::uint64_t k_first = 16;
    return set.draw(spread(set, k_first), threads);
  }

  void start() override {
    m_round = Clock::now();
    if (!m_started) m_started = m_round;
  }

  Result<std::optional<std::string>> next(FaultSet& set, unsigned threads) override {
    const std::uint64_t before = set.drawn();
    const std::uint64_t target = m_known ? *m_known : affordable(set);
    if (target > before) {
      m_round_drawn = before;
      m_round = Clock::now();
      QFI_CHECK(set.draw(spread(set, std::min(target, doubled(set))), threads));
      m_is_last = m_is_last || set.drawn() < doubled_from(before);
    }
    m_drawn = set.drawn();
    if (set.drawn() > before) return std::nullopt;
    return set.drawn() >= set.population() ? "the whole population is drawn"
                                           : "the time of the budget is over";
  }

  std::optional<std::uint64_t> note() const override { return m_known ? m_known : m_drawn; }

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
  static std::uint64_t doubled_from(std::uint64_t drawn) { return 2 * drawn; }
  static std::uint64_t doubled(const FaultSet& set) {
    return std::min(doubled_from(set.drawn()), set.population());
  }

  // The faults up to which the next round may go: twice as many, if what the last round took says that there
  // is time for them, else what nine tenths of the time that is left run, once.
  std::uint64_t affordable(const FaultSet& set) const {
    constexpr double k_share = 0.9;
    const double left = k_share * (m_sample.seconds - seconds_since(*m_started));
    if (m_is_last || left <= 0) return set.drawn();
    const double of_fault = seconds_since(m_round) / static_cast<double>(set.drawn() - m_round_drawn);
    const double more = std::floor(left / std::max(of_fault, 1e-9));
    const double most = static_cast<double>(doubled(set) - set.drawn());
    return set.drawn() + static_cast<std::uint64_t>(std::min(more, most));
  }

  SampleBudget m_sample;
  std::optional<std::uint64_t> m_known;  ///< what an earlier run drew
  std::optional<std::uint64_t> m_drawn;
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
