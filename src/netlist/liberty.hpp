// SPDX-License-Identifier: Apache-2.0
// The groups of a Liberty file. The text goes in; its cells come out, with their areas, what keeps them from
// being a gate, and where they stand. What a cell computes is Yosys' to say, which passes over the latter in
// silence.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

struct LibertyCell {
  std::string name;
  std::optional<double> area;  ///< in the library's own unit
  std::string refusal;    ///< why it is no gate: it has state, a tri-state pin, a bus; empty: it may be one
  std::size_t begin = 0;  ///< its group is text[begin, end)
  std::size_t end = 0;
};

struct LibertyLibrary {
  std::vector<LibertyCell> cells;
  std::size_t begin = 0;  ///< what stands between its braces is text[begin, end)
  std::size_t end = 0;
};

/// Error: the text is no library, or its groups do not close; it names the line.
Result<LibertyLibrary> scan_liberty(std::string_view text);

/// One library of all the texts' cells that are gates, without those whose names match a pattern (* stands
/// for any characters, ? for one). Error: a pattern that matches no cell, a cell that is in two texts,
/// scan_liberty's.
Result<std::string> merged_liberty(const std::vector<std::string>& texts,
                                   const std::vector<std::string>& unused);

}  // namespace qfi
