// SPDX-License-Identifier: Apache-2.0
// Synthesis by the Yosys that is there. `second_yosys` runs these tests once more with another version.
#include "qfi/netlist/synth.hpp"

#include <gmock/gmock.h>

#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "qfi/base/file.hpp"
#include "qfi/base/log.hpp"
#include "qfi/faults/collapse.hpp"
#include "qfi/faults/stuck_at.hpp"
#include "qfi/netlist/simulator.hpp"
#include "qfi/netlist/site_map.hpp"
#include "qfi/netlist/verilator.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Synthesis : public testing::Test {
 protected:
  Synthesis() {
    set_log_sink([this](LogLevel, const std::string& message) { m_messages.push_back(message); });
  }
  ~Synthesis() override { set_log_sink({}); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(write_file(m_folder.path() / name, text));
    return m_folder.path() / name;
  }
  SynthParams params(std::filesystem::path source, const std::string& top, NetlistReading reading) const {
    SynthParams result;
    result.sources = {std::move(source)};
    result.top = top;
    result.reading = std::move(reading);
    result.output = m_folder.path() / "out";
    return result;
  }
  Netlist written() const { return value_of(read_netlist(m_folder.path() / "out.json")); }
  nlohmann::json manifest() const {
    return nlohmann::json::parse(value_of(read_file(m_folder.path() / "out.manifest.json")));
  }
  static std::filesystem::path case_file(const std::string& name) {
    return test::shared_folder() / "data/cases" / name;
  }

  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
  std::vector<std::string> m_messages;
};

std::size_t wrong_int8_products(const Netlist& netlist) {
  return product_errors(Simulator(netlist, {{-128, 127}, {-128, 127}, true})).wrong;
}

struct Multiplier {
  std::string name;
  std::string rtl;
  CellSet cells;
  std::map<std::string, std::uint64_t> tie;
  friend void PrintTo(const Multiplier& multiplier, std::ostream* out) { *out << multiplier.name; }
};

class ProjectRtl : public Synthesis, public testing::WithParamInterface<Multiplier> {};

// synthesize() proves; of the mapping nothing may be left that a standard-cell mapper would not leave.
TEST_P(ProjectRtl, IsProvedWithoutConstantInputs) {
  const Multiplier& multiplier = GetParam();
  SynthParams asked = params(test::source_folder() / "rtl" / (multiplier.rtl + ".sv"), multiplier.rtl,
                             {"op_a", "op_b", "result", multiplier.tie, false});
  asked.cells = multiplier.cells;
  const SynthStats stats = value_of(synthesize(asked));
  EXPECT_EQ(stats.widths, "32 x 32 bits, signed");
  const Netlist netlist = written();
  for (const Cell& cell : netlist.cells)
    for (const Pin& pin : cell.pins) EXPECT_GT(pin.net, k_net_one) << cell.name << "/" << pin.name;
  EXPECT_EQ(wrong_int8_products(netlist), 0U);
  std::cout << multiplier.name << " by " << stats.yosys_version << ": " << stats.cells << " cells, "
            << stats.nets << " nets, depth " << stats.depth << "\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, ProjectRtl,
    testing::Values(Multiplier{"mul_gates", "qfi_mul", CellSet::gates, {}},
                    Multiplier{"mul_adders", "qfi_mul", CellSet::adders, {}},
                    Multiplier{"mulh_gates",
                               "qfi_mul_mulh",
                               CellSet::gates,
                               {{"a_signed", 0}, {"b_signed", 0}, {"second_cycle", 0}, {"carry_in", 0}}}),
    [](const auto& info) { return info.param.name; });

TEST_F(Synthesis, BothCellSetsOfASignedMultiplierAreProved) {
  QFI_NEEDS_SHARED_DATA();
  for (const CellSet cells : {CellSet::gates, CellSet::adders}) {
    SynthParams asked = params(case_file("yosys_0_68_abc_fast/m.v"), "m", {"a", "b", "y", {}, false});
    asked.cells = cells;
    EXPECT_EQ(value_of(synthesize(asked)).widths, "8 x 8 bits, signed");
    EXPECT_EQ(wrong_int8_products(written()), 0U);
  }
}

