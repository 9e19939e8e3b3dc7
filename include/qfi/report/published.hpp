// SPDX-License-Identifier: Apache-2.0
// Published figures beside ours: a JSON file says what was published and which of the results says the same.
// The file and the results are not trusted.
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
  std::optional<Interval> published;  ///< one figure: both ends the same; nothing: there is none
  double value = 0;                   ///< ours; NaN: the results do not know it, as of a share of nothing
  std::optional<Interval> interval;
  bool is_percent = false;  ///< then all are shares
  std::string note;

  /// The published range and ours, or our value where it has no interval, have a figure in common. Nothing:
  /// one of them is not known.
  std::optional<bool> agrees() const;
};

struct PublishedStudy {
  std::string title;
  std::string source;
  std::vector<std::string> paragraphs;
  std::vector<ComparedFigure> figures;
};

/// The file: {"title", "source", "text": [..], "figures": [{"what", "published": x, [low, high] or null,
/// "unit":
/// "%" or "", "value": V, "note"}]}. V is a number, "FOLDER:/json/pointer" into the results.json of that
/// folder, or one of
/// {"product": [V..]}, {"ratio": [V, V]}, {"sum": [V..]}, {"rap": [drop, memory, time]}, {"p_drop": [weights,
/// width, exposure, p_single, bit error rate, drop]}. Published percentages are in points, values in shares.
/// What is divided by 0, or by what may be of either sign, is unknown. An interval is that of the one
/// estimate in V; of several there is none. Errors name the file and the place.
Result<PublishedStudy> read_published(const std::filesystem::path& file,
                                      std::span<const std::filesystem::path> results);

}  // namespace qfi
