// SPDX-License-Identifier: Apache-2.0
#include "qfi/netlist/netlist.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "qfi/base/file.hpp"
#include "qfi/faults/fault_list.hpp"
#include "qfi/netlist/simulator.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using nlohmann::json;
using test::value_of;
using testing::HasSubstr;

json cell(const std::string& type, const json& connections) {
  return {{"type", type}, {"connections", connections}};
}

// One gate between 2-bit operands: result[0] = a[0] OP b[0], result[1] = 0.
json one_gate(const std::string& type) {
  return {{"modules",
           {{"m",
             {{"attributes", {{"qfi_rs1", "a"}, {"qfi_rs2", "b"}, {"qfi_result", "r"}}},
              {"ports",
               {{"a", {{"direction", "input"}, {"bits", {2, 3}}}},
                {"b", {{"direction", "input"}, {"bits", {4, 5}}}},
                {"r", {{"direction", "output"}, {"bits", {6, "0"}}}}}},
              {"cells", {{"g", cell(type, {{"A", {2}}, {"B", {4}}, {"Y", {6}}})}}},
              {"netnames",
               {{"a", {{"bits", {2, 3}}}}, {"long_name", {{"bits", {6}}}}, {"y", {{"bits", {6}}}}}}}}}}};
}

std::string error_of(const json& document) {
  const auto netlist = parse_netlist(document.dump(), "n.json");
  return netlist ? "no error" : netlist.error().message;
}

TEST(Netlist, NamesPortsAndRolesAreRead) {
  const Netlist netlist = value_of(parse_netlist(one_gate("$_AND_").dump(), "n.json"));
  EXPECT_EQ(netlist.rs1.size(), 2U);
  EXPECT_EQ(netlist.result.size(), 2U);
  EXPECT_EQ(netlist.depth, 1);
  const NetId y = netlist.result[0];
  EXPECT_EQ(netlist.nets[y].name, "y") << "the shortest name";
  for (const char* name : {"y", "long_name"}) EXPECT_EQ(value_of(find_site(netlist, name)).index, y);
  EXPECT_EQ(netlist.nets[netlist.rs1[1]].name, "a[1]");
  EXPECT_EQ(value_of(find_site(netlist, "g/A")).kind, Site::Kind::pin);
}

TEST(Netlist, SitesAreTheNetsThatSomethingReads) {
  const Netlist netlist = value_of(parse_netlist(one_gate("$_AND_").dump(), "n.json"));
  EXPECT_EQ(enumerate_sites(netlist, SiteKind::nets).size(), 3U) << "a[0], b[0], y; a[1] and b[1] go nowhere";
  EXPECT_EQ(enumerate_sites(netlist, SiteKind::pins).size(), 3U) << "g/A, g/B, g/Y";
}

TEST(Netlist, EachKindOfDamageIsOneClearError) {
  EXPECT_THAT(parse_netlist("{", "n.json").error().message, HasSubstr("n.json: not JSON"));
  EXPECT_THAT(error_of(json::object()), HasSubstr("not a netlist"));
  EXPECT_THAT(error_of(one_gate("$_DFF_P_")), HasSubstr("cell 'g': type $_DFF_P_ is not known"));
  EXPECT_THAT(error_of(one_gate("sky130_nand2")), HasSubstr("not known"));

  json loop = one_gate("$_AND_");
  loop["modules"]["m"]["cells"]["g"]["connections"]["B"] = {6};
  EXPECT_THAT(error_of(loop), HasSubstr("combinational loop"));

  json two_drivers = one_gate("$_AND_");
  two_drivers["modules"]["m"]["cells"]["h"] = cell("$_NOT_", {{"A", {2}}, {"Y", {6}}});
  EXPECT_THAT(error_of(two_drivers), HasSubstr("another driver"));

  json no_driver = one_gate("$_AND_");
  no_driver["modules"]["m"]["cells"]["g"]["connections"]["A"] = {99};
  EXPECT_THAT(error_of(no_driver), HasSubstr("nothing drives it"));

  json undefined = one_gate("$_AND_");
  undefined["modules"]["m"]["cells"]["g"]["connections"]["A"] = {"x"};
  EXPECT_THAT(error_of(undefined), HasSubstr("pin A reads a net that is undefined ('x')"));

  json extra_port = one_gate("$_AND_");
  extra_port["modules"]["m"]["ports"]["mode"] = {{"direction", "input"}, {"bits", {9}}};
  extra_port["modules"]["m"]["cells"]["h"] = cell("$_NOT_", {{"A", {9}}, {"Y", {10}}});
  EXPECT_THAT(error_of(extra_port), HasSubstr("'mode' is neither operand nor tied"));
  NetlistReading reading;
  reading.tie["mode"] = 1;
  EXPECT_TRUE(parse_netlist(extra_port.dump(), "n.json", reading));
  reading.tie["mode"] = 2;
  EXPECT_FALSE(parse_netlist(extra_port.dump(), "n.json", reading)) << "2 does not fit one bit";

  json no_roles = one_gate("$_AND_");
  no_roles["modules"]["m"]["attributes"].clear();
  EXPECT_THAT(error_of(no_roles), HasSubstr("does not say which port is rs1"));
  EXPECT_TRUE(parse_netlist(no_roles.dump(), "n.json", {"a", "b", "r", {}, false}));
}

