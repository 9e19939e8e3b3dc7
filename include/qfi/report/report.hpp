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

/// A source of a multiplier's netlist, by its name without folders.
struct RtlFile {
  std::string name;
  std::string text;
};

/// The page shows for each campaign what was run, how sure its figures are, sensitivity and the worst faults.
/// Several campaigns have an overview too; of a published study the figures beside ours come first; the text
/// of `rtl` stands beside the sensitivity of its lines. No scripts; all text from files is escaped. gnuplot
/// draws the pictures. Errors: gnuplot is not installed, a file of `rtl` from which no fault comes.
/// Precondition: at least one campaign.
Result<std::string> report_page(std::span<const ResultsFile> campaigns, const std::string& title,
                                const std::optional<PublishedStudy>& study = std::nullopt,
                                std::span<const RtlFile> rtl = {});

}  // namespace qfi
