// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/netlist_population.hpp"

#include <algorithm>
#include <string>

#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_most_nets = 20'000;  // pairs take a bit each, and paths as many for a while

// Nets that something reads: those that no gate drives, then those of the gates in order.
std::vector<NetId> nets_in_order(const Netlist& netlist) {
  std::vector<bool> is_output(netlist.nets.size(), false);
  for (const Gate& gate : netlist.gates) is_output[gate.output] = true;
  std::vector<NetId> nets;
  for (NetId net = 2; net < netlist.nets.size(); ++net)
    if (netlist.nets[net].is_read && !is_output[net]) nets.push_back(net);
  for (const Gate& gate : netlist.gates)
    if (netlist.nets[gate.output].is_read) nets.push_back(gate.output);
  return nets;
}

// The nets that a change of the net may reach, itself included.
std::vector<bool> reached_from(const Netlist& netlist, NetId net) {
  std::vector<bool> is_reached(netlist.nets.size(), false);
  is_reached[net] = true;
  for (const Gate& gate : netlist.gates)
    if (std::ranges::any_of(gate.inputs, [&](NetId input) { return is_reached[input]; }))
      is_reached[gate.output] = true;
  return is_reached;
}

}  // namespace

Result<NetlistPopulation> NetlistPopulation::stuck_at(const Netlist& netlist, SiteKind kind,
                                                      std::uint64_t together) {
  NetlistPopulation population;
  population.m_sites = enumerate_sites(netlist, kind);
  population.m_together = together;
  if (population.m_sites.size() < together)
    return bad_input("{} faults at once of {} sites", together, population.m_sites.size());
  return population;
}

Result<NetlistPopulation> NetlistPopulation::bridges(const Netlist& netlist, std::vector<BridgeKind> kinds) {
  NetlistPopulation population;
  for (const BridgeKind kind : kinds)
    population.m_kinds.insert(population.m_kinds.end(), kind == BridgeKind::dominant ? 2 : 1, kind);
  population.m_nets = nets_in_order(netlist);
  if (population.m_nets.size() > k_most_nets)
    return bad_input("bridges of {} nets; at most {} are possible: name those that can touch in a list",
                     population.m_nets.size(), k_most_nets);
  population.count_pairs(netlist);
  if (population.places() == 0) return bad_input("no two nets without a path between them");
  return population;
}

void NetlistPopulation::count_pairs(const Netlist& netlist) {
  m_first_pair = {0};
  for (std::size_t i = 0; i < m_nets.size(); ++i) {
    const std::vector<bool> is_reached = reached_from(netlist, m_nets[i]);
    std::vector<bool>& partners = m_partners.emplace_back(m_nets.size() - i - 1);
    for (std::size_t k = 0; k < partners.size(); ++k) partners[k] = !is_reached[m_nets[i + 1 + k]];
    m_first_pair.push_back(m_first_pair.back() +
                           static_cast<std::uint64_t>(std::ranges::count(partners, true)));
  }
}

std::uint64_t NetlistPopulation::places() const {
  return m_kinds.empty() ? m_sites.size() : m_first_pair.back();
}

std::uint64_t NetlistPopulation::faults_of_a_place() const { return m_kinds.empty() ? 2 : m_kinds.size(); }

std::uint64_t NetlistPopulation::size() const {
  return m_kinds.empty() ? combinations().count() : places() * m_kinds.size();
}

NetlistFault NetlistPopulation::stuck_sites(const std::vector<std::uint64_t>& members) const {
  NetlistFault fault;
  for (const std::uint64_t member : members) fault.stuck.push_back(stuck_at_member(m_sites, member));
  return fault;
}

NetlistFault NetlistPopulation::member(std::uint64_t index) const {
  if (m_kinds.empty()) return stuck_sites(combinations().members(index));
  const std::uint64_t pair = index / m_kinds.size();
  const std::uint64_t way = index % m_kinds.size();
  const auto after = std::ranges::upper_bound(m_first_pair, pair);
  const auto first = static_cast<std::size_t>(after - m_first_pair.begin()) - 1;
  std::uint64_t left = pair - m_first_pair[first];
  std::size_t k = 0;
  for (;; ++k)
    if (m_partners[first][k] && left-- == 0) break;
  Bridge bridge{m_kinds[way], m_nets[first], m_nets[first + 1 + k]};
  const bool second_wins = way > 0 && m_kinds[way - 1] == BridgeKind::dominant;
  if (m_kinds[way] == BridgeKind::dominant && second_wins) std::swap(bridge.first, bridge.second);
  return NetlistFault(bridge);
}

NetlistFault NetlistPopulation::draw(std::uint64_t seed, std::string_view stream, std::uint64_t index) const {
  const std::string set = purpose::set_of_bits(std::string(stream), index);
  auto members = draw_without_replacement(m_sites.size(), m_together, seed, set);
  for (std::size_t k = 0; k < members.size(); ++k)
    members[k] = members[k] * 2 + random_below(seed, purpose::models_of_set(set), k, 2);
  return stuck_sites(members);
}

bool are_connected(const Netlist& netlist, NetId first, NetId second) {
  return reached_from(netlist, first)[second] || reached_from(netlist, second)[first];
}

}  // namespace qfi
