// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/report.hpp"

#include <gmock/gmock.h>

#include "qfi/base/text.hpp"
#include "report/figures.hpp"
#include "report/markup.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;
using testing::Not;

RecordedFault fault(std::uint64_t changed, std::uint64_t faulty_correct) {
  RecordedFault result;
  result.name = fmt::format("fault {}", changed);
  result.units = result.labelled = 100;
  result.golden_correct = 90;
  result.changed = changed;
  result.faulty_correct = faulty_correct;
  return result;
}

// Five faults of a netlist at three sites.
ResultsRecord small_record() {
  ResultsRecord record;
  record.model = "m.tflite";
  record.image_count = 100;
  record.golden_correct = 90;
  record.labelled = 100;
  RecordedSet& set = record.sets.emplace_back();
  set.name = "unit";
  set.is_netlist = true;
  set.strata = {{.label = "network", .population = 50, .layer = {}, .bit_error_rate = {}}};
  set.faults = {fault(0, 90), fault(60, 30), fault(10, 80), fault(20, 70), fault(10, 85)};
  set.sites = {{"a", "port rs1", 0, false},
               {"b", "G.Y", 1, false},
               {"a", "port rs1", 0, true},
               {"c", "G.Y", {}, false},
               {"b", "G.Y", 1, true}};
  RecordedSummary& summary = set.summaries.emplace_back();
  summary.faulty_accuracy = {0.71, Interval{0.4, 0.9}};
  summary.histogram = {2, 3};
  return record;
}

TEST(Report, HardeningTakesTheSitesThatChangeMostFirst) {
  const std::vector<Hardened> course = hardening(small_record().sets[0]);
  ASSERT_EQ(course.size(), 4U);
  EXPECT_NEAR(course[1].removed, 0.7, 1e-12);  // b: 60 and 10 of 100
  EXPECT_NEAR(course[2].removed, 0.9, 1e-12);  // c
  EXPECT_NEAR(course[3].removed, 1.0, 1e-12);
  EXPECT_NEAR(course[1].cost, 1.0 / 3, 1e-12);
}

TEST(Report, HardeningOfBitsCountsTheBits) {
  RecordedSet set;
  for (const double changed : {0.01, 0.5, 0.1}) {
    RecordedDomain domain;
    domain.layer = 0;
    domain.bit = 0;
    domain.population = 100;
    domain.changed.value = changed;
    set.by_layer_and_bit.push_back(domain);
  }
  set.by_layer_and_bit[1].population = 10;  // a tenth of the bits: 5 of 16 changes
  const std::vector<Hardened> course = hardening(set);
  ASSERT_EQ(course.size(), 4U);
  EXPECT_NEAR(course[1].cost, 10.0 / 210, 1e-12);
  EXPECT_NEAR(course[1].removed, 5.0 / 16, 1e-12);
  EXPECT_NEAR(course[2].removed, 15.0 / 16, 1e-12);
}

TEST(Report, TheEstimateConvergesToTheMeanOfAllFaults) {
  const ResultsRecord record = small_record();
  const std::vector<EstimateSoFar> course = convergence(record, record.sets[0]);
  ASSERT_EQ(course.size(), 5U);
  EXPECT_EQ(course.back().faults, 5U);
  EXPECT_NEAR(course[0].accuracy.value, 0.90, 1e-12);
  EXPECT_NEAR(course.back().accuracy.value, 0.71, 1e-12);
  EXPECT_LT(course.back().accuracy.interval->low, 0.71);
}

TEST(Report, TextFromFilesStaysText) {
  ResultsRecord record = small_record();
  const std::string hostile = "<script>alert('x')</script>\"&\n`rm -rf x`\xff";
  record.model = record.config = record.file = hostile;
  record.facts = {{hostile, hostile}};
  RecordedSet& set = record.sets[0];
  set.name = hostile;
  set.facts = {{hostile, hostile}, {"sample, n", hostile}};
  for (RecordedFault& one : set.faults) one.name = hostile;
  for (RecordedSite& site : set.sites) site.name = site.region = hostile;
  set.masking = {{hostile + "\nEND_OF_DATA\nsystem(\"touch pwned\")", 3}};
  set.summaries.push_back(set.summaries[0]);
  set.summaries[1].name = hostile;
  const std::vector<ResultsRecord> records = {record, record};
  const std::string page = value_of(report_page(records, hostile));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("\xff")));
  for (const Plot& plot : set_plots(record, set)) {
    EXPECT_THAT(plot.script, Not(HasSubstr("`")));
    EXPECT_THAT(plot.script, Not(HasSubstr("\nsystem")));
    EXPECT_THAT(plot.script, Not(HasSubstr("<script")));
  }
}

TEST(Report, LabelsHoldNothingThatGnuplotReads) {
  EXPECT_EQ(plot_text("a\"b\\c`d\ne'f@g{h}\t#"), "a?b?c?d?e?f?g?h???");
  EXPECT_EQ(plot_text("QFI_FA.S (3), $_AND_.Y"), "QFI_FA.S (3), $_AND_.Y");
  EXPECT_EQ(plot_text(std::string(100, 'x')), std::string(38, 'x') + "..");
}

TEST(Report, WhatGnuplotRefusesIsAnError) {
  const auto drawn = draw_plots({Plot{"", "", 100, 100, "plot nonsense("}});
  ASSERT_FALSE(drawn);
  EXPECT_THAT(drawn.error().message, HasSubstr("gnuplot: "));
}

TEST(Report, Base64IsThatOfTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");  // RFC 4648
  const std::string large(7'000'001, 'a');
  EXPECT_EQ(base64(large).substr(4'194'300, 8), "YWFhYWFh");
  EXPECT_EQ(base64(large).size(), 4U * ((large.size() + 2) / 3));
}

}  // namespace
}  // namespace qfi