TEST(Netlist, EveryTruncationOfANetlistIsAnError) {
  const std::string text = one_gate("$_AND_").dump();
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(parse_netlist(text.substr(0, size), "n.json")) << size;
}

struct GateCase {
  const char* type;
  int (*function)(int a, int b);
  friend void PrintTo(const GateCase& c, std::ostream* out) { *out << c.type; }
};

class TwoInputGates : public testing::TestWithParam<GateCase> {};

TEST_P(TwoInputGates, ComputeTheirFunctionAndItsFaults) {
  const auto [type, function] = GetParam();
  const Netlist netlist = value_of(parse_netlist(one_gate(type).dump(), "n.json"));
  const Simulator simulator(netlist, {{0, 3}, {0, 3}, true});
  Simulator::Scratch scratch;
  std::vector<std::int32_t> products(16);
  for (const char* site : {"none", "a[0]", "b[0]", "y", "g/A", "g/B", "g/Y"})
    for (const bool value : {false, true}) {
      NetlistFault fault;
      if (std::string_view(site) != "none") fault = StuckAt{value_of(find_site(netlist, site)), value};
      simulator.simulate(fault, scratch, products);
      const std::string name = site;
      for (int a = 0; a < 4; ++a)
        for (int b = 0; b < 4; ++b) {
          const int in_a = name == "a[0]" || name == "g/A" ? int{value} : a & 1;
          const int in_b = name == "b[0]" || name == "g/B" ? int{value} : b & 1;
          const int expected = name == "y" || name == "g/Y" ? int{value} : function(in_a, in_b) & 1;
          EXPECT_EQ(products[static_cast<std::size_t>(a * 4 + b)], expected)
              << type << " " << site << " stuck at " << value << ": " << a << ", " << b;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, TwoInputGates,
                         testing::Values(GateCase{"$_AND_", [](int a, int b) { return a & b; }},
                                         GateCase{"$_NAND_", [](int a, int b) { return ~(a & b); }},
                                         GateCase{"$_OR_", [](int a, int b) { return a | b; }},
                                         GateCase{"$_NOR_", [](int a, int b) { return ~(a | b); }},
                                         GateCase{"$_XOR_", [](int a, int b) { return a ^ b; }},
                                         GateCase{"$_XNOR_", [](int a, int b) { return ~(a ^ b); }},
                                         GateCase{"$_ANDNOT_", [](int a, int b) { return a & ~b; }},
                                         GateCase{"$_ORNOT_", [](int a, int b) { return a | ~b; }}));

// Cells with three or four inputs and adders: operands a (2 bits) and b (2 bits) are their inputs.
struct WideGateCase {
  const char* type;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  int (*function)(int a, int b, int c, int d);  ///< result bits
};

TEST(Netlist, WiderCellsComputeTheirFunction) {
  const std::vector<WideGateCase> cases = {
      {"$_MUX_", {"A", "B", "S"}, {"Y"}, [](int a, int b, int c, int) { return c != 0 ? b : a; }},
      {"$_NMUX_", {"A", "B", "S"}, {"Y"}, [](int a, int b, int c, int) { return 1 ^ (c != 0 ? b : a); }},
      {"$_AOI3_", {"A", "B", "C"}, {"Y"}, [](int a, int b, int c, int) { return 1 ^ ((a & b) | c); }},
      {"$_OAI3_", {"A", "B", "C"}, {"Y"}, [](int a, int b, int c, int) { return 1 ^ ((a | b) & c); }},
      {"$_AOI4_",
       {"A", "B", "C", "D"},
       {"Y"},
       [](int a, int b, int c, int d) { return 1 ^ ((a & b) | (c & d)); }},
      {"$_OAI4_",
       {"A", "B", "C", "D"},
       {"Y"},
       [](int a, int b, int c, int d) { return 1 ^ ((a | b) & (c | d)); }},
      {"QFI_FA", {"A", "B", "CI"}, {"S", "CO"}, [](int a, int b, int c, int) { return a + b + c; }},
      {"QFI_HA", {"A", "B"}, {"S", "CO"}, [](int a, int b, int, int) { return a + b; }},
      {"$_NOT_", {"A"}, {"Y"}, [](int a, int, int, int) { return 1 ^ a; }},
      {"$_BUF_", {"A"}, {"Y"}, [](int a, int, int, int) { return a; }},
  };
  const int bit_net[] = {2, 3, 4, 5};
  for (const WideGateCase& c : cases) {
    json document = one_gate("$_AND_");
    json connections;
    for (std::size_t k = 0; k < c.inputs.size(); ++k) connections[c.inputs[k]] = {bit_net[k]};
    json result = {6, "0", "0"};
    for (std::size_t k = 0; k < c.outputs.size(); ++k) {
      connections[c.outputs[k]] = {6 + static_cast<int>(k)};
      result[k] = 6 + static_cast<int>(k);
    }
    document["modules"]["m"]["cells"]["g"] = cell(c.type, connections);
    document["modules"]["m"]["ports"]["r"]["bits"] = result;
    const Netlist netlist = value_of(parse_netlist(document.dump(), "n.json"));
    const Simulator simulator(netlist, {{0, 3}, {0, 3}, true});
    for (int a = 0; a < 4; ++a)
      for (int b = 0; b < 4; ++b)
        EXPECT_EQ(simulator.golden()[static_cast<std::size_t>(a * 4 + b)],
                  c.function(a & 1, a >> 1, b & 1, b >> 1))
            << c.type << " " << a << " " << b;
  }
}

TEST(Simulator, TwoFaultsAtOnceBothHold) {
  const Netlist netlist = value_of(parse_netlist(one_gate("$_XOR_").dump(), "n.json"));
  const Simulator simulator(netlist, {{0, 1}, {0, 1}, true});
  Simulator::Scratch scratch;
  std::vector<std::int32_t> products(4);
  simulator.simulate(value_of(parse_fault(netlist, "a[0]:1 b[0]:0")), scratch, products);
  EXPECT_THAT(products, testing::Each(1));
}

TEST(Simulator, OperandsGoToTheirPortsAndNarrowResultsAreSignExtended) {
  // result = ~(a & b) in one bit: 1 means -1.
  json document = one_gate("$_ANDNOT_");
  document["modules"]["m"]["ports"]["r"]["bits"] = {6};
  const Netlist netlist = value_of(parse_netlist(document.dump(), "n.json"));
  const Simulator first(netlist, {{0, 1}, {0, 1}, true});
  EXPECT_THAT(std::vector<std::int32_t>(first.golden().begin(), first.golden().end()),
              testing::ElementsAre(0, 0, -1, 0))
      << "outer is a";
  const Simulator second(netlist, {{0, 1}, {0, 1}, false});
  EXPECT_THAT(std::vector<std::int32_t>(second.golden().begin(), second.golden().end()),
              testing::ElementsAre(0, -1, 0, 0))
      << "outer is b";
}

// A grid whose size is no multiple of the simulator's words.
TEST(Simulator, OddGridsAreExact) {
  const Netlist netlist = value_of(read_netlist(test::source_folder() / "netlists/mul_adders.json"));
  const Simulator simulator(netlist, {{-7, 50}, {-255, 255}, true});
  std::size_t index = 0;
  for (int a = -7; a <= 50; ++a)
    for (int b = -255; b <= 255; ++b) ASSERT_EQ(simulator.golden()[index++], a * b);
}

TEST(FaultList, LinesAreReadInOrderAndErrorsNameTheLine) {
  const Netlist netlist = value_of(parse_netlist(one_gate("$_AND_").dump(), "n.json"));
  const TemporaryFolder folder = value_of(TemporaryFolder::create());
  const auto file = folder.path() / "f.csv";
  const auto read = [&](const std::string& text) {
    EXPECT_TRUE(write_file(file, text));
    return read_fault_list(file, netlist);
  };
  const auto faults = value_of(read("site,stuck_at\ng/A,1\r\nlong_name,0\n"));
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_EQ(fault_text(netlist, faults[0].fault), "g/A:1");
  EXPECT_EQ(fault_text(netlist, faults[1].fault), "y:0") << "printed under its shortest name";
  EXPECT_THAT(read("net,value\n").error().message, HasSubstr(":1: 'net,value' is neither"));
  EXPECT_THAT(read("site,stuck_at\ny,1\nz,0\n").error().message, HasSubstr(":3: site: no net or pin 'z'"));
  EXPECT_THAT(read("site,stuck_at\ny,2\n").error().message, HasSubstr(":2: a net is stuck at 0 or 1"));
  EXPECT_THAT(read("site,stuck_at\n").error().message, HasSubstr("no faults"));
}

}  // namespace
}  // namespace qfi