TEST_F(Synthesis, HierarchicalRtlHasNoNotesAmongItsCells) {
  QFI_NEEDS_SHARED_DATA();
  value_of(synthesize(params(case_file("yosys_scopeinfo_cells/rows.v"), "top", {"a", "b", "y", {}, true})));
  const Netlist netlist = written();
  EXPECT_EQ(netlist.gates.size(), netlist.cells.size());
}

TEST_F(Synthesis, ParametersOfTheTopModuleHaveTheValuesGiven) {
  const auto source = write("mul.sv",
                            "module mul #(parameter W = 4, parameter KIND = \"exact\")"
                            "(input signed [W-1:0] a, input signed [W-1:0] b, output signed [2*W-1:0] p);\n"
                            "  assign p = KIND == \"cut\" ? 0 : a * b;\nendmodule\n");
  SynthParams asked = params(source, "mul", {"a", "b", "p", {}, false});
  asked.parameters = {{"W", "8"}, {"KIND", "exact"}};
  EXPECT_EQ(value_of(synthesize(asked)).widths, "8 x 8 bits, signed");
  EXPECT_EQ(wrong_int8_products(written()), 0U);
  EXPECT_EQ(manifest()["parameters"], (nlohmann::json{{"KIND", "exact"}, {"W", "8"}}));
  asked.parameters["W"] = "8'h09";
  EXPECT_EQ(value_of(synthesize(asked)).widths, "9 x 9 bits, signed");
  asked.parameters["KIND"] = "cut";
  EXPECT_THAT(synthesize(asked).error().message, HasSubstr("no multiplier"));
  asked.parameters = {{"HEIGHT", "8"}};
  EXPECT_THAT(synthesize(asked).error().message, HasSubstr("HEIGHT"));
}

TEST_F(Synthesis, ParametersAreNoCommands) {
  const auto source = write("m.v",
                            "module m #(parameter W = 8)(input [W-1:0] a, input [W-1:0] b, output "
                            "[W-1:0] r); assign r = a * b; endmodule\n");
  for (const char* value : {"8; exec touch taken", "8\nexec touch taken", "8 m", "\"", "8'hzz", "", "$W",
                            "-1", "99999999999", "8'd4; shell"}) {
    SynthParams asked = params(source, "m", {"a", "b", "r", {}, false});
    asked.parameters = {{"W", value}};
    EXPECT_THAT(synthesize(asked).error().message, HasSubstr("parameter value")) << value;
    asked.parameters = {{value, "8"}};
    EXPECT_THAT(synthesize(asked).error().message, HasSubstr("parameter '")) << value;
  }
}

TEST_F(Synthesis, SingleBitPortsOfAVerilogNetlistAreOperands) {
  QFI_NEEDS_SHARED_DATA();
  value_of(synthesize(params(case_file("bit_blasted_ports/netlist.v"), "m", {"a", "b", "y", {}, false})));
  EXPECT_EQ(wrong_int8_products(written()), 0U);
}

TEST_F(Synthesis, AUnitThatIsTooNarrowSaysWhatItLacks) {
  const auto source = write("m.v",
                            "module m(input signed [3:0] a, input signed [3:0] b, output signed [7:0] "
                            "r); assign r = a * b; endmodule\n");
  const SynthStats stats = value_of(synthesize(params(source, "m", {"a", "b", "r", {}, false})));
  EXPECT_EQ(stats.widths, "4 x 4 bits, signed");
  EXPECT_EQ(stats.fits.front().missing, "port rs1 has 4 bits, signed, and -128 .. 127 need 8");
}

