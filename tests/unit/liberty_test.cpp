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
  cell (NAND2) { area : 0.8; }
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
  EXPECT_THAT(names, ElementsAre("INV", "DFF", "TBUF", "WIDE", "NAND2"));
  EXPECT_THAT(refusals, ElementsAre("", "it has state (ff)", "it has a tri-state pin", "it has a bus", ""));
  EXPECT_EQ(library.cells[0].area, 0.5);
  EXPECT_EQ(library.cells[1].area, 4.0);
  EXPECT_FALSE(library.cells[2].area);
  EXPECT_EQ(k_library.substr(library.cells[4].begin, library.cells[4].end - library.cells[4].begin),
            "cell (NAND2) { area : 0.8; }");
}

TEST(Liberty, AMergedLibraryHasTheGatesThatMayBeUsed) {
  const std::string other =
      "library(o) { operating_conditions (x) { } cell (FILL_X1) { area : 1; } cell(OR2) { } }";
  const std::string merged = value_of(merged_liberty({k_library, other}, {"FILL*", "?NV"}));
  const LibertyLibrary library = value_of(scan_liberty(merged));
  ASSERT_EQ(library.cells.size(), 2U);
  EXPECT_EQ(library.cells[0].name, "NAND2");
  EXPECT_EQ(library.cells[1].name, "OR2");
  EXPECT_THAT(merged, HasSubstr("lu_table_template"));
  EXPECT_THAT(merged, HasSubstr("operating_conditions"));
  EXPECT_THAT(merged_liberty({k_library}, {"NAND4*"}).error().message, HasSubstr("no cell matches 'NAND4*'"));
  EXPECT_THAT(merged_liberty({k_library, k_library}, {}).error().message,
              HasSubstr("cell INV is in the libraries twice"));
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
  EXPECT_EQ(refusal("library (l"), "line 1: ')' is missing");
  EXPECT_EQ(refusal("library (l) { a :"), "line 1: a value is missing");
  std::string deep = "library (l) {";
  for (int i = 0; i < 100; ++i) deep += " g () {";
  EXPECT_EQ(refusal(deep), "line 1: groups are nested too deeply");
}

}  // namespace
}  // namespace qfi
