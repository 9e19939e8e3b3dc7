// SPDX-License-Identifier: Apache-2.0
// As many faults as can be run in a given time, by what some of them are measured to take.
#include <algorithm>

#include "qfi/campaign/driver.hpp"

namespace qfi {
namespace {

class BudgetDriver final : public Driver {
 public:
  BudgetDriver(SampleBudget sample, std::optional<std::uint64_t> bought)
      : m_sample(std::move(sample)), m_bought(bought) {}

  // Some faults are drawn to be measured: a longer draw begins with them.
  Result<void> begin(FaultSet& set, unsigned threads) override {
    constexpr std::uint64_t k_measured = 200;
    QFI_CHECK(set.draw(spread(set, k_measured), threads));
    if (!m_bought) {
      QFI_TRY(const double seconds, set.expected_seconds_per_fault());
      const double bought = m_sample.seconds * threads / std::max(seconds, 1e-9);
      m_bought = static_cast<std::uint64_t>(std::clamp(bought, 2.0, static_cast<double>(set.population())));
    }
    return set.draw(spread(set, *m_bought), threads);
  }

  Result<std::optional<std::string>> next(FaultSet&, unsigned) override {
    return "what the budget buys is run";
  }

  std::optional<std::uint64_t> note() const override { return m_bought; }

  SampleFacts facts(const FaultSet&) const override {
    SampleFacts facts;
    facts.budget = m_sample.text;
    return facts;
  }

 private:
  SampleBudget m_sample;
  std::optional<std::uint64_t> m_bought;  ///< known from an earlier run, or measured by begin()
};

}  // namespace

std::unique_ptr<Driver> make_budget_driver(const SampleBudget& sample, std::optional<std::uint64_t> bought) {
  return std::make_unique<BudgetDriver>(sample, bought);
}

}  // namespace qfi
