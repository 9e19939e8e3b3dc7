// SPDX-License-Identifier: Apache-2.0
// Faults of a netlist beyond a single stuck site: several sites at once, and bridges.
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "qfi/faults/netlist_population.hpp"
#include "qfi/netlist/simulator.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;

// Two bits times two bits, by half adders of generic gates.
Netlist small_multiplier() {
  return value_of(parse_netlist(R"({"modules": {"m": {"ports": {
    "a": {"direction": "input", "bits": [2, 3]}, "b": {"direction": "input", "bits": [4, 5]},
    "y": {"direction": "output", "bits": [6, 9, 11, 12]}}, "netnames": {
    "p00": {"bits": [6]}, "p10": {"bits": [7]}, "p01": {"bits": [8]}, "p11": {"bits": [10]}},
    "cells": {
    "g0": {"type": "$_AND_", "connections": {"A": [2], "B": [4], "Y": [6]}},
    "g1": {"type": "$_AND_", "connections": {"A": [3], "B": [4], "Y": [7]}},
    "g2": {"type": "$_AND_", "connections": {"A": [2], "B": [5], "Y": [8]}},
    "g3": {"type": "$_AND_", "connections": {"A": [3], "B": [5], "Y": [10]}},
    "h1": {"type": "QFI_HA", "connections": {"A": [7], "B": [8], "S": [9], "CO": [13]}},
    "h2": {"type": "QFI_HA", "connections": {"A": [10], "B": [13], "S": [11], "CO": [12]}}}}}})",
                                "m.json", {"a", "b", "y", {}, true}));
}

constexpr OperandGrid k_grid{{0, 3}, {0, 3}, true};

// The values of all nets for one pair of operands, gate by gate; `held` nets keep their value whatever drives
// them.
std::map<NetId, bool> values_of(const Netlist& netlist, int a, int b, const std::map<NetId, bool>& held) {
  std::map<NetId, bool> value = {{k_net_zero, false}, {k_net_one, true}};
  const auto set = [&](NetId net, bool to) { value[net] = held.contains(net) ? held.at(net) : to; };
  for (std::size_t bit = 0; bit < 2; ++bit) {
    set(netlist.rs1[bit], (a >> bit & 1) != 0);
    set(netlist.rs2[bit], (b >> bit & 1) != 0);
  }
  for (const Gate& gate : netlist.gates) {
    const bool x = value.at(gate.inputs[0]);
    const bool y = value.at(gate.inputs[1]);
    set(gate.output, gate.op == GateOp::xor2 ? x != y : x && y);
  }
  return value;
}

int product_of(const Netlist& netlist, const std::map<NetId, bool>& value) {
  int product = 0;
  for (std::size_t bit = 0; bit < netlist.result.size(); ++bit)
    product |= value.at(netlist.result[bit]) ? 1 << bit : 0;
  return product;
}

// What the fault holds its nets at, from the values without it.
std::map<NetId, bool> held_by(const NetlistFault& fault, const std::map<NetId, bool>& good) {
  std::map<NetId, bool> held;
  for (const StuckAt& stuck : fault.stuck) held[stuck.site.index] = stuck.value;
  if (!fault.bridge) return held;
  const auto [kind, first, second] = *fault.bridge;
  const bool x = good.at(first);
  const bool y = good.at(second);
  held[second] = kind == BridgeKind::dominant ? x : kind == BridgeKind::wired_and ? x && y : x || y;
  if (kind != BridgeKind::dominant) held[first] = held[second];
  return held;
}

void expect_products(const Netlist& netlist, const NetlistFault& fault) {
  const Simulator simulator(netlist, k_grid);
  Simulator::Scratch scratch;
  std::vector<std::int32_t> products(k_grid.size());
  simulator.simulate(fault, scratch, products);
  for (int a = 0; a < 4; ++a)
    for (int b = 0; b < 4; ++b) {
      const auto held = held_by(fault, values_of(netlist, a, b, {}));
      ASSERT_EQ(products[static_cast<std::size_t>(a * 4 + b)],
                product_of(netlist, values_of(netlist, a, b, held)))
          << fault_name(netlist, fault) << ", " << a << " * " << b;
    }
}

TEST(NetlistPopulation, OfSeveralSitesHasEverySetOnceAndSimulatesIt) {
  const Netlist netlist = small_multiplier();
  const auto population = value_of(NetlistPopulation::stuck_at(netlist, SiteKind::nets, 2));
  const std::uint64_t sites = population.places();
  EXPECT_EQ(sites, 12U);
  ASSERT_EQ(population.size(), sites * (sites - 1) / 2 * 4);
  std::set<std::string> texts;
  for (std::uint64_t i = 0; i < population.size(); ++i) {
    const NetlistFault fault = population.member(i);
    ASSERT_EQ(fault.stuck.size(), 2U);
    EXPECT_NE(fault.stuck[0].site, fault.stuck[1].site);
    texts.insert(fault_text(netlist, fault));
    expect_products(netlist, fault);
  }
  EXPECT_EQ(texts.size(), population.size());
  EXPECT_THAT(NetlistPopulation::stuck_at(netlist, SiteKind::nets, 13).error().message,
              HasSubstr("13 faults at once of 12 sites"));
}

