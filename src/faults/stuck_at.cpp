// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/stuck_at.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

#include "qfi/base/selection.hpp"
#include "qfi/base/text.hpp"
#include "qfi/faults/netlist_population.hpp"
#include "site_names.hpp"

namespace qfi {
namespace {

constexpr std::array<std::pair<std::string_view, BridgeKind>, 3> k_bridges = {
    {{"wired_and", BridgeKind::wired_and},
     {"wired_or", BridgeKind::wired_or},
     {"dominates", BridgeKind::dominant}}};

// Names without what tools write differently: /u1/g3/A, u1.g3/A, \u1/g3 /A.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name.substr(name.starts_with('/') ? 1 : 0))
    if (c != '\\' && c != ' ') plain += c == '/' ? '.' : c;
  return plain;
}

// What something reads has a value, or the netlist was refused; so has what a gate or an operand drives.
bool has_value(const Netlist& netlist, NetId net) {
  return netlist.nets[net].is_read ||
         std::ranges::find(netlist.gates, net, &Gate::output) != netlist.gates.end() ||
         std::ranges::find(netlist.rs1, net) != netlist.rs1.end() ||
         std::ranges::find(netlist.rs2, net) != netlist.rs2.end();
}

}  // namespace

SiteNames::SiteNames(const Netlist& netlist) : m_netlist(netlist) {
  const auto add = [&](const std::string& name, const Site& site) {
    m_site_of_name.try_emplace(name, site);
    const auto [entry, is_new] = m_site_of_plain_name.try_emplace(plain_name(name), PlainName{site, false});
    auto& [known, is_ambiguous] = entry->second;
    if (is_new || known == site) return;
    // Pins follow nets, and lists name pins.
    is_ambiguous = known.kind == site.kind;
    known = site;
  };
  for (NetId net = 2; net < netlist.nets.size(); ++net)
    for (const std::string& name : netlist.nets[net].aliases) add(name, Site{Site::Kind::net, net, 0});
  for (std::uint32_t cell = 0; cell < netlist.cells.size(); ++cell)
    for (std::uint32_t pin = 0; pin < netlist.cells[cell].pins.size(); ++pin) {
      const Site site{Site::Kind::pin, cell, pin};
      add(site_name(netlist, site), site);
    }
}

Result<Site> SiteNames::find(const std::string& name, bool hints) const {
  if (const auto found = m_site_of_name.find(name); found != m_site_of_name.end()) return found->second;
  if (const auto found = m_site_of_plain_name.find(plain_name(name)); found != m_site_of_plain_name.end()) {
    if (!found->second.is_ambiguous) return found->second.site;
    return bad_input(
        "'{}' may be several nets or pins of the netlist; write it as `qfi inspect --faults` does",
        printable(name));
  }
  if (!hints) return bad_input("no net or pin '{}' in the netlist", printable(name));
  std::vector<std::string> names;
  for (const auto& [known, site] : m_site_of_name) names.push_back(known);
  std::sort(names.begin(), names.end());
  return selects_nothing("site", name, fmt::format("no net or pin '{}' in the netlist", printable(name)),
                         {"nets and pins", std::move(names)});
}

Result<bool> parse_stuck_value(std::string_view text) {
  if (text == "0") return false;
  if (text == "1") return true;
  return bad_input("a net is stuck at 0 or 1, not at '{}'", printable(std::string(text)));
}

Result<NetlistFault> SiteNames::parse_bridge(std::string_view first, std::string_view word,
                                             std::string_view second) const {
  const auto kind = std::ranges::find(k_bridges, word, &std::pair<std::string_view, BridgeKind>::first);
  std::array<NetId, 2> nets{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string name(i == 0 ? first : second);
    QFI_TRY(const Site site, find(name));
    if (site.kind != Site::Kind::net) return bad_input("'{}' is a pin; nets are bridged", printable(name));
    nets[i] = site.index;
  }
  if (nets[0] == nets[1]) return bad_input("a net cannot be bridged to itself");
  for (const NetId net : nets)
    if (!has_value(m_netlist, net))
      return bad_input("nothing drives '{}', so that a bridge to it has no value", m_netlist.nets[net].name);
  if (are_connected(m_netlist, nets[0], nets[1]))
    return bad_input("a path leads from one of '{}' and '{}' to the other: bridged, they may oscillate",
                     m_netlist.nets[nets[0]].name, m_netlist.nets[nets[1]].name);
  return NetlistFault(Bridge{kind->second, nets[0], nets[1]});
}

Result<NetlistFault> SiteNames::parse_stuck(std::span<const std::string_view> words) const {
  NetlistFault fault;
  std::set<Site> sites;
  for (const std::string_view word : words) {
    const auto colon = word.rfind(':');
    if (colon == std::string_view::npos)
      return bad_input("fault '{}': write it as SITE:0 or SITE:1", printable(std::string(word)));
    QFI_TRY(const bool value, parse_stuck_value(word.substr(colon + 1)));
    QFI_TRY(const Site site, find(std::string(word.substr(0, colon))));
    if (!sites.insert(site).second) return bad_input("'{}' is stuck twice", site_name(m_netlist, site));
    fault.stuck.push_back({site, value});
  }
  return fault;
}

Result<NetlistFault> SiteNames::parse(const std::string& text) const {
  std::vector<std::string_view> words;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) words.push_back(word);
  const bool is_bridge =
      words.size() == 3 &&
      std::ranges::find(k_bridges, words[1], &std::pair<std::string_view, BridgeKind>::first) !=
          k_bridges.end();
  if (is_bridge) return parse_bridge(words[0], words[1], words[2]);
  if (words.empty()) return bad_input("no fault; write it as SITE:0 or SITE:1");
  // A net's name may have blanks.
  if (const auto colon = text.rfind(':');
      colon != std::string::npos && m_site_of_name.contains(text.substr(0, colon)))
    return parse_stuck(std::vector<std::string_view>{text});
  return parse_stuck(words);
}

std::vector<Site> enumerate_sites(const Netlist& netlist, SiteKind kind) {
  std::vector<Site> sites;
  if (kind == SiteKind::nets) {
    for (NetId net = 2; net < netlist.nets.size(); ++net)
      if (netlist.nets[net].is_read) sites.push_back({Site::Kind::net, net, 0});
    return sites;
  }
  for (std::uint32_t cell = 0; cell < netlist.cells.size(); ++cell)
    for (std::uint32_t pin = 0; pin < netlist.cells[cell].pins.size(); ++pin)
      sites.push_back({Site::Kind::pin, cell, pin});
  return sites;
}

StuckAt stuck_at_member(const std::vector<Site>& sites, std::uint64_t index) {
  return {sites[index / 2], index % 2 == 1};
}

Result<Site> find_site(const Netlist& netlist, const std::string& name) {
  return SiteNames(netlist).find(name);
}

Result<NetlistFault> parse_fault(const Netlist& netlist, const std::string& text) {
  return SiteNames(netlist).parse(text);
}

std::string fault_text(const Netlist& netlist, const NetlistFault& fault) {
  if (fault.bridge) {
    const auto kind =
        std::ranges::find(k_bridges, fault.bridge->kind, &std::pair<std::string_view, BridgeKind>::second);
    return fmt::format("{} {} {}", netlist.nets[fault.bridge->first].name, kind->first,
                       netlist.nets[fault.bridge->second].name);
  }
  std::string text;
  for (const StuckAt& stuck : fault.stuck)
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", site_name(netlist, stuck.site), int{stuck.value});
  return text;
}

}  // namespace qfi