TEST_F(Synthesis, AnApproximateMultiplierIsTakenAsItIs) {
  const auto source = write("trunc.v",
                            "module trunc(input signed [7:0] A, input signed [7:0] B, output [15:0] "
                            "O);\n  wire signed [15:0] p = A * B;\n  assign O = {p[15:2], 2'b00};\n"
                            "endmodule\n");
  SynthParams asked = params(source, "trunc", {"A", "B", "O", {}, false});
  EXPECT_THAT(synthesize(asked).error().message, HasSubstr("no multiplier"));
  asked.reading.is_approximate = true;
  const SynthStats stats = value_of(synthesize(asked));
  ASSERT_TRUE(stats.errors);
  // A product is a multiple of 4 where both operands are even, or one of them is one of 4.
  EXPECT_EQ(stats.errors->pairs, 65536U);
  EXPECT_EQ(stats.errors->wrong, 32768U);
  EXPECT_EQ(stats.errors->worst, 3U);
  EXPECT_TRUE(written().is_approximate) << "the file says it";
  EXPECT_EQ(manifest()["approximate"], true);
}

constexpr const char* k_cells =
    "module INV(input A, output ZN); assign ZN = !A; endmodule\n"
    "module AND2(input A, B, output Z, inout VDD, inout VSS); assign Z = A & B; endmodule\n"
    "module FULL(input A, B, CI, output S, CO); assign {CO, S} = A + B + CI; endmodule\n"
    "module DFF(input D, CK, output reg Q); always @(posedge CK) Q <= D; endmodule\n";

// 2 x 2 bits, unsigned, of library cells.
std::string two_by_two(const std::string& more = "") {
  return "module m(a, b, p);\n  input [1:0] a, b;\n  output [3:0] p;\n  wire w1, w2, w3, c1, i1;\n"
         "  AND2 g0 (.A(a[0]), .B(b[0]), .Z(p[0]));\n  AND2 g1 (.A(a[1]), .B(b[0]), .Z(w1));\n"
         "  AND2 g2 (.A(a[0]), .B(b[1]), .Z(w2));\n  AND2 g3 (.A(a[1]), .B(b[1]), .Z(w3));\n"
         "  FULL f1 (.A(w1), .B(w2), .CI(1'b0), .S(p[1]), .CO(c1));\n"
         "  FULL f2 (.A(w3), .B(c1), .CI(1'b0), .S(p[2]), .CO(p[3]));\n" +
         more + "endmodule\n";
}

TEST_F(Synthesis, CellsOfALibraryStayAsTheyAre) {
  SynthParams asked = params(write("net.v", two_by_two()), "m", {"a", "b", "p", {}, true});
  asked.reading.libraries = {write("cells.v", k_cells)};
  const SynthStats stats = value_of(synthesize(asked));
  EXPECT_EQ(stats.cells, 6U);
  const Netlist netlist = written();  // needs no library any more
  EXPECT_EQ(product_errors(Simulator(netlist, {{0, 3}, {0, 3}, true})).wrong, 0U);
  for (const char* site : {"g3/Z", "f1/CI", "f2/CO", "w1", "c1"})
    EXPECT_TRUE(find_site(netlist, site)) << site;
  EXPECT_FALSE(find_site(netlist, "g1/VDD"));
  EXPECT_EQ(manifest()["libraries"][0]["file"], "cells.v");
  EXPECT_EQ(manifest()["cells_by_type"], (nlohmann::json{{"AND2", 4}, {"FULL", 2}}));
  EXPECT_THAT(m_messages, IsEmpty());
}

TEST_F(Synthesis, LibraryCellsEqualVerilatorOnEveryPin) {
  SynthParams asked = params(write("net.v", two_by_two()), "m", {"a", "b", "p", {}, true});
  asked.reading.libraries = {write("cells.v", k_cells)};
  value_of(synthesize(asked));
  const Netlist netlist = written();
  const auto sites = enumerate_sites(netlist, SiteKind::pins);
  VerilatorModel model = value_of(VerilatorModel::open(netlist, {sites, {}}, m_folder.path() / "cache"));
  const Simulator simulator(netlist, {{0, 3}, {0, 3}, true});
  Simulator::Scratch scratch;
  std::vector<std::int32_t> products(16);
  for (std::uint64_t i = 0; i < 2 * sites.size(); ++i) {
    const StuckAt fault = stuck_at_member(sites, i);
    simulator.simulate(fault, scratch, products);
    model.inject(fault);
    for (int a = 0; a < 4; ++a)
      for (int b = 0; b < 4; ++b)
        EXPECT_EQ(model.multiply(a, b), products[static_cast<std::size_t>(a * 4 + b)])
            << site_name(netlist, fault.site) << " stuck at " << fault.value;
    model.clear();
  }
}

