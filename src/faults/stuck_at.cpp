// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/stuck_at.hpp"

#include <algorithm>
#include <unordered_map>

#include "qfi/base/csv.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/selection.hpp"

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
    return selects_nothing("site", name, fmt::format("no net or pin '{}' in the netlist", name),
                           {"nets and pins", std::move(names)});
  }

 private:
  std::unordered_map<std::string, Site> m_site_of_name;
};

Result<bool> parse_value(std::string_view text) {
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
  CsvReader reader(text, path.string());
  QFI_CHECK(reader.read_header());
  if (reader.header() != std::vector<std::string>{"site", "stuck_at"})
    return bad_input("{}: the header must be 'site,stuck_at'", reader.where());
  const SiteNames names(netlist);
  std::vector<StuckAt> faults;
  for (;;) {
    QFI_TRY(const bool is_there, reader.next());
    if (!is_there) break;
    const auto fields = reader.fields();
    if (fields.size() < 2) return bad_input("{}: expected SITE,0 or SITE,1", reader.where());
    // Names may hold commas without being quoted.
    const auto site = names.find(fmt::format("{}", fmt::join(fields.first(fields.size() - 1), ",")));
    if (!site) return at(reader.where(), site.error());
    const auto value = parse_value(fields.back());
    if (!value) return at(reader.where(), value.error());
    faults.push_back({*site, *value});
  }
  if (faults.empty()) return bad_input("{}: no faults in the list", path.string());
  return faults;
}

}  // namespace qfi
