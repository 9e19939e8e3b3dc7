// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

struct ProcessOutcome {
  int exit_code = 0;   ///< 128 + signal where a signal ended it
  std::string output;  ///< stdout and stderr together, the last 64 KiB
};

/// Runs a program found on PATH with the given arguments (no shell) in `folder` and waits for it.
/// Errors: program not found, cannot start, longer than `limit` (it and its children are killed).
Result<ProcessOutcome> run_process(const std::vector<std::string>& command,
                                   const std::filesystem::path& folder, std::chrono::seconds limit);

}  // namespace qfi
