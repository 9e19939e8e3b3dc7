// SPDX-License-Identifier: Apache-2.0
// Owns where in the circuit a site lies, and where in the RTL it comes from, as netlists after synthesis have
// few names that say it. A netlist goes in; the place of each site comes out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qfi/netlist/netlist.hpp"

namespace qfi {

/// Gives for each net the output pin that drives it, or the net itself where no cell does.
std::vector<Site> drivers_of(const Netlist& netlist);

struct SitePlace {
  /// What drives the site's net, `QFI_FA.S` or `port op_a`; of a pin the cell's type and the pin.
  std::string region;
  /// The cell that the site is a pin of, or that drives its net, as `u1.u2.g3`; empty: a port.
  std::string cell;
  std::string pin;       ///< of that cell
  std::string instance;  ///< of the module that holds that cell, as `u1.u2`; empty: the top
  /// `file:line` of what the cell, or the port, was made from; empty: the netlist does not tell.
  std::vector<std::string> sources;
  int level = 0;  ///< gates on the longest path from a port to it
  /// The lowest bit of the result that a path leads to; nullopt where there is no path.
  std::optional<int> lowest_result_bit;
};

class SiteMap {
 public:
  /// Keeps a reference to the netlist.
  explicit SiteMap(const Netlist& netlist);

  SitePlace place(const Site& site) const;

 private:
  const Netlist& m_netlist;
  std::vector<int> m_level;         ///< of each net
  std::vector<int> m_lowest_bit;    ///< of each net; result width: none
  std::vector<std::string> m_port;  ///< of each net, that drives it
  std::vector<Site> m_driver;       ///< as drivers_of() gives them
};

}  // namespace qfi
