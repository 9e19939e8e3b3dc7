// SPDX-License-Identifier: Apache-2.0
// Stuck-at faults. A netlist goes in; the sites that can be stuck come out, numbered, and the faults that
// names, texts or list files mean.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/netlist/netlist.hpp"

namespace qfi {

/// What counts as a fault site. `nets`: every net that something reads, operand bits included.
/// `pins`: every pin of every cell, inputs (branches) and outputs.
enum class SiteKind : std::uint8_t { nets, pins };

/// All sites, in the netlist's own order. Constant nets are no sites; pins that they drive are.
std::vector<Site> enumerate_sites(const Netlist& netlist, SiteKind kind);

/// Member `index` of a population of 2 * sites.size(): site index / 2 stuck at index % 2.
StuckAt stuck_at_member(const std::vector<Site>& sites, std::uint64_t index);

/// The site that a net's name (`net`, `net[bit]`, any of several) or `cell/pin` means. Error: there is none;
/// it says which name is most similar.
Result<Site> find_site(const Netlist& netlist, const std::string& name);

/// The fault that `SITE:0` or `SITE:1` means, as on the command line. Error: the text is neither, or
/// find_site's.
Result<StuckAt> parse_stuck_at(const Netlist& netlist, const std::string& text);

/// The faults of a CSV with the header `site,stuck_at`, one a line, in the file's order. Errors name file and
/// line: another header, an unknown site, a value other than 0 and 1, no fault.
Result<std::vector<StuckAt>> read_fault_list(const std::filesystem::path& path, const Netlist& netlist);

}  // namespace qfi