// The cells of two_by_two() as a Liberty file, and some that are no gates.
const char* const k_liberty =
    "library (l) {\n"
    "  cell (AND2) { area : 1; pg_pin (VDD) { pg_type : primary_power; } pin (A) { direction : input; }\n"
    "    pin (B) { direction : input; } pin (Z) { direction : output; function : \"A & B\"; } }\n"
    "  cell (FULL) { area : 4; pin (A) { direction : input; } pin (B) { direction : input; }\n"
    "    pin (CI) { direction : input; } pin (S) { direction : output; function : \"A ^ B ^ CI\"; }\n"
    "    pin (CO) { direction : output; function : \"A B + CI (A + B)\"; } }\n"
    "  cell (DFF) { ff (IQ, IQN) { next_state : \"D\"; clocked_on : \"CK\"; } pin (D) { direction : input; "
    "}\n"
    "    pin (CK) { direction : input; } pin (Q) { direction : output; function : \"IQ\"; } }\n"
    "  cell (TBUF) { pin (A) { direction : input; } pin (EN) { direction : input; }\n"
    "    pin (Z) { direction : output; function : \"A\"; three_state : \"!EN\"; } }\n"
    "  cell (GATE) { statetable (\"CK\", \"IQ\") { table : \"L : - : H\"; } pin (CK) { direction : input; }\n"
    "    pin (Z) { direction : output; state_function : \"IQ\"; } }\n"
    "  cell (BOX) { pin (A) { direction : input; } pin (Z) { direction : output; } }\n"
    "}\n";

TEST_F(Synthesis, CellsOfALibertyFileAreThoseOfTheVerilogOne) {
  SynthParams asked = params(write("net.v", two_by_two()), "m", {"a", "b", "p", {}, true});
  asked.reading.libraries = {write("cells.v", k_cells)};
  value_of(synthesize(asked));
  const Netlist verilog = written();
  asked.reading.libraries = {write("cells.lib", k_liberty)};
  EXPECT_EQ(value_of(synthesize(asked)).cells, 6U);
  const Netlist liberty = written();
  ASSERT_EQ(liberty.gates.size(), verilog.gates.size());
  for (const char* fault : {"g1/A:1", "f2/CI:1", "f1/CO:0", "w3:0"}) {
    const auto products = [&](const Netlist& netlist) {
      std::vector<std::int32_t> result(16);
      Simulator::Scratch scratch;
      const NetlistFault stuck = value_of(parse_fault(netlist, fault));
      Simulator(netlist, {{0, 3}, {0, 3}, true}).simulate(stuck, scratch, result);
      return result;
    };
    EXPECT_EQ(products(liberty), products(verilog)) << fault;
  }
}

TEST_F(Synthesis, CellsThatLibertyTellsToBeNoGatesAreErrors) {
  const auto error_with = [&](const std::string& cell) {
    SynthParams asked =
        params(write("net.v", two_by_two("  " + cell + "\n")), "m", {"a", "b", "p", {}, true});
    asked.reading.libraries = {write("cells.lib", k_liberty)};
    return synthesize(asked).error().message;
  };
  EXPECT_THAT(error_with("DFF d (.D(a[0]), .CK(a[1]), .Q(i1));"),
              HasSubstr("cell 'd': a DFF cannot be used: it has state (ff)"));
  EXPECT_THAT(error_with("TBUF t (.A(a[0]), .EN(a[1]), .Z(i1));"),
              HasSubstr("cell 't': a TBUF cannot be used: it has a tri-state pin"));
  EXPECT_THAT(error_with("GATE g (.CK(a[0]), .Z(i1));"),
              HasSubstr("cell 'g': a GATE cannot be used: it has state (statetable)"));
  EXPECT_THAT(error_with("BOX x (.A(a[0]), .Z(i1));"),
              HasSubstr("cell 'x': a BOX cannot be used: the library does not tell what it computes"));
}

