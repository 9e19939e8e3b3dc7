// SPDX-License-Identifier: Apache-2.0
// The simulator against Verilator, which this project did not write.
#include "qfi/netlist/verilator.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "qfi/base/file.hpp"
#include "qfi/base/process.hpp"
#include "qfi/base/random.hpp"
#include "qfi/faults/netlist_population.hpp"
#include "qfi/faults/stuck_at.hpp"
#include "qfi/netlist/simulator.hpp"
#include "qfi/netlist/synth.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

const std::filesystem::path k_cache = std::filesystem::temp_directory_path() / "qfi-test-cache";

std::filesystem::path netlist_file(const std::string& name) {
  return test::source_folder() / "netlists" / (name + ".json");
}

std::uint64_t seed_of(const NetlistFault& fault) { return fault.bridge ? 0 : fault.stuck.front().site.index; }

// Differences between simulator and Verilator under one fault, on all pairs of the grid or on
// `sample` random ones.
std::size_t differences(VerilatorModel& model, const Simulator& simulator, const NetlistFault& fault,
                        Simulator::Scratch& scratch, std::size_t sample) {
  const OperandGrid& grid = simulator.grid();
  std::vector<std::int32_t> products(grid.size());
  simulator.simulate(fault, scratch, products);
  model.inject(fault);
  std::size_t differing = 0;
  const std::size_t pairs = sample == 0 ? products.size() : sample;
  for (std::size_t k = 0; k < pairs; ++k) {
    const std::size_t pair = sample == 0 ? k : random_below(seed_of(fault), "pair", k, products.size());
    const int outer = grid.outer.first + static_cast<int>(pair) / grid.inner.size();
    const int inner = grid.inner.first + static_cast<int>(pair) % grid.inner.size();
    const std::int32_t product =
        grid.outer_is_rs1 ? model.multiply(outer, inner) : model.multiply(inner, outer);
    differing += product != products[pair] ? 1 : 0;
  }
  model.clear();
  return differing;
}

struct NetlistCase {
  std::string name;
  SiteKind sites;
  std::size_t full_tables;
  friend void PrintTo(const NetlistCase& c, std::ostream* out) { *out << c.name; }
};

class EveryFault : public testing::TestWithParam<NetlistCase> {};

// All faults on a sample of pairs, and some at random on all 65,536.
TEST_P(EveryFault, EqualsVerilator) {
  const auto& [name, kind, full_tables] = GetParam();
  const Netlist netlist = value_of(read_netlist(netlist_file(name)));
  const auto sites = enumerate_sites(netlist, kind);
  VerilatorModel model = value_of(VerilatorModel::open(netlist, {sites, {}}, k_cache));
  const Simulator simulator(netlist, {{-128, 127}, {-128, 127}, true});
  Simulator::Scratch scratch;
  std::size_t differing = 0;
  for (std::uint64_t i = 0; i < 2 * sites.size(); ++i)
    differing += differences(model, simulator, stuck_at_member(sites, i), scratch, 32);
  EXPECT_EQ(differing, 0U);
  for (const std::uint64_t i : draw_without_replacement(2 * sites.size(), full_tables, 1, "full"))
    EXPECT_EQ(differences(model, simulator, stuck_at_member(sites, i), scratch, 0), 0U) << i;
}

INSTANTIATE_TEST_SUITE_P(CommittedNetlists, EveryFault,
                         testing::Values(NetlistCase{"mul_gates", SiteKind::nets, 200},
                                         NetlistCase{"mul_adders", SiteKind::nets, 20},
                                         NetlistCase{"mulh_gates", SiteKind::nets, 10},
                                         NetlistCase{"mul_mapped", SiteKind::pins, 90}),
                         [](const auto& info) { return info.param.name; });

// Foreign RTL, adder cells, odd port names and widths, a tied port, pins as sites, offset operands.
TEST(ForeignRtl, SynthesizesAndEqualsVerilatorOnEveryPin) {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  SynthParams params;
  params.sources = {test::source_folder() / "tests/data/mul9.sv"};
  params.top = "mul9";
  params.reading = {"x", "y", "p", {{"negate", 0}}, false};
  params.cells = CellSet::adders;
  params.output = folder.path() / "mul9";
  const SynthStats stats = value_of(synthesize(params));
  EXPECT_GT(stats.cells, 100U);
  const Netlist netlist = value_of(read_netlist(folder.path() / "mul9.json"));
  EXPECT_TRUE(find_site(netlist, "negate")) << "the tied port is still there";
  const auto sites = enumerate_sites(netlist, SiteKind::pins);
  VerilatorModel model = value_of(VerilatorModel::open(netlist, {sites, {}}, k_cache));
  const Simulator simulator(netlist, {{-100, 101}, {-256, 255}, false});
  Simulator::Scratch scratch;
  std::size_t differing = 0;
  for (std::uint64_t i = 0; i < 2 * sites.size(); ++i)
    differing += differences(model, simulator, stuck_at_member(sites, i), scratch, 48);
  EXPECT_EQ(differing, 0U);
}

