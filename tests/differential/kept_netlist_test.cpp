// SPDX-License-Identifier: Apache-2.0
// Netlists that other tools have mapped, in Verilog and BLIF: cells, nets and names stay.
#include <gmock/gmock.h>

#include <set>

#include "qfi/faults/collapse.hpp"
#include "qfi/faults/stuck_at.hpp"
#include "qfi/netlist/simulator.hpp"
#include "synthesis.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class KeptNetlists : public Synthesis {};

// The mapped netlist as its Verilog, read through its library, is the one that `qfi synth` wrote.
TEST_F(KeptNetlists, AMappedNetlistIsReadFromItsVerilog) {
  NetlistReading reading{"op_a", "op_b", "result", {}, false};
  reading.libraries = {test::source_folder() / "netlists/cells.lib"};
  const Netlist verilog = value_of(read_netlist(test::source_folder() / "netlists/mul_mapped.v", reading));
  const Netlist json = value_of(read_netlist(test::source_folder() / "netlists/mul_mapped.json"));
  std::set<std::string> sites[2];
  for (const bool is_json : {false, true})
    for (const Site& site : enumerate_sites(is_json ? json : verilog, SiteKind::pins))
      sites[is_json].insert(site_name(is_json ? json : verilog, site));
  EXPECT_EQ(sites[0], sites[1]);
  ASSERT_FALSE(verilog.cells.empty());
  EXPECT_THAT(verilog.cells[0].sources, testing::ElementsAre(testing::StartsWith("mul_mapped.v:")));
  EXPECT_EQ(verilog.cells[0].area, json.cells[0].area) << "the netlist tells the area, too";
  const std::string fault = site_name(json, {Site::Kind::pin, 77, 0}) + ":1";
  const OperandGrid grid{{-128, 127}, {-128, 127}, true};
  std::vector<std::int32_t> products[2];
  for (const bool is_json : {false, true}) {
    const Netlist& netlist = is_json ? json : verilog;
    products[is_json].resize(grid.size());
    Simulator::Scratch scratch;
    Simulator(netlist, grid).simulate(value_of(parse_fault(netlist, fault)), scratch, products[is_json]);
  }
  EXPECT_EQ(products[0], products[1]);
}

TEST_F(KeptNetlists, ANetlistOfSeveralModulesHasATop) {
  const std::string other = "module other(input a, output y); INV i (.A(a), .ZN(y)); endmodule\n";
  const auto file = write("net.v", two_by_two() + other);
  NetlistReading reading{"a", "b", "p", {}, true, false, {write("cells.v", k_cells)}};
  EXPECT_THAT(read_netlist(file, reading).error().message,
              AllOf(HasSubstr("several modules are instantiated by no other one"), HasSubstr("m, other")));
  reading.top = "m";
  EXPECT_EQ(value_of(read_netlist(file, reading)).module_name, "m");
  EXPECT_EQ(value_of(read_netlist(file, reading)).cells.size(), 6U);
  reading.top = "n";
  EXPECT_THAT(read_netlist(file, reading).error().message, HasSubstr("ERROR"));
  reading.top = "m; exec touch taken";
  EXPECT_THAT(read_netlist(file, reading).error().message, HasSubstr("not a plain identifier"));
  reading.top.clear();
  EXPECT_EQ(
      value_of(read_netlist(write("used.v", two_by_two("  other o (.a(a[0]), .y(i1));\n") + other), reading))
          .cells.size(),
      7U);
  EXPECT_THAT(m_messages, IsEmpty());
}

TEST_F(KeptNetlists, RtlIsNoNetlist) {
  const auto file =
      write("m.v", "module m(input [7:0] a, b, output [15:0] p); assign p = a * b; endmodule\n");
  EXPECT_THAT(read_netlist(file, {"a", "b", "p", {}, true}).error().message,
              HasSubstr("is an operator ($mul), no gate: this is RTL, which `qfi synth` makes a netlist of"));
}

// One-bit product, and a sum that the product port needs: tables of two and of three inputs.
TEST_F(KeptNetlists, TablesOfBlifAreGates) {
  const auto file = write(
      "m.blif",
      ".model m\n.inputs a[0] a[1] b[0] b[1]\n.outputs p[0] p[1] p[2] p[3]\n.names a[0] b[0] p[0]\n11 1\n"
      ".names a[0] a[1] b[0] b[1] p[1]\n1-01 1\n10-1 1\n-110 1\n011- 1\n"
      ".names a[0] a[1] b[0] b[1] p[2]\n-101 1\n01-1 1\n"
      ".names a[0] a[1] b[0] b[1] p[3]\n1111 1\n.end\n");
  const Netlist netlist = value_of(read_netlist(file, {"a", "b", "p", {}, true}));
  EXPECT_EQ(netlist.cells.size(), 4U);
  EXPECT_EQ(product_errors(Simulator(netlist, {{0, 3}, {0, 3}, true})).wrong, 0U);
  EXPECT_EQ(enumerate_sites(netlist, SiteKind::nets).size(), 8U);
}

