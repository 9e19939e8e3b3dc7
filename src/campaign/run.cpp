// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/run.hpp"

#include <chrono>
#include <cmath>

#include "qfi/campaign/estimates.hpp"

namespace qfi {
namespace {

// `stratum`: of that one alone.
Look look_at(const FaultSet& set, StopMetric metric, double confidence,
             std::optional<std::size_t> stratum = std::nullopt) {
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

// A tenth more.
std::uint64_t grown(std::uint64_t drawn) { return drawn + (drawn + 9) / 10; }

Result<SetRun> run_sequentially(FaultSet& set, const SampleSequential& sample, double confidence,
                                const RunParams& params) {
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
    auto target = grown(before);
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

// Every rate by itself.
Result<SetRun> run_error_rates(FaultSet& set, const SampleSequential& until, double confidence,
                               const RunParams& params) {
  for (;;) {
    QFI_CHECK(set.run(params));
    std::vector<std::uint64_t> targets;
    bool is_narrow = true;
    bool grows = false;
    for (std::size_t h = 0; h < set.strata().size(); ++h) {
      const std::uint64_t drawn = set.strata()[h].drawn;
      targets.push_back(drawn);
      if (look_at(set, until.metric, confidence, h).half_width <= until.half_width) continue;
      is_narrow = false;
      targets.back() = std::min(grown(drawn), until.maximum);
      grows = grows || targets.back() > drawn;
    }
    if (!grows)
      return SetRun{{},
                    is_narrow ? "the interval of every rate is as narrow as asked"
                              : "the interval of every rate is as narrow as asked, or its maximum is drawn"};
    QFI_CHECK(set.draw(targets, params.threads));
  }
}

// Generation by generation; each is a function of those before.
Result<SetRun> run_search(BitSet& set, const SampleGenetic& sample, const RunParams& params) {
  LayerSearch search(set.layer_bits(), sample);
  for (std::uint64_t generation = 1;; ++generation) {
    QFI_CHECK(set.run(params));
    search.add(set.individuals(set.drawn() - sample.population));
    if (search.is_settled()) return SetRun{{}, "the order of the layers no longer changes"};
    if (generation == sample.generations) return SetRun{{}, "all generations are run"};
    QFI_CHECK(set.draw({set.drawn() + sample.population}, params.threads));
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
    if (const auto* search = std::get_if<SampleGenetic>(&sample)) {
      QFI_TRY(run.sets.emplace_back(), run_search(dynamic_cast<BitSet&>(*set), *search, params));
      continue;
    }
    if (const auto* rates = std::get_if<SampleErrorRate>(&sample); rates != nullptr && rates->until) {
      QFI_TRY(run.sets.emplace_back(),
              run_error_rates(*set, *rates->until, plan.config.interval_confidence, params));
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