TEST(ForeignRtl, UnsignedMultipliersAreProvedAndZeroExtended) {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  ASSERT_TRUE(
      write_file(folder.path() / "u8.v",
                 "module u8(input [7:0] a, input [7:0] b, output [15:0] r); assign r = a * b; endmodule"));
  SynthParams params;
  params.sources = {folder.path() / "u8.v"};
  params.top = "u8";
  params.reading = {"a", "b", "r", {}, false};
  params.output = folder.path() / "u8";
  EXPECT_FALSE(synthesize(params)) << "no signed multiplier";
  params.reading.is_unsigned = true;
  value_of(synthesize(params));
  const Netlist netlist = value_of(read_netlist(folder.path() / "u8.json"));
  const auto sites = enumerate_sites(netlist, SiteKind::nets);
  VerilatorModel model = value_of(VerilatorModel::open(netlist, {sites, {}}, k_cache));
  EXPECT_EQ(model.multiply(255, 255), 65025);
  const Simulator simulator(netlist, {{0, 255}, {0, 255}, true});
  Simulator::Scratch scratch;
  std::size_t differing = 0;
  for (std::uint64_t i = 0; i < 2 * sites.size(); ++i)
    differing += differences(model, simulator, stuck_at_member(sites, i), scratch, 64);
  EXPECT_EQ(differing, 0U);
}

struct Recipe {
  std::string name;
  std::string rtl;
  CellSet cells;
  std::map<std::string, std::uint64_t> tie;
  bool is_mapped = false;  ///< to netlists/cells.lib
  friend void PrintTo(const Recipe& recipe, std::ostream* out) { *out << recipe.name; }
};

class CommittedNetlist : public testing::TestWithParam<Recipe> {};

// Another Yosys makes another netlist; that it is proved as well is for ProjectRtl.
TEST_P(CommittedNetlist, IsWhatItsRtlSynthesizesTo) {
  const Recipe& recipe = GetParam();
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  const std::string recorded =
      value_of(read_file(test::source_folder() / "netlists" / (recipe.name + ".manifest.json")));
  const ProcessOutcome asked =
      value_of(run_process({"yosys", "-V"}, folder.path(), std::chrono::seconds(60)));
  if (const std::string version = asked.output.substr(0, asked.output.find('\n'));
      recorded.find(version) == std::string::npos)
    GTEST_SKIP() << "recorded with another Yosys than " << version;
  SynthParams params;
  params.sources = {test::source_folder() / "rtl" / (recipe.rtl + ".sv")};
  params.top = recipe.rtl;
  params.reading = {"op_a", "op_b", "result", recipe.tie, false};
  params.cells = recipe.cells;
  if (recipe.is_mapped) params.liberty.files = {test::source_folder() / "netlists/cells.lib"};
  params.output = folder.path() / recipe.name;
  value_of(synthesize(params));
  for (const char* suffix : {".manifest.json", ".json", ".v"}) {
    const std::string made = value_of(read_file(params.output.string() + suffix));
    const std::string committed =
        value_of(read_file(test::source_folder() / "netlists" / (recipe.name + suffix)));
    EXPECT_EQ(made == committed, true) << recipe.name << suffix;
  }
}

TEST_P(CommittedNetlist, HasNoCellWithAConstantInput) {
  const Netlist netlist = value_of(read_netlist(netlist_file(GetParam().name)));
  for (const Cell& cell : netlist.cells)
    for (const Pin& pin : cell.pins) EXPECT_GT(pin.net, k_net_one) << cell.name << "/" << pin.name;
}

INSTANTIATE_TEST_SUITE_P(
    All, CommittedNetlist,
    testing::Values(Recipe{"mul_gates", "qfi_mul", CellSet::gates, {}},
                    Recipe{"mul_adders", "qfi_mul", CellSet::adders, {}},
                    Recipe{"mulh_gates",
                           "qfi_mul_mulh",
                           CellSet::gates,
                           {{"a_signed", 0}, {"b_signed", 0}, {"second_cycle", 0}, {"carry_in", 0}}},
                    Recipe{"mul_mapped", "qfi_mul", CellSet::gates, {}, true},
                    Recipe{"mulh_mapped",
                           "qfi_mul_mulh",
                           CellSet::gates,
                           {{"a_signed", 0}, {"b_signed", 0}, {"second_cycle", 0}, {"carry_in", 0}},
                           true}),
    [](const auto& info) { return info.param.name; });

std::string synth_error(const std::string& rtl, const std::string& top = "m") {
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  EXPECT_TRUE(write_file(folder.path() / "m.sv", rtl));
  SynthParams params;
  params.sources = {folder.path() / "m.sv"};
  params.top = top;
  params.reading = {"a", "b", "r", {}, false};
  params.output = folder.path() / "out";
  const auto stats = synthesize(params);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out.json") && !stats);
  return stats ? "no error" : stats.error().message;
}

