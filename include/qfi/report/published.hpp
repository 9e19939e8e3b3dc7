// SPDX-License-Identifier: Apache-2.0
// Owns published figures beside ours. A JSON file that says what was published, and which of the results says
// the same, goes in with the results; the figures to compare come out. Neither file is trusted.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

struct ComparedFigure {
  std::string what;
  std::optional<Interval> published;  ///< both ends are the same for one figure; nullopt where there is none
  double value = 0;  ///< ours; NaN where the results do not know it, as for a share of no trials
  std::optional<Interval> interval;
  bool is_percent = false;  ///< whether all figures are shares
  std::string note;

  /// Whether the published range and ours, or our value where it has no interval, have a figure in common;
  /// nullopt where one of them is not known.
  std::optional<bool> agrees() const;
};

struct PublishedStudy {
  std::string title;
  std::string source;
  std::vector<std::string> paragraphs;
  std::vector<ComparedFigure> figures;
};

/// Reads the file: {"title", "source", "text": [..], "figures": [{"what", "published": x, [low, high] or
/// null, "unit": "%" or "", "value": V, "note"}]}. V is a number, "FOLDER:/json/pointer" into the
/// results.json of that folder, or one of {"product": [V..]}, {"ratio": [V, V]}, {"sum": [V..]}, {"rap":
/// [drop, memory, time]}, {"p_drop": [weights, width, exposure, p_single, bit error rate, drop]}. Published
/// percentages are in points, values in shares. What is divided by 0, or by what may be of either sign, is
/// unknown. The interval is that of the one estimate in V; a value of several estimates has none. Errors name
/// the file and the place.
Result<PublishedStudy> read_published(const std::filesystem::path& file,
                                      std::span<const std::filesystem::path> results);

}  // namespace qfi
