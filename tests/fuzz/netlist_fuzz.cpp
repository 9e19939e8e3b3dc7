// SPDX-License-Identifier: Apache-2.0
// Netlists as Yosys' JSON: read, name all sites, collapse, simulate.
#include "fuzz.hpp"
#include "qfi/faults/collapse.hpp"
#include "qfi/netlist/simulator.hpp"
#include "qfi/netlist/site_map.hpp"

namespace qfi::fuzz {

void run(std::string_view input) {
  constexpr std::size_t k_most_nets = 3000;
  const auto netlist = parse_netlist(std::string(input), "fuzz");
  if (!netlist || netlist->nets.size() > k_most_nets) return;
  const SiteMap map(*netlist);
  for (const SiteKind kind : {SiteKind::nets, SiteKind::pins}) {
    const std::vector<Site> sites = enumerate_sites(*netlist, kind);
    for (const Site& site : sites) {
      require(!site_name(*netlist, site).empty(), "every site has a name");
      require(map.place(site).level <= netlist->depth, "no site is deeper than the netlist");
      const auto found = find_site(*netlist, site_name(*netlist, site));
      require(found.has_value(), "a site is found by its name");
    }
    structural_classes(*netlist, sites);
  }
  const Simulator simulator(*netlist, {{-3, 2}, {-2, 5}, true});
  require(simulator.golden().size() == 48, "a product for each pair");
}

}  // namespace qfi::fuzz