TEST(Synth, WhatIsNoCombinationalMultiplierIsRefused) {
  const std::string ports = "module m(input [7:0] a, input [7:0] b, output [7:0] r);";
  EXPECT_EQ(synth_error(ports + "assign r = a * b; endmodule"), "no error");
  EXPECT_THAT(synth_error(ports + "assign r = a + b; endmodule"), testing::HasSubstr("no multiplier"));
  EXPECT_THAT(synth_error(ports + "assign r = a * ; endmodule"),
              testing::AllOf(testing::HasSubstr("m.sv:1: ERROR: syntax error")));
  EXPECT_THAT(synth_error(ports + "endmodule", "other"), testing::HasSubstr("ERROR"));
  EXPECT_THAT(synth_error("module m(input clk, input [7:0] a, input [7:0] b, output reg [7:0] r); always "
                          "@(posedge clk) r <= a * b; endmodule"),
              testing::HasSubstr("type $_DFF_P_ is not known"));
  EXPECT_THAT(synth_error(ports + "endmodule", "m; exec id"), testing::HasSubstr("not a plain identifier"));
}

TEST(Verilator, TwoInjectedFaultsHoldUntilCleared) {
  const Netlist netlist = value_of(read_netlist(netlist_file("mul_adders")));
  VerilatorModel model =
      value_of(VerilatorModel::open(netlist, {enumerate_sites(netlist, SiteKind::nets), {}}, k_cache));
  EXPECT_EQ(model.multiply(3, 5), 15);
  model.inject(StuckAt{value_of(find_site(netlist, "op_a[0]")), false});
  EXPECT_EQ(model.multiply(3, 5), 10);
  model.inject(StuckAt{value_of(find_site(netlist, "op_b[0]")), false});
  EXPECT_EQ(model.multiply(3, 5), 8);
  model.clear();
  EXPECT_EQ(model.multiply(-3, 5), -15);
}

// Bridges are built into the model, several sites are forced at once: the simulator's tables are the same.
TEST(Verilator, BridgesAndSeveralSitesEqualTheSimulator) {
  const Netlist netlist = value_of(read_netlist(netlist_file("mul_adders")));
  const auto bridges = value_of(NetlistPopulation::bridges(
      netlist, {BridgeKind::wired_and, BridgeKind::wired_or, BridgeKind::dominant}));
  const auto sets = value_of(NetlistPopulation::stuck_at(netlist, SiteKind::nets, 3));
  std::vector<NetlistFault> faults;
  for (std::uint64_t i = 0; i < 12; ++i) {
    faults.push_back(bridges.member(random_below(1, "bridge", i, bridges.size())));
    faults.push_back(sets.member(random_below(1, "sites", i, sets.size())));
  }
  VerilatorModel model = value_of(VerilatorModel::open(netlist, places_of(faults), k_cache));
  const Simulator simulator(netlist, {{-128, 127}, {-128, 127}, true});
  Simulator::Scratch scratch;
  std::size_t differing = 0, changed = 0;
  for (const NetlistFault& fault : faults) {
    differing += differences(model, simulator, fault, scratch, 0);
    std::vector<std::int32_t> products(simulator.grid().size());
    simulator.simulate(fault, scratch, products);
    changed += std::ranges::equal(products, simulator.golden()) ? 0 : 1;
  }
  EXPECT_EQ(differing, 0U);
  EXPECT_GT(changed, faults.size() / 2);
}

TEST(Verilator, ADamagedCachedModelIsBuiltAgain) {
  const TemporaryFolder cache = value_of(TemporaryFolder::create());
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  ASSERT_TRUE(
      write_file(folder.path() / "m.sv",
                 "module m(input [3:0] a, input [3:0] b, output [7:0] r); assign r = a * b; endmodule"));
  // 4-bit operands cut the INT8 pairs of the self-check: simulator and Verilator still agree.
  ASSERT_EQ(value_of(run_process(
                         {"yosys", "-q", "-p", "read_verilog m.sv; synth -flatten -top m; write_json m.json"},
                         folder.path(), std::chrono::seconds(60)))
                .exit_code,
            0);
  const Netlist netlist = value_of(read_netlist(folder.path() / "m.json", {"a", "b", "r", {}, false}));
  const auto sites = enumerate_sites(netlist, SiteKind::nets);
  value_of(VerilatorModel::open(netlist, {sites, {}}, cache.path()));
  std::filesystem::path library;
  for (const auto& entry : std::filesystem::directory_iterator(cache.path()))
    if (entry.path().extension() == ".so") library = entry.path();
  ASSERT_TRUE(write_file(library, "not a library"));
  std::filesystem::permissions(library,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  VerilatorModel model = value_of(VerilatorModel::open(netlist, {sites, {}}, cache.path()));
  EXPECT_EQ(model.multiply(3, 5), 15);
}

}  // namespace
}  // namespace qfi
