// SPDX-License-Identifier: Apache-2.0
// Faults of a netlist by name. A netlist goes in; the sites that can be stuck come out, numbered, and the
// faults that texts mean.
#pragma once

#include <cstdint>
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

/// The site that a net's name (`net`, `net[bit]`, any of several) or `cell/pin` means; a leading slash,
/// slashes in the place of the dots between instances and backslashes before names, as other tools write
/// them, make no difference. Error: there is none; it says which name is most similar.
Result<Site> find_site(const Netlist& netlist, const std::string& name);

/// The fault that a text means: `SITE:0` or `SITE:1`, several of them with spaces between, which are stuck at
/// once, or `NET wired_and NET`, `NET wired_or NET`, `NET dominates NET`. Errors: the text is none of these,
/// a site twice, bridged nets with a path between them, or find_site's.
Result<NetlistFault> parse_fault(const Netlist& netlist, const std::string& text);

/// That text of a fault.
std::string fault_text(const Netlist& netlist, const NetlistFault& fault);

}  // namespace qfi
