// SPDX-License-Identifier: Apache-2.0
// Owns the structure of Liberty files. The text goes in; its cells come out: their areas, where they stand in
// the text, and why some are no gates. Yosys reads what the gates compute; of the others it would take some
// for gates.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

struct LibertyCell {
  std::string name;
  std::optional<double> area;  ///< in the library's own unit
  std::string refusal;  ///< why it is no gate: it has state, a tri-state pin, a bus; empty: it may be one
  bool is_dont_use = false;  ///< the library asks not to map to it
  std::size_t begin = 0;     ///< its group is text[begin, end)
  std::size_t end = 0;
};

struct LibertyLibrary {
  std::vector<LibertyCell> cells;
  std::size_t begin = 0;  ///< what stands between its braces is text[begin, end)
  std::size_t end = 0;
};

/// Cells are refused, too, whose names or pins' names are not letters, digits and underscores, or are names
/// of qfi's own cells. Error: the text is no library, or its groups do not close; it names the line.
Result<LibertyLibrary> scan_liberty(std::string_view text);

/// What stands between the library's braces, without its refused cells and those that `is_left_out` takes.
std::string without_cells(std::string_view text, const LibertyLibrary& library,
                          const std::function<bool(const LibertyCell&)>& is_left_out);

struct LibertyFile {
  std::string name;  ///< for errors
  std::string text;
};
/// One library of all the files' cells to which RTL may be mapped: without those whose names match a pattern
/// (* stands for any characters, ? for one). Error: a pattern that matches no cell, a cell that is in two
/// files, scan_liberty's; they name the file.
Result<std::string> merged_liberty(const std::vector<LibertyFile>& files,
                                   const std::vector<std::string>& unused);

}  // namespace qfi
