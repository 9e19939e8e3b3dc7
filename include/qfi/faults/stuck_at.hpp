// SPDX-License-Identifier: Apache-2.0
// Stuck-at faults of a netlist: the population, its order, and fault lists in files.
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

/// Population member `index` of 2 * sites.size(): site index / 2, stuck at index % 2.
StuckAt stuck_at_member(const std::vector<Site>& sites, std::uint64_t index);

/// Site by any of a net's names (`net`, `net[bit]`) or as `cell/pin`. Error: no such site, with
/// the most similar name.
Result<Site> find_site(const Netlist& netlist, const std::string& name);

/// `SITE:0` or `SITE:1`, as on the command line.
Result<StuckAt> parse_stuck_at(const Netlist& netlist, const std::string& text);

/// CSV with the header `site,stuck_at`, one fault a line, in the file's order.
/// Errors name file and line: no such header, unknown site, a value other than 0 and 1, no fault.
Result<std::vector<StuckAt>> read_fault_list(const std::filesystem::path& path, const Netlist& netlist);

}  // namespace qfi
