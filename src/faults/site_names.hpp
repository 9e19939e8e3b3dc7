// SPDX-License-Identifier: Apache-2.0
// All names under which the sites of a netlist are known, for who looks up many.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "qfi/faults/stuck_at.hpp"

namespace qfi {

class SiteNames {
 public:
  explicit SiteNames(const Netlist& netlist);

  /// Finds a site as find_site does. `hints`: whether the error says what is similar, which takes long.
  Result<Site> find(const std::string& name, bool hints = true) const;
  /// Reads a fault as parse_fault does.
  Result<NetlistFault> parse(const std::string& text) const;

 private:
  struct PlainName {
    Site site;
    bool is_ambiguous = false;  ///< other sites have the name, too
  };
  Result<NetlistFault> parse_bridge(std::string_view first, std::string_view word,
                                    std::string_view second) const;
  Result<NetlistFault> parse_stuck(std::span<const std::string_view> words) const;

  const Netlist& m_netlist;
  std::unordered_map<std::string, Site> m_site_of_name;
  std::unordered_map<std::string, PlainName> m_site_of_plain_name;  ///< without what tools write differently
};

/// "0" or "1". Error: the text is neither.
Result<bool> parse_stuck_value(std::string_view text);

}  // namespace qfi
