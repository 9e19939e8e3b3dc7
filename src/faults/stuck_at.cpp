// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/stuck_at.hpp"

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "qfi/base/file.hpp"
#include "qfi/base/similar.hpp"

namespace qfi {
namespace {

// All names under which the sites of a netlist are known.
class SiteNames {
 public:
  explicit SiteNames(const Netlist& netlist) {
    for (NetId net = 2; net < netlist.nets.size(); ++net)
      for (const std::string& name : netlist.nets[net].aliases)
        m_site_of_name.try_emplace(name, Site{Site::Kind::net, net, 0});
    for (std::uint32_t cell = 0; cell < netlist.cells.size(); ++cell)
      for (std::uint32_t pin = 0; pin < netlist.cells[cell].pins.size(); ++pin) {
        const Site site{Site::Kind::pin, cell, pin};
        m_site_of_name.try_emplace(site_name(netlist, site), site);
      }
  }

  Result<Site> find(const std::string& name) const {
    if (const auto found = m_site_of_name.find(name); found != m_site_of_name.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [known, site] : m_site_of_name) names.push_back(known);
    std::sort(names.begin(), names.end());
    const auto guess = most_similar(name, names);
    return bad_input("no net or pin '{}' in the netlist{}", name,
                     guess ? "; did you mean '" + *guess + "'?" : "");
  }

 private:
  std::unordered_map<std::string, Site> m_site_of_name;
};

std::string without_line_end(std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

Result<bool> parse_value(const std::string& text) {
  if (text == "0") return false;
  if (text == "1") return true;
  return bad_input("a net is stuck at 0 or 1, not at '{}'", text);
}

}  // namespace

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

Result<StuckAt> parse_stuck_at(const Netlist& netlist, const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return bad_input("fault '{}': write it as SITE:0 or SITE:1", text);
  QFI_TRY(const bool value, parse_value(text.substr(colon + 1)));
  QFI_TRY(const Site site, find_site(netlist, text.substr(0, colon)));
  return StuckAt{site, value};
}

Result<std::vector<StuckAt>> read_fault_list(const std::filesystem::path& path, const Netlist& netlist) {
  QFI_TRY(const std::string text, read_file(path, std::uint64_t{1} << 28));
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  if (without_line_end(line) != "site,stuck_at")
    return bad_input("{}:1: the header must be 'site,stuck_at'", path.string());
  const SiteNames names(netlist);
  std::vector<StuckAt> faults;
  for (int number = 2; std::getline(lines, line); ++number) {
    line = without_line_end(line);
    if (line.empty()) continue;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    const auto comma = line.rfind(',');
    if (comma == std::string::npos) return bad_input("{}: expected SITE,0 or SITE,1", where);
    const auto site = names.find(line.substr(0, comma));
    if (!site) return at(where, site.error());
    const auto value = parse_value(line.substr(comma + 1));
    if (!value) return at(where, value.error());
    faults.push_back({*site, *value});
  }
  if (faults.empty()) return bad_input("{}: no faults in the list", path.string());
  return faults;
}

}  // namespace qfi
