// SPDX-License-Identifier: Apache-2.0
// Results of campaigns -> one page for people: HTML that holds its pictures and opens anywhere, offline.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "qfi/report/published.hpp"
#include "qfi/results/results_file.hpp"

namespace qfi {

/// What every page begins with.
constexpr std::string_view k_report_start = "<!DOCTYPE html>\n<!-- A report of qfi. -->\n";

/// For each campaign what was run, how sure its figures are, sensitivity and the worst faults; of several
/// also an overview; of a published study its figures beside ours first. No scripts; all text from files is
/// escaped. gnuplot draws the pictures. Errors: it is not installed. Precondition: at least one campaign.
Result<std::string> report_page(std::span<const ResultsFile> campaigns, const std::string& title,
                                const std::optional<PublishedStudy>& study = std::nullopt);

}  // namespace qfi
