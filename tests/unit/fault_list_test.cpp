// SPDX-License-Identifier: Apache-2.0
// Lists of faults as test pattern generators write them.
#include "qfi/faults/fault_list.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "qfi/base/file.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/text.hpp"
#include "qfi/faults/collapse.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::AllOf;
using testing::HasSubstr;

class FaultLists : public testing::Test {
 protected:
  Result<std::vector<ListedFault>> read(const std::string& text) {
    EXPECT_TRUE(write_file(m_folder.path() / "faults.flt", text));
    return read_fault_list(m_folder.path() / "faults.flt", m_netlist);
  }

  const Cell& and_gate() const { return *std::ranges::find(m_netlist.cells, "AND2_X1", &Cell::type); }

  Netlist m_netlist = value_of(read_netlist(test::source_folder() / "netlists/mul_mapped.json"));
  TemporaryFolder m_folder = value_of(TemporaryFolder::create());
};

TEST_F(FaultLists, BothFormsClassesAndCommentsAreRead) {
  const std::string cell = and_gate().name;
  const auto faults =
      value_of(read("// a comment\n\n sa1   NC   /" + cell + "/A1   17 patterns\nsa0 -- " + cell +
                    "/A2\n# another\n0  DS  op_a[3]\r\n" + "1 EQ /" + cell + "/ZN\nsa0 op_b[0]\n"));
  ASSERT_EQ(faults.size(), 5U);
  const auto text = [&](std::size_t i) { return fault_text(m_netlist, faults[i].fault); };
  EXPECT_EQ(text(0), cell + "/A1:1");
  EXPECT_EQ(faults[0].name, "/" + cell + "/A1");
  EXPECT_EQ(faults[0].fault_class, "NC");
  EXPECT_EQ(faults[1].fault_class, "NC") << "it is equivalent to the one above";
  EXPECT_EQ(text(2), "op_a[3]:0");
  EXPECT_EQ(faults[2].fault_class, "DS");
  EXPECT_EQ(text(3), cell + "/ZN:1");
  EXPECT_EQ(faults[3].fault_class, "DS");
  EXPECT_EQ(faults[4].fault_class, "");
}

TEST_F(FaultLists, WhatIsNoListSaysSo) {
  EXPECT_THAT(read("str NC op_a[0]\n").error().message,
              AllOf(HasSubstr("faults.flt:1"), HasSubstr("neither sa0, sa1")));
  EXPECT_THAT(read("sa0\n").error().message, HasSubstr("no place behind 'sa0'"));
  EXPECT_THAT(read("// nothing\n").error().message, HasSubstr("no faults in the list"));
  EXPECT_EQ(value_of(read("fault\nop_a[0]:1 op_b[0]:0\nop_a[1] wired_and op_b[1]\n")).size(), 2U);
}

// Each name that is wrong is logged, with a similar one.
TEST_F(FaultLists, EveryUnknownNameIsReported) {
  const std::string list = value_of(all_faults_list(m_netlist, SiteKind::pins, FaultListForm::sa0, false));
  std::string wrong;
  std::size_t faults = 0, changed = 0;
  for (const std::string_view line : split(list, '\n')) {
    if (line.empty() || line.starts_with("//")) continue;
    const bool is_wrong = faults++ % 20 == 7;
    changed += is_wrong ? 1 : 0;
    wrong += std::string(line) + (is_wrong ? "x\n" : "\n");
  }
  std::vector<std::string> warnings;
  set_log_sink([&](LogLevel, const std::string& message) { warnings.push_back(message); });
  const auto result = read(wrong);
  set_log_sink({});
  EXPECT_THAT(result.error().message,
              HasSubstr(fmt::format("{} of {} faults are at no net or pin", changed, faults)));
  ASSERT_EQ(warnings.size(), changed);
  EXPECT_THAT(warnings[0], AllOf(HasSubstr("faults.flt:8"), HasSubstr("did you mean")));
}

// A list of all faults, read again, is all faults; its classes are the structural ones.
TEST_F(FaultLists, AllFaultsAreWrittenAndReadAgain) {
  for (const auto form : {FaultListForm::sa0, FaultListForm::zero})
    for (const auto kind : {SiteKind::pins, SiteKind::nets}) {
      const std::vector<Site> sites = enumerate_sites(m_netlist, kind);
      const auto classes = structural_classes(m_netlist, sites);
      const auto all = value_of(read(value_of(all_faults_list(m_netlist, kind, form, false))));
      ASSERT_EQ(all.size(), 2 * sites.size());
      std::set<std::string> names;
      for (const ListedFault& fault : all) {
        names.insert(fault_text(m_netlist, fault.fault));
        EXPECT_EQ(fault.fault_class, "NC");
      }
      EXPECT_EQ(names.size(), all.size());
      const auto prime = value_of(read(value_of(all_faults_list(m_netlist, kind, form, true))));
      EXPECT_EQ(prime.size(), *std::ranges::max_element(classes) + 1U);
    }
}

TEST_F(FaultLists, EscapedNamesAndCommentsBehindPlaces) {
  const std::string cell = and_gate().name;
  const auto faults = value_of(read("1 DS \\" + cell + " /A1\n1 op_a[0] // comment\n"));
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_EQ(fault_text(m_netlist, faults[0].fault), cell + "/A1:1");
  EXPECT_EQ(fault_text(m_netlist, faults[1].fault), "op_a[0]:1");
}

TEST_F(FaultLists, NamesWithBlanksCannotStandInAList) {
  EXPECT_THAT(fault_list_line(FaultListForm::sa0, true, "NC", "a b").error().message,
              HasSubstr("no blanks in names"));
  EXPECT_FALSE(fault_list_line(FaultListForm::sa0, true, "NC", ""));
  EXPECT_EQ(value_of(fault_list_line(FaultListForm::zero, true, "DS", "/g/A", "// image 3")),
            "1   DS   /g/A   // image 3\n");
}

TEST_F(FaultLists, ANetIsCalledByThePinThatDrivesIt) {
  EXPECT_EQ(place_in_list("u1.g3", "A"), "/u1/g3/A");
  const std::string list = value_of(all_faults_list(m_netlist, SiteKind::nets, FaultListForm::sa0, false));
  EXPECT_THAT(list, AllOf(HasSubstr("   /" + and_gate().name + "/ZN\n"), HasSubstr("   op_a[3]\n")));
}

}  // namespace
}  // namespace qfi
