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

/// What the published range says beside ours.
enum class Agreement : std::uint8_t {
  agrees,   ///< they have a figure in common
  differs,  ///< they have none
  /// They have, but our interval is wider than the published figure's own scale: the figure, or of a share
  /// near 1 what is missing to it, or the range if that is wider.
  too_wide,
  not_run,  ///< the results have no counterpart
  unknown   ///< nothing was published, or the results do not know the figure
};

struct ComparedFigure {
  std::string what;
  std::optional<Interval> published;  ///< both ends are the same for one figure; nullopt where there is none
  double value = 0;  ///< ours; NaN where the results do not know it, as for a share of no trials
  std::optional<Interval> interval;
  bool is_percent = false;  ///< whether all figures are shares
  bool is_run = true;
  std::string note;

  /// This compares our interval, or our value where it has none.
  Agreement agreement() const;
};

struct PublishedStudy {
  std::string title;
  std::string source;
  std::vector<std::string> paragraphs;
  std::vector<ComparedFigure> figures;
};

/// Reads the file: {"title", "source", "text": [..], "figures": [{"what", "published": x, [low, high] or
/// null, "unit": "%" or "", "value": V, "note"}]}. V is null where nothing was run, a number,
/// "FOLDER:/json/pointer" into the results.json of that folder, or one of {"product": [V..]}, {"ratio": [V,
/// V]}, {"sum": [V..]}, {"rap": [drop, memory, time]}, {"p_drop": [weights, width, exposure, p_single, bit
/// error rate, drop]}. Published percentages are in points, values in shares. What is divided by 0, or by
/// what may be of either sign, is unknown. The interval is that of the one estimate in V; a value of several
/// estimates has none. What names a folder whose results are not given was not run, and a warning says so.
/// Errors name the file and the place; that nothing of the file was run is one.
Result<PublishedStudy> read_published(const std::filesystem::path& file,
                                      std::span<const std::filesystem::path> results);

}  // namespace qfi
