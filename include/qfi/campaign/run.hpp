// SPDX-License-Identifier: Apache-2.0
// Plan -> CampaignOutcome: the faulty inferences.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "qfi/campaign/plan.hpp"

namespace qfi {

struct CampaignOutcome {
  std::vector<ClassificationCounts> counts;  ///< of each drawn fault, in the order of drawing
  /// Of each image: the drawn faults under which its top-1, its top-5 is right, its top-1 changes.
  std::vector<std::uint64_t> top1_of_image;
  std::vector<std::uint64_t> top5_of_image;
  std::vector<std::uint64_t> changed_of_image;
  std::uint64_t inferences = 0;  ///< really run
  double seconds = 0;
};

struct RunParams {
  unsigned threads = 1;
  /// Trials (a fault with a block of images) done, of all. Called from any thread, one at a time.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

CampaignOutcome run_plan(const Plan& plan, const RunParams& params);

/// The outcome of comparing tables with Verilator's. Belongs to run.json: it depends on what is
/// installed.
struct VerificationOutcome {
  bool is_done = false;
  std::string reason;   ///< why not
  std::string version;  ///< of Verilator
  std::uint64_t tables = 0;
  std::uint64_t products = 0;
};

/// Compares the products of `plan.config.verify` drawn faults (all, if fewer), on the whole grid.
/// Verilator missing is no error. Error: a difference.
Result<VerificationOutcome> verify_tables(const Plan& plan, const std::filesystem::path& cache);

}  // namespace qfi
