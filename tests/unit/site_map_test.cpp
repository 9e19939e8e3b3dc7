// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/site_map.hpp"

#include "support.hpp"

namespace qfi {
namespace {

// Every net's lowest result bit and level, against walks over all paths from it.
TEST(SiteMap, PlacesAgreeWithWalksThroughTheNetlist) {
  const Netlist netlist = test::value_of(read_netlist(test::source_folder() / "netlists/mul_adders.json"));
  const SiteMap map(netlist);
  std::vector<std::vector<const Gate*>> readers(netlist.nets.size());
  for (const Gate& gate : netlist.gates)
    for (const NetId input : gate.inputs)
      if (input > k_net_one) readers[input].push_back(&gate);
  for (NetId start = 2; start < netlist.nets.size(); start += 7) {
    std::vector<bool> is_reached(netlist.nets.size(), false);
    std::vector<NetId> open = {start};
    while (!open.empty()) {
      const NetId net = open.back();
      open.pop_back();
      if (is_reached[net]) continue;
      is_reached[net] = true;
      for (const Gate* gate : readers[net]) open.push_back(gate->output);
    }
    std::optional<int> lowest;
    for (std::size_t bit = netlist.result.size(); bit-- > 0;)
      if (is_reached[netlist.result[bit]]) lowest = static_cast<int>(bit);
    EXPECT_EQ(map.place({Site::Kind::net, start, 0}).lowest_result_bit, lowest) << netlist.nets[start].name;
  }
}

TEST(SiteMap, NamesWhatDrivesASite) {
  const Netlist netlist = test::value_of(read_netlist(test::source_folder() / "netlists/mul_adders.json"));
  const SiteMap map(netlist);
  EXPECT_EQ(map.place({Site::Kind::net, netlist.rs1[3], 0}).region, "port rs1");
  EXPECT_EQ(map.place({Site::Kind::net, netlist.rs2[3], 0}).level, 0);
  EXPECT_EQ(map.place({Site::Kind::net, netlist.result[0], 0}).region, "$_AND_.Y");
  EXPECT_EQ(map.place({Site::Kind::net, netlist.result[0], 0}).level, 1);
  int deepest = 0;
  for (std::uint32_t cell = 0; cell < netlist.cells.size(); ++cell)
    for (std::uint32_t pin = 0; pin < netlist.cells[cell].pins.size(); ++pin) {
      const SitePlace place = map.place({Site::Kind::pin, cell, pin});
      EXPECT_EQ(place.region, netlist.cells[cell].type + "." + netlist.cells[cell].pins[pin].name);
      deepest = std::max(deepest, place.level);
    }
  EXPECT_EQ(deepest, netlist.depth);
}

}  // namespace
}  // namespace qfi
