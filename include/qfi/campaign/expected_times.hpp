// SPDX-License-Identifier: Apache-2.0
// Owns what a campaign is expected to take. A plan goes in, some of its faults are tried; seconds come out,
// part by part.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "qfi/campaign/plan.hpp"

namespace qfi {

struct ExpectedTimes {
  double planning = 0;   ///< reading model and images, golden run, drawing
  double compiling = 0;  ///< Verilator's models that the cache lacks
  double verifying = 0;  ///< comparing tables with them
  double trials = 0;
  std::vector<std::uint64_t> faults;  ///< that each set is expected to run

  double total() const { return planning + compiling + verifying + trials; }
};

struct ExpectedTimesParams {
  unsigned threads = 1;
  std::filesystem::path cache;  ///< of Verilator's models
  double planning = 0;          ///< seconds that making the plan took
};

Result<ExpectedTimes> expected_times(const Plan& plan, const ExpectedTimesParams& params);

/// The seconds of compiling and comparing that a campaign's tables are expected to take; 0 without Verilator.
Result<VerificationTimes> expected_verification(const Plan& plan, const std::filesystem::path& cache);

}  // namespace qfi
