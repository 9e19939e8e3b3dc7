// SPDX-License-Identifier: Apache-2.0
// Pictures, drawn by gnuplot as SVG.
#pragma once

#include <string>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

struct Plot {
  std::string title;    ///< above the picture, in the page
  std::string caption;  ///< below it: what it shows and how sure that is
  int width = 440;
  int height = 280;
  /// gnuplot's: data blocks and settings, then one `plot`. Text from files only through plot_text().
  std::string script = {};
};

/// What gnuplot takes as a label, between double quotes: characters that mean something to it, or are not
/// ASCII, become '?'; long text is cut.
std::string plot_text(const std::string& text);

/// The SVG of each. gnuplot runs once, in a private folder, without anybody's settings. Errors: it is not
/// installed, it takes more than two minutes.
Result<std::vector<std::string>> draw_plots(const std::vector<Plot>& plots);

}  // namespace qfi
