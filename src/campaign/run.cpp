// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/run.hpp"

#include <chrono>
#include <cmath>

#include "qfi/campaign/summary.hpp"

namespace qfi {
namespace {

Look look_at(const FaultSet& set, StopMetric metric, double confidence) {
  const SetEstimates estimates = estimate(set, confidence);
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

Result<SetRun> run_sequentially(FaultSet& set, const SampleSequential& sample, double confidence,
                                const RunParams& params) {
  constexpr double k_growth = 1.1;
  SetRun run;
  const std::uint64_t most =
      std::min(sample.maximum == 0 ? set.population() : sample.maximum, set.population());
  for (;;) {
    QFI_CHECK(set.run(params));
    run.looks.push_back(look_at(set, sample.metric, confidence));
    if (run.looks.back().half_width <= sample.half_width) {
      run.stopped = "the interval is as narrow as asked";
      return run;
    }
    if (set.drawn() >= most) {
      run.stopped =
          set.drawn() >= set.population() ? "the whole population is drawn" : "the maximum is drawn";
      return run;
    }
    const std::uint64_t before = set.drawn();
    auto target = static_cast<std::uint64_t>(std::ceil(static_cast<double>(before) * k_growth));
    // Where every stratum has one fault already, more may be needed to grow any of them.
    for (; set.drawn() == before; target += set.strata().size()) {
      QFI_CHECK(set.draw(spread(set, std::min(target, most)), params.threads));
      if (target >= most && set.drawn() == before) {
        run.stopped = "the maximum is drawn";
        return run;
      }
    }
  }
}

}  // namespace

Result<CampaignRun> run_campaign(Plan& plan, const RunParams& given) {
  const auto start = std::chrono::steady_clock::now();
  CampaignRun run;
  RunParams params = given;
  for (params.set = 0; params.set < plan.sets.size(); ++params.set) {
    FaultSet* const set = plan.sets[params.set].get();
    const SampleConfig& sample = set->config().sample;
    if (const auto* sequential = std::get_if<SampleSequential>(&sample)) {
      QFI_TRY(run.sets.emplace_back(),
              run_sequentially(*set, *sequential, plan.config.interval_confidence, params));
      continue;
    }
    QFI_CHECK(set->run(params));
    const bool is_budget = std::holds_alternative<SampleBudget>(sample);
    run.sets.push_back({{}, is_budget ? "what the budget buys is run" : "the sample is run"});
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

}  // namespace qfi
