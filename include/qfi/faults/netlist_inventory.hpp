// SPDX-License-Identifier: Apache-2.0
// NetlistInventory: what of a netlist can be faulted. A Netlist goes in; its cells, ports and fault sites
// come out as plain values, for `qfi inspect`.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "qfi/netlist/netlist.hpp"

namespace qfi {

struct NetlistInventory {
  std::string module_name;
  std::string sha256;
  std::map<std::string, std::uint64_t> cells;  ///< by type
  std::uint64_t nets = 0;                      ///< without the constants
  int depth = 0;
  std::uint64_t rs1_bits = 0;
  std::uint64_t rs2_bits = 0;
  std::uint64_t result_bits = 0;
  bool is_unsigned = false;
  bool is_approximate = false;
  struct Sites {
    std::uint64_t sites = 0;
    std::uint64_t faults = 0;   ///< N = 2 * sites
    std::uint64_t classes = 0;  ///< after structural collapsing
  };
  Sites net_sites;
  Sites pin_sites;
};
NetlistInventory take_inventory(const Netlist& netlist);

}  // namespace qfi
