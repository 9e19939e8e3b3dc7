// SPDX-License-Identifier: Apache-2.0
// Netlists as other tools write them: notes without a function, ports in single bits, supplies, nets without
// a value, cells that a table describes.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "netlist/cell_library.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/random.hpp"
#include "qfi/faults/collapse.hpp"
#include "qfi/faults/stuck_at.hpp"
#include "qfi/netlist/operand_fit.hpp"
#include "qfi/netlist/simulator.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using nlohmann::json;
using test::value_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

json cell_of(const std::string& type, const json& connections) {
  return {{"type", type}, {"connections", connections}};
}

json port(const char* direction, const json& bits) { return {{"direction", direction}, {"bits", bits}}; }

// r = {0, a[0] & b[0]} of operands of 2 bits.
json and_of_first_bits() {
  return {{"attributes", {{"qfi_rs1", "a"}, {"qfi_rs2", "b"}, {"qfi_result", "r"}}},
          {"ports",
           {{"a", port("input", {2, 3})}, {"b", port("input", {4, 5})}, {"r", port("output", {6, "0"})}}},
          {"cells", {{"g", cell_of("$_AND_", {{"A", {2}}, {"B", {4}}, {"Y", {6}}})}}},
          {"netnames", json::object()}};
}

Result<Netlist> parse(const json& module, const NetlistReading& reading = {}) {
  return parse_netlist(json{{"modules", {{"m", module}}}}.dump(), "n.json", reading);
}

std::string refusal(const json& module, const NetlistReading& reading = {}) {
  const auto netlist = parse(module, reading);
  return netlist ? "no error" : netlist.error().message;
}

std::vector<std::int32_t> products_of(const Netlist& netlist) {
  const Simulator simulator(netlist, {{0, 1}, {0, 1}, true});
  return {simulator.golden().begin(), simulator.golden().end()};
}

// The messages of a test's libraries.
class Messages {
 public:
  Messages() {
    set_log_sink([this](LogLevel, const std::string& message) { m_lines.push_back(message); });
  }
  ~Messages() { set_log_sink({}); }
  const std::vector<std::string>& lines() const { return m_lines; }

 private:
  std::vector<std::string> m_lines;
};

std::filesystem::path case_file(const std::string& name) {
  return test::shared_folder() / "data/cases" / name;
}

TEST(NetlistForms, NotesAboutTheHierarchyAreNoCells) {
  json module = and_of_first_bits();
  module["cells"]["u"] = {{"type", "$scopeinfo"}, {"connections", json::object()}};
  const Netlist netlist = value_of(parse(module));
  EXPECT_EQ(netlist.cells.size(), 1U);
  QFI_NEEDS_SHARED_DATA();
  const Netlist rows =
      value_of(read_netlist(case_file("yosys_scopeinfo_cells/netlist.json"), {"a", "b", "y", {}, true}));
  EXPECT_EQ(rows.gates.size(), 320U);
}

TEST(NetlistForms, SingleBitsOfAPortAreTakenTogether) {
  const json whole = and_of_first_bits();
  for (const char* form : {"{}[{}]", "\\{}[{}]", "{}<{}>", "{}({})", "\\{}[{}] "}) {
    json module = whole;
    module["ports"] = json::object();
    for (const auto& [name, entry] : whole["ports"].items())
      for (std::size_t bit = 0; bit < 2; ++bit)
        module["ports"][fmt::format(fmt::runtime(form), name, bit)] =
            port(name == "r" ? "output" : "input", json::array({entry["bits"][bit]}));
    const Netlist netlist = value_of(parse(module));
    EXPECT_EQ(netlist.rs1.size(), 2U) << form;
    EXPECT_THAT(products_of(netlist), ElementsAre(0, 0, 0, 1)) << form;
    EXPECT_EQ(value_of(find_site(netlist, "b[0]")).index, netlist.rs2[0]) << form;
  }
}