TEST_F(Synthesis, RtlIsMappedToTheCellsOfALiberty) {
  const auto rtl = write("m.v", "module m(input [3:0] a, b, output [7:0] p); assign p = a * b; endmodule\n");
  SynthParams asked = params(rtl, "m", {"a", "b", "p", {}, true});
  asked.liberty.files = {test::source_folder() / "netlists/cells.lib"};
  value_of(synthesize(asked));
  std::map<std::string, int> types;
  for (const Cell& cell : written().cells) ++types[cell.type];
  EXPECT_GT(types["FA_X1"], 3);
  for (const auto& [type, count] : types) EXPECT_TRUE(type.ends_with("_X1")) << type;
  asked.liberty.unused = {"FA_*", "HA_*", "XOR2_X1"};
  value_of(synthesize(asked));
  for (const Cell& cell : written().cells)
    EXPECT_FALSE(cell.type == "FA_X1" || cell.type == "HA_X1" || cell.type == "XOR2_X1") << cell.type;
  EXPECT_EQ(manifest()["dont_use"].size(), 3U);
  asked.liberty.unused = {"FAX*"};
  EXPECT_THAT(synthesize(asked).error().message, HasSubstr("no cell matches 'FAX*'"));
  asked.liberty.unused.clear();
  asked.reading.libraries = asked.liberty.files;
  EXPECT_THAT(synthesize(asked).error().message, HasSubstr("give one of them"));
}