TEST(NetlistPopulation, OfBridgesHasEveryPairWithoutAPathAndSimulatesIt) {
  const Netlist netlist = small_multiplier();
  const auto population = value_of(NetlistPopulation::bridges(
      netlist, {BridgeKind::wired_and, BridgeKind::wired_or, BridgeKind::dominant}));
  std::set<std::pair<NetId, NetId>> expected;
  for (NetId first = 2; first < netlist.nets.size(); ++first)
    for (NetId second = first + 1; second < netlist.nets.size(); ++second)
      if (netlist.nets[first].is_read && netlist.nets[second].is_read &&
          !are_connected(netlist, first, second))
        expected.insert({first, second});
  EXPECT_EQ(population.places(), expected.size());
  ASSERT_EQ(population.size(), expected.size() * 4);
  std::map<std::pair<NetId, NetId>, std::set<std::string>> met;
  for (std::uint64_t i = 0; i < population.size(); ++i) {
    const NetlistFault fault = population.member(i);
    ASSERT_TRUE(fault.bridge);
    met[std::minmax(fault.bridge->first, fault.bridge->second)].insert(fault_text(netlist, fault));
    expect_products(netlist, fault);
  }
  EXPECT_EQ(met.size(), expected.size());
  for (const auto& [pair, ways] : met) {
    EXPECT_TRUE(expected.contains(pair));
    EXPECT_EQ(ways.size(), 4U) << "wired-and, wired-or, and either net may win";
  }
}

TEST(NetlistPopulation, AnEndlessOneIsDrawnWithoutNumbers) {
  const Netlist netlist = value_of(read_netlist(test::source_folder() / "netlists/mul_adders.json"));
  const auto population = value_of(NetlistPopulation::stuck_at(netlist, SiteKind::pins, 8));
  ASSERT_EQ(population.size(), k_endless);
  std::set<std::string> texts;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const NetlistFault fault = population.draw(1, "stream", i);
    EXPECT_EQ(fault.stuck.size(), 8U);
    texts.insert(fault_text(netlist, fault));
    EXPECT_EQ(fault_text(netlist, population.draw(1, "stream", i)), fault_text(netlist, fault));
  }
  EXPECT_EQ(texts.size(), 50U);
}

TEST(FaultText, IsReadAsItIsWritten) {
  const Netlist netlist = small_multiplier();
  for (const char* text :
       {"p10:1", "g1/A:0", "p10:1 g3/B:0", "a[0] wired_and b[1]", "p10 wired_or p01", "p01 dominates p10"})
    EXPECT_EQ(fault_text(netlist, value_of(parse_fault(netlist, text))), text);
  EXPECT_EQ(fault_name(netlist, value_of(parse_fault(netlist, "p10:1 g3/B:0"))),
            "p10 stuck at 1 and g3/B stuck at 0");
  EXPECT_EQ(fault_name(netlist, value_of(parse_fault(netlist, "p01 dominates p10"))), "p01 dominates p10");
}

TEST(FaultText, SaysWhatItIsNot) {
  const Netlist netlist = small_multiplier();
  const auto refusal = [&](const char* text) {
    const auto fault = parse_fault(netlist, text);
    return fault ? std::string("no error") : fault.error().message;
  };
  EXPECT_THAT(refusal(""), HasSubstr("no fault"));
  EXPECT_THAT(refusal("p10"), HasSubstr("write it as SITE:0 or SITE:1"));
  EXPECT_THAT(refusal("p10:2"), HasSubstr("stuck at 0 or 1"));
  EXPECT_THAT(refusal("p12:1"), HasSubstr("did you mean"));
  EXPECT_THAT(refusal("p10:1 p10:0"), HasSubstr("'p10' is stuck twice"));
  EXPECT_THAT(refusal("p10 wired_and p10"), HasSubstr("to itself"));
  EXPECT_THAT(refusal("g1/A wired_and p01"), HasSubstr("'g1/A' is a pin"));
  EXPECT_THAT(refusal("a[0] wired_and p00"), HasSubstr("a path leads from one"));
}

// A net and the pin that drives it: the net's value counts, in whatever order they stand.
TEST(FaultText, TheNetCountsBeforeThePinThatDrivesIt) {
  const Netlist netlist = small_multiplier();
  const Simulator simulator(netlist, k_grid);
  Simulator::Scratch scratch;
  const auto products = [&](const char* text) {
    std::vector<std::int32_t> result(k_grid.size());
    simulator.simulate(value_of(parse_fault(netlist, text)), scratch, result);
    return result;
  };
  EXPECT_EQ(products("p10:0 g1/Y:1"), products("p10:0"));
  EXPECT_EQ(products("g1/Y:1 p10:0"), products("p10:0"));
}

TEST(FaultText, SitesAreFoundAsOtherToolsWriteThem) {
  const Netlist netlist = value_of(parse_netlist(
      R"({"modules": {"m": {"ports": {"a": {"direction": "input", "bits": [2]}, "b": {"direction": "input", "bits": [3]},
      "y": {"direction": "output", "bits": [4]}}, "cells": {"u1.u2.g": {"type": "$_AND_",
      "connections": {"A": [2], "B": [3], "Y": [4]}}}}}})",
      "m.json", {"a", "b", "y", {}, true}));
  for (const char* name : {"u1.u2.g/A", "/u1/u2/g/A", "u1/u2/g/A", "\\u1/u2/g /A", "u1.u2.g.A"})
    EXPECT_EQ(site_name(netlist, value_of(find_site(netlist, name))), "u1.u2.g/A") << name;
  EXPECT_EQ(site_name(netlist, value_of(find_site(netlist, "/y"))), "y");
  EXPECT_EQ(netlist.cells[0].instance, "u1.u2");
}

}  // namespace
}  // namespace qfi
