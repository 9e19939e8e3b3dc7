// SPDX-License-Identifier: Apache-2.0
// Other programs: a command and its folder go in, its exit code and what it printed come out.
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
/// `variables` are NAME=VALUE and stand in place of what the environment says. Errors: program not found,
/// cannot start, longer than `limit`, or of kind `stopped` (see stop.hpp): then it and all that it started
/// are killed, and are gone when this returns. The program is killed when this one is; programs that it
/// started itself end by themselves.
Result<ProcessOutcome> run_process(const std::vector<std::string>& command,
                                   const std::filesystem::path& folder, std::chrono::seconds limit,
                                   const std::vector<std::string>& variables = {});

/// Makes the folder that a program runs in its folder of temporary files: some put that folder's name into
/// commands of theirs.
inline const std::vector<std::string> k_temporary_files_here = {"TMPDIR=."};

}  // namespace qfi