// The mapped netlist as its Verilog, read through its library, is the one that `qfi synth` wrote.
TEST_F(Synthesis, AMappedNetlistIsReadFromItsVerilog) {
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

TEST_F(Synthesis, ANetlistOfSeveralModulesHasATop) {
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

TEST_F(Synthesis, RtlIsNoNetlist) {
  const auto file =
      write("m.v", "module m(input [7:0] a, b, output [15:0] p); assign p = a * b; endmodule\n");
  EXPECT_THAT(read_netlist(file, {"a", "b", "p", {}, true}).error().message,
              HasSubstr("is an operator ($mul), no gate: this is RTL, which `qfi synth` makes a netlist of"));
}

// One-bit product, and a sum that the product port needs: tables of two and of three inputs.
TEST_F(Synthesis, TablesOfBlifAreGates) {
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
TEST_F(Synthesis, CellsThatLibertyLacksComeFromVerilogPrimitives) {
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

TEST_F(Synthesis, CellsHaveNoParameters) {
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
TEST_F(Synthesis, AnInputWithoutEffectIsEquivalentToNothing) {
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
TEST_F(Synthesis, PhysicalCellsAreLeftOut) {
  NetlistReading reading{"a", "b", "p", {}, true, false, {write("cells.v", k_cells)}};
  const auto file = write(
      "net.v", two_by_two("  supply1 VDD; supply0 VSS;\n  FILL8 f ();\n  TAP t (.VDD(VDD), .VSS(VSS));\n"));
  EXPECT_EQ(value_of(read_netlist(file, reading)).cells.size(), 6U);
}

// Every mapped gate comes from one of the five expressions of qfi_mul.sv; a gate that reads bits of both low
// halves alone is of their product.
TEST_F(Synthesis, GatesComeFromLinesOfTheRtl) {
  for (const CellSet cells : {CellSet::gates, CellSet::adders}) {
    SynthParams asked =
        params(test::source_folder() / "rtl/qfi_mul.sv", "qfi_mul", {"op_a", "op_b", "result", {}, false});
    asked.cells = cells;
    value_of(synthesize(asked));
    const Netlist netlist = written();
    std::map<std::string, int> gates;
    for (const Cell& cell : netlist.cells) {
      ASSERT_EQ(cell.sources.size(), 1U) << cell.name;
      ++gates[cell.sources[0]];
    }
    EXPECT_THAT(gates,
                testing::UnorderedElementsAre(testing::Key("qfi_mul.sv:20"), testing::Key("qfi_mul.sv:21"),
                                              testing::Key("qfi_mul.sv:22"), testing::Key("qfi_mul.sv:25")));
    EXPECT_GT(gates["qfi_mul.sv:20"], gates["qfi_mul.sv:21"]) << "all bits of that product are needed";
    const SiteMap map(netlist);
    EXPECT_THAT(map.place({Site::Kind::net, netlist.result[0], 0}).sources, ElementsAre("qfi_mul.sv:20"));
    EXPECT_THAT(map.place({Site::Kind::net, netlist.result[31], 0}).sources, ElementsAre("qfi_mul.sv:25"));
  }
}

TEST_F(Synthesis, GatesComeFromInstances) {
  const auto rtl = write(
      "m.v",
      "module m(input [3:0] a, b, output [7:0] p);\n  wire [7:0] low, high;\n  part u_low (a, b[1:0], low);\n"
      "  part u_high (a, b[3:2], high);\n  assign p = low + (high << 2);\nendmodule\n"
      "module part(input [3:0] x, input [1:0] y, output [7:0] z);\n  assign z = x * y;\nendmodule\n");
  value_of(synthesize(params(rtl, "m", {"a", "b", "p", {}, true})));
  std::set<std::string> origins;
  for (const Cell& cell : written().cells) origins.insert(cell.instance + " " + cell.sources.at(0));
  EXPECT_THAT(origins, testing::UnorderedElementsAre("u_low m.v:8", "u_high m.v:8", " m.v:5"));
}

TEST_F(Synthesis, CellsThatALibraryCannotTellAreErrors) {
  SynthParams asked = params(write("net.v", two_by_two("  DFF d (.D(a[0]), .CK(a[1]), .Q(i1));\n")), "m",
                             {"a", "b", "p", {}, true});
  asked.reading.libraries = {write("cells.v", k_cells)};
  EXPECT_THAT(synthesize(asked).error().message, HasSubstr("cell 'd': a DFF cannot be used"));
  asked.sources = {write("other.v", two_by_two("  NOR9 n (.A(a[0]), .Z(i1));\n"))};
  EXPECT_THAT(synthesize(asked).error().message, HasSubstr("NOR9"));
  asked.reading.libraries = {write("broken.v", "module INV(input A, output ZN); assign ZN = ; endmodule\n")};
  EXPECT_THAT(synthesize(asked).error().message, HasSubstr("broken.v:1: ERROR"));
}

TEST_F(Synthesis, TheLibraryOfTheCaseGivesTheFunctionsOfItsCells) {
  QFI_NEEDS_SHARED_DATA();
  NetlistReading reading{"a", "b", "y", {}, false};
  EXPECT_THAT(read_netlist(case_file("library_cells/lib.json"), reading).error().message,
              HasSubstr("is not known"));
  reading.libraries = {case_file("library_cells/cells.v")};
  const Netlist netlist = value_of(read_netlist(case_file("library_cells/lib.json"), reading));
  EXPECT_EQ(netlist.cells.size(), 448U);
  EXPECT_EQ(wrong_int8_products(netlist), 0U);

  const SynthStats stats = value_of(synthesize(params(case_file("library_cells/libnet.v"), "m", reading)));
  EXPECT_EQ(stats.cells, 448U);
  EXPECT_EQ(wrong_int8_products(written()), 0U);
}

TEST_F(Synthesis, OptimizingANetlistAnewIsWarnedOf) {
  QFI_NEEDS_SHARED_DATA();
  SynthParams asked = params(case_file("library_cells/libnet.v"), "m", {"a", "b", "y", {}, false});
  asked.sources.push_back(case_file("library_cells/cells.v"));
  EXPECT_NE(value_of(synthesize(asked)).cells, 448U);
  EXPECT_THAT(m_messages, ElementsAre(HasSubstr("m is a netlist of 448 cells: it is optimized anew")));
}

}  // namespace
}  // namespace qfi
