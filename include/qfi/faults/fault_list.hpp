// SPDX-License-Identifier: Apache-2.0
// Lists of a netlist's faults: our own CSV, and the texts of test pattern generators. A file and a netlist go
// in and faults come out, or faults go in and a text comes out.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/faults/stuck_at.hpp"

namespace qfi {

/// A fault as a list names it.
struct ListedFault {
  NetlistFault fault;
  /// A test pattern generator's list calls the place so; a CSV has no such name.
  std::string name;
  /// The list's class, where an equivalent fault has that of the one it is equivalent to; may be empty.
  std::string fault_class;
};

/// The faults of a file, in its order. A CSV has the header `site,stuck_at`, or `fault` with texts as
/// parse_fault takes them. Any other file is a test pattern generator's list: a line has `sa0`, `sa1`, `0` or
/// `1`, a class, which may be missing (`DS`, `NC`; `--` and `EQ`: equivalent to the fault above), and
/// `/instance/pin` or a port. What follows is a comment, as is a line that begins with `//` or `#`. Errors
/// name file and line: anything else, an unknown site, no fault, more than 2,000,000 faults. Of such a list
/// every unknown site is logged, the first ones with the most similar name.
Result<std::vector<ListedFault>> read_fault_list(const std::filesystem::path& path, const Netlist& netlist);

/// How lists write what a site is stuck at: `sa0` (TetraMAX) or `0` (FlexTest, Tessent).
enum class FaultListForm : std::uint8_t { sa0, zero };

/// One line of a list. Error: the place has a blank or another sign that such a list cannot hold.
Result<std::string> fault_list_line(FaultListForm form, bool value, std::string_view fault_class,
                                    std::string_view place, std::string_view comment = {});

/// What a list calls a pin of a cell `u1.g3`: `/u1/g3/pin`. A net is called by the pin that drives it, or is
/// a port.
std::string place_in_list(std::string cell, std::string_view pin);

/// How the first line of all_faults_list() begins.
inline constexpr const char* k_fault_list_start = "// qfi: ";
/// All stuck-at faults of the sites: each class of equivalent faults begins with its prime fault, of class NC
/// (not controlled: nothing was tried yet), and the others follow as `--`, unless only prime faults are asked
/// for.
Result<std::string> all_faults_list(const Netlist& netlist, SiteKind kind, FaultListForm form,
                                    bool only_prime);

}  // namespace qfi
