// SPDX-License-Identifier: Apache-2.0
// Plan and CampaignOutcome -> Summary, the figures that people read; and the two result files.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "qfi/campaign/run.hpp"
#include "qfi/campaign/statistics.hpp"

namespace qfi {

/// A count among the drawn faults, its share, and an interval where the draw was random.
struct FaultShare {
  std::uint64_t faults = 0;
  double share = 0;
  std::optional<Interval> interval;
};

struct Summary {
  std::uint64_t drawn = 0;
  std::uint64_t population = 0;
  std::uint64_t distinct_tables = 0;  ///< faults that were run
  bool is_random_sample = true;       ///< false: a fault list, no statement about the population
  double golden_top1 = 0;
  double golden_top5 = 0;
  CrossedMean faulty_top1;
  CrossedMean faulty_top5;
  CrossedMean sdc_rate;  ///< share of (fault, image) pairs whose top-1 changes
  FaultShare harmless;   ///< lose at most 1 point of top-1
  FaultShare between;
  FaultShare collapsed;  ///< top-1 at most twice chance
  FaultShare critical;   ///< change the top-1 of at least one image
  FaultShare table_masked;
  FaultShare use_masked;
  FaultShare output_identical;                ///< every output of every image is the golden one
  std::array<std::uint64_t, 20> histogram{};  ///< faults by faulty top-1, 5 points each, 100 % in the last
};

Summary summarize(const Plan& plan, const CampaignOutcome& outcome);

/// harmless, between or collapsed.
std::string harm_class(const Plan& plan, const ClassificationCounts& counts);

struct ToolInfo {
  std::string version;
  std::string git;  ///< commit the program was built from
};

/// results.json: nothing in it depends on the machine, the threads or the time.
std::string results_json(const Plan& plan, const CampaignOutcome& outcome, const ToolInfo& tool);

/// What depends on them.
struct RunInfo {
  unsigned threads = 1;
  std::string started;  ///< ISO 8601, UTC
  double plan_seconds = 0;
};
std::string run_json(const Plan& plan, const CampaignOutcome& outcome,
                     const VerificationOutcome& verification, const ToolInfo& tool, const RunInfo& run);

/// What `qfi plan` says: population, n, tables, images, expected time.
std::string plan_json(const Plan& plan, unsigned threads);

/// Of running the plan's trials on that many threads, from the one that was measured.
double expected_seconds(const Plan& plan, unsigned threads);

}  // namespace qfi