TEST(NetlistForms, BitsOfAPortThatDoNotFitTogetherAreAnError) {
  json gap = and_of_first_bits();
  gap["ports"].erase("a");
  gap["ports"]["a[0]"] = port("input", {2});
  gap["ports"]["a[2]"] = port("input", {3});
  EXPECT_THAT(refusal(gap), HasSubstr("of the ports 'a[0]' to 'a[2]', bit 1 is missing"));
  json twice = gap;
  twice["ports"]["a<0>"] = port("input", {3});
  EXPECT_THAT(refusal(twice), HasSubstr("two ports are bit 0 of 'a'"));
  json directions = gap;
  directions["ports"].erase("a[2]");
  directions["ports"]["a[1]"] = port("output", {3});
  EXPECT_THAT(refusal(directions), HasSubstr("differ in direction"));
}

TEST(NetlistForms, SingleBitsThatDoNotBeginAtZeroAreWarnedOf) {
  json module = and_of_first_bits();
  module["ports"].erase("a");
  module["ports"]["a[4]"] = port("input", {2});
  module["ports"]["a[5]"] = port("input", {3});
  const Messages messages;
  EXPECT_THAT(products_of(value_of(parse(module))), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(messages.lines(), ElementsAre(HasSubstr("'a[4]' to 'a[5]' are taken as 'a'")));
}

TEST(NetlistForms, TiesNameAPortOrItsSingleBits) {
  json module = and_of_first_bits();
  module["ports"]["mode[0]"] = port("input", {7});
  module["ports"]["mode[1]"] = port("input", {8});
  module["cells"]["g"]["connections"]["B"] = {8};
  EXPECT_THAT(refusal(module), HasSubstr("input port 'mode' is neither operand nor tied"));
  NetlistReading reading;
  reading.tie = {{"mode", 2}};
  EXPECT_THAT(products_of(value_of(parse(module, reading))), ElementsAre(0, 0, 1, 1));
  reading.tie = {{"mode[0]", 0}, {"mode[1]", 1}};
  EXPECT_THAT(products_of(value_of(parse(module, reading))), ElementsAre(0, 0, 1, 1));
  reading.tie["mood"] = 1;
  EXPECT_THAT(refusal(module, reading),
              HasSubstr("there is no free input port 'mood'; free input ports: mode"));
}

TEST(NetlistForms, InputsThatNothingReadsNeedNoValue) {
  json module = and_of_first_bits();
  module["ports"]["clk"] = port("input", {9});
  EXPECT_EQ(refusal(module), "no error");
  module["cells"]["h"] = cell_of("$_NOT_", {{"A", {9}}, {"Y", {10}}});
  EXPECT_THAT(refusal(module), HasSubstr("'clk' is neither operand nor tied"));
}

TEST(NetlistForms, SuppliesDoNotDisturbAndHoldTheirLevel) {
  json module = and_of_first_bits();
  for (const char* direction : {"inout", "input"}) {
    std::int64_t net = 20;
    for (const char* name : {"VDD", "VSS", "VPWR", "VGND", "VPB", "VNB", "vccd1", "gnd!"})
      module["ports"][name] = port(direction, {net++});
    EXPECT_EQ(refusal(module), "no error") << direction;
  }
  module["ports"]["VDD"] = port("inout", {30});
  module["cells"]["g"]["connections"]["B"] = {30};
  EXPECT_THAT(products_of(value_of(parse(module))), ElementsAre(0, 0, 1, 1)) << "VDD is 1";
  module["ports"]["bus"] = port("inout", {31});
  EXPECT_EQ(refusal(module), "no error") << "nothing reads it";
  module["cells"]["g"]["connections"]["B"] = {31};
  EXPECT_THAT(refusal(module), HasSubstr("'bus' is neither operand nor tied"));
}

TEST(NetlistForms, NetsWithoutAValueAreNoErrorWhereNothingReadsThem) {
  json module = and_of_first_bits();
  module["netnames"]["unused"] = {{"bits", {"x", 6, "z"}}};
  module["ports"]["spare"] = port("output", {"x"});
  module["cells"]["f"] =
      cell_of("QFI_FA", {{"A", {2}}, {"B", {4}}, {"CI", {"0"}}, {"S", {7}}, {"CO", {"x"}}});
  const Netlist netlist = value_of(parse(module));
  EXPECT_EQ(enumerate_sites(netlist, SiteKind::nets).size(), 3U) << "a[0], b[0], r[0]";
  module["ports"]["r"] = port("output", {6, "x"});
  EXPECT_THAT(refusal(module), HasSubstr("port 'r' reads a net that is undefined"));
}

TEST(NetlistForms, PortsOfThePlaceAndRouteCaseAreOperands) {
  QFI_NEEDS_SHARED_DATA();
  const Netlist netlist =
      value_of(read_netlist(case_file("bit_blasted_ports/netlist.json"), {"a", "b", "y", {}, false}));
  EXPECT_EQ(operand_widths(netlist), "8 x 8 bits, signed");
  const Simulator simulator(netlist, {{-128, 127}, {-128, 127}, true});
  EXPECT_EQ(product_errors(simulator).wrong, 0U);
}

// A cell of `count` inputs, operands of 3 bits, and an output of this table.
json with_table(std::size_t count, std::uint64_t table) {
  CellType type{"CELL", {}, {{"Z", GateOp::table, table}}, {"VDD"}, ""};
  json connections = {{"Z", {20}}, {"VDD", {30}}};
  for (std::size_t k = 0; k < count; ++k) {
    type.inputs.push_back("I" + std::to_string(k));
    connections[type.inputs.back()] = {10 + k};
  }
  return {{"attributes",
           {{"qfi_rs1", "a"}, {"qfi_rs2", "b"}, {"qfi_result", "r"}, {"qfi_cell_CELL", cell_text(type)}}},
          {"ports",
           {{"a", port("input", {10, 11, 12})},
            {"b", port("input", {13, 14, 15})},
            {"VDD", port("inout", {30})},
            {"r", port("output", {20, "0"})}}},
          {"cells", {{"g", cell_of("CELL", connections)}}},
          {"netnames", json::object()}};
}

TEST(LibraryCells, ComputeTheirTableWithAnyPinStuck) {
  for (std::size_t count = 0; count <= k_gate_inputs; ++count)
    for (std::uint64_t round = 0; round < 6; ++round) {
      const std::size_t size = std::size_t{1} << count;
      const std::uint64_t bits = random_bits(count, "table", round);
      std::uint64_t table = 0;
      for (std::size_t i = 0; i < 64; ++i) table |= (bits >> (i % size) & 1) << i;
      const Netlist netlist = value_of(parse(with_table(count, table)));
      const Simulator simulator(netlist, {{0, 7}, {0, 7}, true});
      Simulator::Scratch scratch;
      std::vector<std::int32_t> products(64);
      for (std::size_t pin = 0; pin <= count; ++pin)  // the last one is the output
        for (const bool value : {false, true}) {
          const StuckAt fault{{Site::Kind::pin, 0, static_cast<std::uint32_t>(pin)}, value};
          simulator.simulate(fault, scratch, products);
          for (std::size_t a = 0; a < 8; ++a)
            for (std::size_t b = 0; b < 8; ++b) {
              const std::size_t inputs = (a | b << 3) & (size - 1);
              const std::size_t stuck = (inputs & ~(std::size_t{1} << pin)) | (value ? 1U : 0U) << pin;
              const std::uint64_t expected = pin == count ? std::uint64_t{value} : table >> stuck & 1;
              EXPECT_EQ(simulator.golden()[a * 8 + b], static_cast<std::int32_t>(table >> inputs & 1));
              ASSERT_EQ(products[a * 8 + b], static_cast<std::int32_t>(expected))
                  << count << " inputs, table " << table << ", pin " << pin;
            }
        }
    }
}

TEST(LibraryCells, CollapseAsTheGenericGateOfTheSameFunction) {
  // NAND of two: tables repeat every 4 bits.
  const Netlist table = value_of(parse(with_table(2, 0x7777777777777777)));
  json module = with_table(2, 0);
  module["cells"]["g"] = cell_of("$_NAND_", {{"A", {10}}, {"B", {11}}, {"Y", {20}}});
  const Netlist gate = value_of(parse(module));
  for (const SiteKind kind : {SiteKind::nets, SiteKind::pins})
    EXPECT_EQ(structural_classes(table, enumerate_sites(table, kind)),
              structural_classes(gate, enumerate_sites(gate, kind)));
}

TEST(LibraryCells, TextsThatAreNoCellAreErrors) {
  EXPECT_EQ(cell_text(value_of(parse_cell("X", "A B : Z=8888888888888888 : VDD"))),
            "A B : Z=8888888888888888 : VDD");
  for (const char* text : {"", "A : Z=1", "A : Z : ", "A : =1 : ", "A : Z=g : ", "A A : Z=0 : ", "A : A=0 : ",
                           "A : Z=0 : A", "A B C D E F G : Z=0 : ", "A : Z=4 : "})
    EXPECT_FALSE(parse_cell("X", text)) << text;
  json module = with_table(2, 0);
  module["attributes"]["qfi_cell_CELL"] = "A";
  EXPECT_THAT(refusal(module), HasSubstr("the text of cell CELL"));
  module["attributes"].erase("qfi_cell_CELL");
  EXPECT_THAT(refusal(module), HasSubstr("type CELL is not known"));
  EXPECT_THAT(refusal(with_table(2, 0), {"a", "b", "r", {}, false, false, {"cells.txt"}}),
              HasSubstr("cells.txt: a library of cells is a Liberty file"));
}

TEST(OperandFit, SaysWhatAPortLacks) {
  const auto netlist = [](std::size_t rs1, std::size_t rs2, std::size_t result, bool is_unsigned) {
    Netlist ports;
    ports.rs1.resize(rs1);
    ports.rs2.resize(rs2);
    ports.result.resize(result);
    ports.is_unsigned = is_unsigned;
    return ports;
  };
  const OperandGrid int8{{-128, 127}, {-128, 127}, true};
  const OperandGrid uint8{{0, 255}, {0, 255}, true};
  EXPECT_EQ(missing_width(netlist(8, 8, 16, false), int8), "");
  EXPECT_EQ(missing_width(netlist(32, 32, 32, false), {{-255, 255}, {-255, 255}, true}), "");
  EXPECT_EQ(missing_width(netlist(8, 8, 16, true), uint8), "");
  EXPECT_EQ(missing_width(netlist(4, 4, 8, false), int8),
            "port rs1 has 4 bits, signed, and -128 .. 127 need 8");
  EXPECT_EQ(missing_width(netlist(8, 4, 8, false), int8),
            "port rs2 has 4 bits, signed, and -128 .. 127 need 8");
  EXPECT_EQ(missing_width(netlist(8, 8, 15, false), int8),
            "the result has 15 bits, signed, and -16256 .. 16384 need 16");
  EXPECT_EQ(missing_width(netlist(8, 8, 16, true), int8),
            "port rs1 is unsigned, and -128 .. 127 are signed numbers");
  EXPECT_EQ(missing_width(netlist(8, 8, 16, false), uint8),
            "port rs1 has 8 bits, signed, and 0 .. 255 need 9");
  EXPECT_EQ(missing_width(netlist(9, 9, 17, false), uint8), "");
  std::vector<std::string> taken;
  for (const OperandFit& fit : operand_fits(netlist(8, 8, 16, false)))
    if (fit.missing.empty()) taken.push_back(fit.operands);
  EXPECT_THAT(taken, ElementsAre("INT8 codes, raw"));
}

}  // namespace
}  // namespace qfi
