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
#include "qfi/faults/stuck_at.hpp"
#include "qfi/netlist/simulator.hpp"
#include "qfi/netlist/site_map.hpp"
#include "qfi/netlist/verilator.hpp"
#include "synthesis.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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
    EXPECT_THAT(map.place({Site::Kind::net, netlist.rs1[3], 0}).sources, ElementsAre("qfi_mul.sv:8"));
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
