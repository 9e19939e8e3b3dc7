// SPDX-License-Identifier: Apache-2.0
#include "netlist/liberty.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string k_library = R"(
/* a comment with cell (NO) { */
library ("lib-1") {
  time_unit : "1ns";   // another
  lu_table_template (t) { variable_1 : total_output_net_capacitance; index_1 ("1, 2, \
    3"); }
  cell (INV) { area : 0.5
    pg_pin (VDD) { pg_type : primary_power; }
    pin ("A") { direction : input; }
    pin (ZN) { direction : output; function : "!A"; timing () { related_pin : "A"; } }
  }
  cell ("DFF") { ff (IQ, IQN) { next_state : "D"; } area : 4; }
  cell (TBUF) { pin (Z) { direction : output; function : "A"; three_state : "!EN"; } }
  cell (WIDE) { bus (D) { bus_type : b; pin (D[0]) { } } }
  cell (NAND2) { area : 0.8/* um2 } */; }
  cell ($_AND_) { area : 1; }
  cell (QFI_FA) { dont_use : true; }
  cell (SPACED) { pin ("A B") { } }
  cell (ICG) { pin (Z) { state_function : "CK EN"; } }
  cell (WEAK) { dont_use : true; area : 1; }
}
)";

std::string refusal(const std::string& text) {
  const auto scanned = scan_liberty(text);
  return scanned ? "no error" : scanned.error().message;
}

TEST(Liberty, CellsHaveAreasAndWhatKeepsThemFromBeingGates) {
  const LibertyLibrary library = value_of(scan_liberty(k_library));
  std::vector<std::string> names, refusals;
  for (const LibertyCell& cell : library.cells) {
    names.push_back(cell.name);
    refusals.push_back(cell.refusal);
  }
  EXPECT_THAT(
      names, ElementsAre("INV", "DFF", "TBUF", "WIDE", "NAND2", "$_AND_", "QFI_FA", "SPACED", "ICG", "WEAK"));
  EXPECT_THAT(refusals, ElementsAre("", "it has state (ff)", "it has a tri-state pin", "it has a bus", "",
                                    "its name is not of letters, digits and underscores",
                                    "its name is that of one of qfi's own cells",
                                    "the name of a pin is not of letters, digits and underscores",
                                    "it has state (state_function)", ""));
  EXPECT_TRUE(library.cells[9].is_dont_use);
  EXPECT_EQ(library.cells[0].area, 0.5);
  EXPECT_EQ(library.cells[1].area, 4.0);
  EXPECT_FALSE(library.cells[2].area);
  EXPECT_EQ(k_library.substr(library.cells[4].begin, library.cells[4].end - library.cells[4].begin),
            "cell (NAND2) { area : 0.8/* um2 } */; }");
  EXPECT_EQ(library.cells[4].area, 0.8);
}

TEST(Liberty, AMergedLibraryHasTheGatesThatMayBeUsed) {
  const std::string other =
      "library(o) { operating_conditions (x) { } cell (FILL_X1) { area : 1; } cell(OR2) { } }";
  const std::string merged =
      value_of(merged_liberty({{"a.lib", k_library}, {"b.lib", other}}, {"FILL*", "?NV", "DF?"}));
  const LibertyLibrary library = value_of(scan_liberty(merged));
  ASSERT_EQ(library.cells.size(), 2U);
  EXPECT_EQ(library.cells[0].name, "NAND2");
  EXPECT_EQ(library.cells[1].name, "OR2");
  EXPECT_THAT(merged, HasSubstr("lu_table_template"));
  EXPECT_THAT(merged, HasSubstr("operating_conditions"));
  EXPECT_THAT(merged_liberty({{"a.lib", k_library}}, {"NAND4*"}).error().message,
              HasSubstr("no cell matches 'NAND4*'"));
  EXPECT_THAT(merged_liberty({{"a.lib", k_library}, {"b.lib", k_library}}, {}).error().message,
              HasSubstr("b.lib: cell INV is in the libraries twice"));
}

TEST(Liberty, TextsThatAreNoLibraryAreErrors) {
  EXPECT_EQ(refusal(""), "line 1: no library group");
  EXPECT_EQ(refusal("module m; endmodule"), "line 1: 'module' is neither attribute nor group");
  EXPECT_EQ(refusal("library (l) {\n  cell (A) {\n"), "line 3: a group is not closed");
  EXPECT_EQ(refusal("library (l) {\n  cell () { }\n}"), "line 2: a cell without a name");
  EXPECT_EQ(refusal("library (l) { }\n}"), "line 2: '}' closes no group");
  EXPECT_EQ(refusal("cell (A) { }"), "line 1: a group outside of the library");
  EXPECT_EQ(refusal("library (l) { }\nlibrary (m) { }"), "line 2: a group outside of the library");
  EXPECT_EQ(refusal("library (l) { cell (A) { area : big; } }"), "line 1: area 'big' is no area");
  EXPECT_EQ(refusal("library (l) { cell (A) { area : -1; } }"), "line 1: area '-1' is no area");
  EXPECT_EQ(refusal("library (l) { cell (A) { area : 3 * k; } }"), "line 1: area '3' is no area");
  EXPECT_EQ(refusal("library (l"), "line 1: ')' is missing");
  EXPECT_EQ(refusal("library (l) { a :"), "line 1: a value is missing");
  std::string deep = "library (l) {";
  for (int i = 0; i < 100; ++i) deep += " g () {";
  EXPECT_EQ(refusal(deep), "line 1: groups are nested too deeply");
}

}  // namespace
}  // namespace qfi
