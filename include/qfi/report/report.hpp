// SPDX-License-Identifier: Apache-2.0
// Owns the page that shows campaigns to people. Results go in; HTML comes out that holds its pictures and
// opens anywhere, offline.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "qfi/report/published.hpp"
#include "qfi/results/results_file.hpp"

namespace qfi {

/// The first bytes of every page.
constexpr std::string_view k_report_start = "<!DOCTYPE html>\n<!-- A report of qfi. -->\n";

/// The page shows for each campaign what was run, how sure its figures are, sensitivity and the worst faults.
/// Several campaigns have an overview too; of a published study the figures beside ours come first. No
/// scripts; all text from files is escaped. gnuplot draws the pictures. Error: gnuplot is not installed.
/// Precondition: at least one campaign.
Result<std::string> report_page(std::span<const ResultsFile> campaigns, const std::string& title,
                                const std::optional<PublishedStudy>& study = std::nullopt);

}  // namespace qfi