// A library file with user-defined primitives fills what a Liberty file leaves open.
TEST_F(KeptNetlists, CellsThatLibertyLacksComeFromVerilogPrimitives) {
  const auto net = write("net.v", two_by_two());
  NetlistReading reading{"a", "b", "p", {}, true};
  reading.libraries = {write(
      "cells.lib",
      "library (l) { cell (AND2) { area : 1.5; pin (A) { direction : input; } pin (B) { direction : "
      "input; } pin (Z) { direction : output; function : \"A & B\"; } }\n  cell (FULL) { area : 4; pin (A) "
      "{ direction : input; } pin (S) { direction : output; } } }\n")};
  EXPECT_THAT(read_netlist(net, reading).error().message, HasSubstr("FULL"));
  reading.libraries.push_back(write(
      "udp.v",
      "primitive sum (s, a, b, c); output s; input a, b, c; table 0 0 1 : 1; 0 1 0 : 1; 1 0 0 : 1; 1 1 1 : "
      "1; "
      "0 0 0 : 0; 0 1 1 : 0; 1 0 1 : 0; 1 1 0 : 0; endtable endprimitive\n"
      "primitive carry (y, a, b, c); output y; input a, b, c; table 1 1 ? : 1; 1 ? 1 : 1; ? 1 1 : 1; 0 0 ? : "
      "0; 0 ? 0 : 0; ? 0 0 : 0; endtable endprimitive\n"
      "module FULL(input A, B, CI, output S, CO); sum (S, A, B, CI); carry (CO, A, B, CI); endmodule\n"));
  const Netlist netlist = value_of(read_netlist(net, reading));
  EXPECT_EQ(product_errors(Simulator(netlist, {{0, 3}, {0, 3}, true})).wrong, 0U);
  EXPECT_EQ(netlist.cells.size(), 6U);
}

TEST_F(KeptNetlists, CellsHaveNoParameters) {
  const auto library = write(
      "lut.v",
      "module LUT2 #(parameter INIT = 4'h8)(input A, B, output Z); assign Z = INIT[{B, A}]; endmodule\n");
  const auto file = write("net.v",
                          "module m(input [1:0] a, b, output [3:0] p);\n  LUT2 #(.INIT(4'h6)) g (.A(a[0]), "
                          ".B(b[0]), .Z(p[0]));\n  assign p[3:1] = 0;\nendmodule\n");
  EXPECT_THAT(read_netlist(file, {"a", "b", "p", {}, true, true, {library}}).error().message,
              HasSubstr("cell 'g': its parameters change what a LUT2 computes"));
}

// A cell that ignores an input keeps its table, so that the faults of that input are equivalent to none.
TEST_F(KeptNetlists, AnInputWithoutEffectIsEquivalentToNothing) {
  const auto file = write(
      "m.blif",
      ".model m\n.inputs a[0] b[0] c[0]\n.outputs p[0]\n.names a[0] b[0] c[0] p[0]\n110 1\n111 1\n.end\n");
  const Netlist netlist = value_of(read_netlist(file, {"a", "b", "p", {{"c[0]", 0}}, true, true}));
  const std::vector<Site> sites = enumerate_sites(netlist, SiteKind::pins);
  const auto classes = structural_classes(netlist, sites);
  ASSERT_EQ(sites.size(), 4U);
  EXPECT_EQ(classes[0], classes[6]) << "A[0] and Y stuck at 0";
  EXPECT_NE(classes[4], classes[6]) << "A[2] has no effect";
  EXPECT_NE(classes[5], classes[6]);
}

// Fillers and taps of a layout have nothing but supplies.
TEST_F(KeptNetlists, PhysicalCellsAreLeftOut) {
  NetlistReading reading{"a", "b", "p", {}, true, false, {write("cells.v", k_cells)}};
  const auto file = write(
      "net.v", two_by_two("  supply1 VDD; supply0 VSS;\n  FILL8 f ();\n  TAP t (.VDD(VDD), .VSS(VSS));\n"));
  EXPECT_EQ(value_of(read_netlist(file, reading)).cells.size(), 6U);
}

}  // namespace
}  // namespace qfi
