// SPDX-License-Identifier: Apache-2.0
// Owns Driver, which decides what faults of a set come next. A FaultSet goes in, whose drawn faults were run;
// more of it are drawn, or the reason comes out why no more are. A driver sees whole rounds of results in the
// order of faults only, so that every run of a campaign, a resumed one too, draws the same faults. Each kind
// of sample has one driver, in a file of its own; nobody else asks which kind a sample is.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qfi/campaign/genetic_search.hpp"
#include "qfi/fault_sets/fault_set.hpp"

namespace qfi {

/// One look of a driver at its results.
struct Look {
  std::uint64_t drawn = 0;
  double value = 0;
  double half_width = 0;  ///< half the length of the value's interval
};

/// What the size of a sample follows from.
struct SampleMarginFacts {
  double exact = 0;  ///< n before rounding, over all strata
  Rounding rounding = Rounding::up;
  double margin = 0;  ///< e
  double t = 0;
};

/// How a search chose its faults.
struct SearchFacts {
  SampleGenetic params;
  std::vector<LayerVulnerability> layers;            ///< the most vulnerable first
  std::vector<LayerSearch::Generation> generations;  ///< those that were run
};

/// What a driver says of the sample that it drew, for plans and results.
struct SampleFacts {
  std::optional<SampleMarginFacts> margin;
  std::optional<std::string> budget;  ///< the time that the config gives, as it says it
  std::optional<SearchFacts> search;  ///< its layers are empty before anything was run
};

class Driver {
 public:
  virtual ~Driver() = default;

  /// Draws the faults that a run begins with. Errors: more are asked for than there are.
  virtual Result<void> begin(FaultSet& set, unsigned threads) = 0;
  /// Called when the first trial is about to run.
  virtual void start() {}
  /// Looks at the results of all drawn faults, which were run, and draws more; or says why the sample is
  /// complete.
  virtual Result<std::optional<std::string>> next(FaultSet& set, unsigned threads) = 0;

  /// The looks so far; empty for drivers that do not decide by an interval.
  virtual std::vector<Look> looks() const { return {}; }
  /// What a later run must know to draw the same faults; the journal keeps it. nullopt where a later run need
  /// not know anything.
  virtual std::optional<std::uint64_t> note() const { return std::nullopt; }
  /// How many faults are expected to be run in all, of which each takes so many seconds.
  virtual std::uint64_t expected_faults(const FaultSet& set, double) const { return set.drawn(); }
  /// What plans and results say of the sample.
  virtual SampleFacts facts(const FaultSet&) const { return {}; }
};

struct DriverParams {
  double confidence = 0.95;           ///< confidence of the intervals that decide
  std::optional<std::uint64_t> note;  ///< what an earlier run's driver noted
  /// Since when a budget counts; nullopt: since start().
  std::optional<std::chrono::steady_clock::time_point> started = {};
};
std::unique_ptr<Driver> make_driver(const SampleConfig& sample, const DriverParams& params);

// One function for each kind of sample, in the file that holds its driver.
std::unique_ptr<Driver> make_fixed_driver(const SampleConfig& sample);
std::unique_ptr<Driver> make_sequential_driver(const SampleSequential& sample, double confidence);
std::unique_ptr<Driver> make_error_rate_driver(const SampleErrorRate& sample, double confidence);
std::unique_ptr<Driver> make_genetic_driver(const SampleGenetic& sample);
std::unique_ptr<Driver> make_budget_driver(const SampleBudget& sample, const DriverParams& params);

/// Looks at the estimate of a metric, in one stratum or, with nullopt, in all of them. The half width is 1
/// where there is no interval.
Look look_at(const FaultSet& set, StopMetric metric, double confidence,
             std::optional<std::size_t> stratum = std::nullopt);
/// How many faults a driver draws next that had `drawn`: a tenth more.
std::uint64_t grown(std::uint64_t drawn);

}  // namespace qfi
