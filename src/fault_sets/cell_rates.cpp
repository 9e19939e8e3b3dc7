// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/cell_rates.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "qfi/base/selection.hpp"
#include "qfi/netlist/site_map.hpp"

namespace qfi {
namespace {

Result<void> check_types(const Netlist& netlist, const std::map<std::string, double>& rates) {
  std::set<std::string> types;
  for (const Cell& cell : netlist.cells) types.insert(cell.type);
  for (const auto& [type, rate] : rates)
    if (!types.contains(type))
      return selects_nothing("raw_rate.fit_by_cell", type,
                             fmt::format("no cell of the netlist is a {}", type),
                             {"cell types", {types.begin(), types.end()}});
  for (const std::string& type : types)
    if (!rates.contains(type))
      return bad_input("raw_rate.fit_by_cell: has no rate of {}, which the netlist has", type);
  return {};
}

}  // namespace

Result<std::vector<double>> cell_rates(const Netlist& netlist, const RawRate& rate) {
  if (!rate.fit_by_cell.empty()) QFI_CHECK(check_types(netlist, rate.fit_by_cell));
  std::vector<double> rates;
  for (const Cell& cell : netlist.cells) {
    if (rate.fit_per_um2 && !cell.area)
      return bad_input(
          "raw_rate.fit_per_um2: the area of {} is not known; a Liberty file with areas tells it", cell.type);
    if (rate.fit_per_um2) rates.push_back(*rate.fit_per_um2 * *cell.area);
    else rates.push_back(rate.fit_by_cell.at(cell.type));
  }
  return rates;
}

std::vector<double> site_rates(const Netlist& netlist, const std::vector<Site>& sites,
                               const std::vector<double>& rates) {
  const std::vector<Site> drivers = drivers_of(netlist);
  const auto pin_of = [&](const Site& site) {
    return site.kind == Site::Kind::net ? drivers[site.index] : site;
  };
  std::vector<double> sites_of_cell(netlist.cells.size(), 0);
  for (const Site& site : sites)
    if (const Site pin = pin_of(site); pin.kind == Site::Kind::pin) ++sites_of_cell[pin.index];
  std::vector<double> result;
  for (const Site& site : sites) {
    const Site pin = pin_of(site);
    result.push_back(pin.kind == Site::Kind::pin ? rates[pin.index] / sites_of_cell[pin.index] : 0.0);
  }
  return result;
}

}  // namespace qfi
