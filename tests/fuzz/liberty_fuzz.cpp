// SPDX-License-Identifier: Apache-2.0
// Liberty files: their cells, and one library of those that may be used.
#include "fuzz.hpp"
#include "netlist/liberty.hpp"

namespace qfi::fuzz {

void run(std::string_view input) {
  const auto library = scan_liberty(input);
  if (!library) return;
  std::size_t end = library->begin;
  for (const LibertyCell& cell : library->cells) {
    require(cell.begin >= end && cell.end > cell.begin && cell.end <= library->end,
            "cells stand one after the other");
    end = cell.end;
  }
  const auto merged = merged_liberty({{"fuzz", std::string(input)}}, {});
  if (!merged) return;  // two cells of one name
  const auto again = scan_liberty(*merged);
  require(again.has_value(), "a merged library is a library");
  for (const LibertyCell& cell : again->cells) require(cell.refusal.empty(), "it has gates alone");
}

}  // namespace qfi::fuzz
