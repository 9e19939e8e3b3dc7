// SPDX-License-Identifier: Apache-2.0
// Owns the numbering of a netlist's faults. A netlist, and which faults of it are meant, go in; how many
// there are, and the fault of each number, come out.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/faults/fault_combinations.hpp"
#include "qfi/faults/stuck_at.hpp"

namespace qfi {

class NetlistPopulation {
 public:
  /// Every set of `together` different sites, each stuck at 0 or at 1. Error: there are fewer sites.
  static Result<NetlistPopulation> stuck_at(const Netlist& netlist, SiteKind kind, std::uint64_t together);
  /// Every pair of nets that something reads, where no path leads from one to the other, bridged in each of
  /// the ways; of a dominant bridge there are two, as either net may win. Errors: no such pair, more than
  /// 20,000 nets.
  static Result<NetlistPopulation> bridges(const Netlist& netlist, std::vector<BridgeKind> kinds);

  /// Sites that can be stuck, or pairs that can be bridged.
  std::uint64_t places() const;
  /// Faults; k_endless where there are as many or more.
  std::uint64_t size() const;
  /// A place has so many faults: two values, or the bridges of a pair.
  std::uint64_t faults_of_a_place() const;
  /// Precondition: index < size() < k_endless.
  NetlistFault member(std::uint64_t index) const;
  /// Draw number `index` of an endless population, of which two are hardly ever the same.
  NetlistFault draw(std::uint64_t seed, std::string_view stream, std::uint64_t index) const;
  /// The sites that can be stuck; a population of bridges has none.
  const std::vector<Site>& sites() const { return m_sites; }

 private:
  FaultCombinations combinations() const { return {m_sites.size(), m_together, 2}; }
  NetlistFault stuck_sites(const std::vector<std::uint64_t>& members) const;
  void count_pairs(const Netlist& netlist);

  std::vector<Site> m_sites;
  std::uint64_t m_together = 1;
  std::vector<BridgeKind> m_kinds;            ///< of each pair; dominant ones stand twice
  std::vector<NetId> m_nets;                  ///< in an order in which a path leads forwards only
  std::vector<std::vector<bool>> m_partners;  ///< [i][k]: nets i and i + 1 + k can be bridged
  std::vector<std::uint64_t> m_first_pair;    ///< of each net with those behind it, and the end
};

/// Whether a path leads from one of the nets to the other.
bool are_connected(const Netlist& netlist, NetId first, NetId second);

}  // namespace qfi
