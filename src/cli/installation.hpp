// SPDX-License-Identifier: Apache-2.0
// What this machine offers the program: other programs, CPU, disks. Nothing goes in but the cache's folder;
// names and findings come out.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi::cli {

/// A name and what was found of it, in one line each. Error: somebody stopped it.
using Findings = std::vector<std::pair<std::string, std::string>>;
Result<Findings> look_at_installation(const std::filesystem::path& cache);

}  // namespace qfi::cli
