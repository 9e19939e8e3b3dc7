// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/report.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "draw.hpp"
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
  RecordedSet set;
  set.is_netlist = true;
  for (std::uint64_t site = 0; site < 30; ++site)
    for (const bool value : {false, true}) {
      if (site == 29 && value) continue;  // of that one only one fault was drawn
      set.faults.push_back(fault(site < 3 ? 20 : site == 29 ? 100 : 1, 90));
      set.sites.push_back({fmt::format("s{}", site), "", {}, value});
    }
  const std::vector<Hardened> course = hardening(set);
  ASSERT_EQ(course.size(), 30U);
  EXPECT_NEAR(course[1].removed, 40.0 / 172, 1e-12);
  EXPECT_NEAR(course[3].removed, 120.0 / 172, 1e-12);
  EXPECT_NEAR(course[29].removed, 1.0, 1e-12);
  EXPECT_NEAR(course[1].cost, 1.0 / 29, 1e-12);
  set.faults.resize(30);
  set.sites.resize(30);
  EXPECT_TRUE(hardening(set).empty()) << "15 sites say little";
}

// A set of `cells` cells of 100 bits, of which `drawn` each were drawn; faults change their one image at
// `rate`.
RecordedSet cells_of(std::uint64_t cells, std::uint64_t drawn, test::Draw& draw,
                     const std::function<double(std::uint64_t)>& rate) {
  RecordedSet set;
  for (std::uint64_t bit = 0; bit < cells; ++bit) {
    RecordedDomain domain;
    domain.layer = 0;
    domain.bit = bit;
    domain.population = 100;
    domain.drawn = drawn;
    for (std::uint64_t i = 0; i < drawn; ++i) {
      RecordedFault& one = set.faults.emplace_back();
      one.layer = 0;
      one.bit = bit;
      one.units = 1;
      one.changed = draw(0, 9999) < static_cast<int>(rate(bit) * 10000) ? 1 : 0;
      domain.changed.value += static_cast<double>(one.changed) / static_cast<double>(drawn);
    }
    set.by_layer_and_bit.push_back(domain);
  }
  return set;
}

// Where nothing is worse than anything else, what chance made look worse must not seem to be worth hardening.
TEST(Report, HardeningOfBitsIsNotJudgedByWhatChoseThem) {
  test::Draw draw(7);
  double removed = 0;
  constexpr int k_runs = 200;
  for (int run = 0; run < k_runs; ++run) {
    const std::vector<Hardened> course = hardening(cells_of(40, 6, draw, [](std::uint64_t) { return 0.2; }));
    ASSERT_EQ(course.size(), 41U);
    EXPECT_NEAR(course[10].cost, 0.25, 1e-9);
    removed += course[10].removed / k_runs;
  }
  EXPECT_NEAR(removed, 0.25, 0.02);
}

TEST(Report, HardeningOfBitsFindsTheWorst) {
  test::Draw draw(8);
  const auto rate = [](std::uint64_t bit) { return bit == 3 ? 0.9 : 0.02; };
  const std::vector<Hardened> course = hardening(cells_of(8, 50, draw, rate));
  ASSERT_EQ(course.size(), 9U);
  EXPECT_NEAR(course[1].cost, 1.0 / 8, 1e-12);
  EXPECT_GT(course[1].removed, 0.6);
  EXPECT_TRUE(hardening(cells_of(8, 1, draw, rate)).empty()) << "one fault cannot choose and judge";
}

TEST(Report, TheEstimateConvergesToTheMeanOfAllFaults) {
  const ResultsRecord record = small_record();
  const std::vector<EstimateSoFar> course = convergence(record, record.sets[0]);
  ASSERT_EQ(course.size(), 5U);
  EXPECT_EQ(course.back().faults, 5U);

  EXPECT_NEAR(course.back().accuracy.value, 0.71, 1e-12);
  EXPECT_LT(course.back().accuracy.interval->low, 0.71);
}

// What its caption says: gray where nothing was drawn, up to the highest bit that there is.
TEST(Report, TheMapOfLayersAndBitsShowsWhereNothingWasDrawn) {
  ResultsRecord record = small_record();
  RecordedSet& set = record.sets[0];
  for (const std::uint64_t layer : {std::uint64_t{3}, std::uint64_t{5}})
    for (const std::uint64_t bit : {std::uint64_t{0}, std::uint64_t{7}}) {
      RecordedDomain domain;
      domain.layer = layer;
      domain.bit = bit;
      domain.drawn = bit == 7 ? 0 : 2;
      set.by_layer_and_bit.push_back(domain);
      if (layer == 3) set.by_bit.push_back(domain);
      if (bit == 0) set.by_layer.push_back(domain);
    }
  const std::vector<Plot> plots = set_plots(record, set);
  const auto map = std::ranges::find(plots, "Layers and bits", &Plot::title);
  ASSERT_NE(map, plots.end());
  EXPECT_THAT(map->caption, HasSubstr("gray: no fault drawn"));
  EXPECT_THAT(map->script, HasSubstr("set object 1 rectangle from graph 0,0 to graph 1,1 behind fc rgb"));
  EXPECT_THAT(map->script, HasSubstr("$cells << END_OF_DATA\n0 0 0 \n0 1 0 \nEND_OF_DATA"));
  EXPECT_THAT(map->script, HasSubstr("set xrange [-0.5:7.5]"));
}

// FLOAT32 maps: every parameter set with what its flips do, and how its values lie.
TEST(Report, ParameterSetsHaveARowEach) {
  ResultsRecord record = small_record();
  record.is_segmentation = true;
  RecordedSet& set = record.sets[0];
  set.constants = {{"weights of operator 3", 3, {}, 0.125}};
  RecordedDomain domain;
  domain.layer = 3;
  domain.drawn = 40;
  domain.changed = {0.02, Interval{0.01, 0.04}, {}};
  domain.deviation = 0.0625;
  domain.nan = 7;
  domain.infinity = 5;
  domain.global_iou = 0.75;
  set.by_layer = {domain};
  domain.bit = 30;
  domain.changed.value = 0.35;
  set.by_layer_and_bit = {domain};
  const std::string page = value_of(report_page({&record, 1}, "t"));
  EXPECT_THAT(page, HasSubstr("<td>weights of operator 3</td><td>40</td><td>2.00&nbsp;%</td>"
                              "<td>1.00&nbsp;% .. 4.00&nbsp;%</td><td>6.25&nbsp;%</td><td>75.0&nbsp;%</td>"
                              "<td>none</td><td>12.5&nbsp;%</td><td>35.0&nbsp;%</td><td>7</td><td>5</td>"));
}

TEST(Report, FiguresThatAreNegativeShowIt) {
  const ResultsRecord record = small_record();
  const ComparedFigure lost{"lost", {}, -0.00667, Interval{-0.0214, 0.05}, true, ""};
  const ComparedFigure values{"values", Interval{289994, 289994}, 159498, {}, false, ""};
  const std::string page =
      value_of(report_page({&record, 1}, "t", PublishedStudy{"s", "", {}, {lost, values}}));
  EXPECT_THAT(page, HasSubstr("<td>289994</td><td>159498</td>"));
  EXPECT_THAT(page, HasSubstr("<td>-0.667&nbsp;%</td><td>-2.14&nbsp;% .. 5.00&nbsp;%</td>"));
}

TEST(Report, CampaignsGoByTheirFolders) {
  ResultsRecord record = small_record();
  record.file = "runs/first/results.json";
  EXPECT_THAT(value_of(report_page({&record, 1}, "t")), HasSubstr("<h2>first: m.tflite</h2>"));
  record.file = "runs/first/./results.json";
  EXPECT_THAT(value_of(report_page({&record, 1}, "t")), HasSubstr("<h2>first: m.tflite</h2>"));
  record.file = "results.json";
  EXPECT_THAT(value_of(report_page({&record, 1}, "t")),
              HasSubstr("<h2>" + std::filesystem::current_path().filename().string() + ": m.tflite</h2>"));
}

TEST(Report, AProtectionAndASearchHaveTheirTables) {
  ResultsRecord record = small_record();
  RecordedSet& set = record.sets[0];
  EXPECT_THAT(value_of(report_page({&record, 1}, "t")), Not(HasSubstr("<h3>The protection</h3>")));
  set.summaries[0].critical = RecordedEstimate{0.5, {}, {}};
  set.with_protection = set.summaries[0];
  set.with_protection->critical->value = 0.25;
  set.search = {{4, 20, 10, 0.5}, {2, 30, 3, 0.1}};
  const std::string page = value_of(report_page({&record, 1}, "t"));
  EXPECT_THAT(page, HasSubstr("<td>without</td><td>71.0&nbsp;%</td>"));
  EXPECT_THAT(page, HasSubstr("<td>50.0&nbsp;%</td><td>none</td></tr>\n<tr><td>with</td>"));
  EXPECT_THAT(page, HasSubstr("<td>1</td><td>4</td><td>20</td><td>10</td><td>0.5000</td>"));
}

TEST(Report, TheMapOfStoredCodesHasAllOperators) {
  ResultsRecord record = small_record();
  RecordedSet& set = record.sets[0];
  set.constants = {{"w", 2, std::vector<std::uint64_t>(16, 5), {}}, {"v", 9, {0, 30, 10}, {}}};
  const std::vector<Plot> plots = set_plots(record, set);
  const auto map = std::ranges::find(plots, "Stored codes", &Plot::title);
  ASSERT_NE(map, plots.end());
  EXPECT_THAT(map->script, HasSubstr("0 \"operator 2\" \n1 \"operator 9\" \n"));
  EXPECT_THAT(map->script, HasSubstr("\n15 0 6.25 \n"));
  EXPECT_THAT(map->script, HasSubstr("\n1 1 75 \n"));
  EXPECT_TRUE(draw_plots({*map}));
}

// Faults are numbered site by site; the part that is looked at is no prefix of that.
TEST(Report, TheEstimateOfAnExhaustiveSetConvergesToWhatIsTrue) {
  ResultsRecord record = small_record();
  RecordedSet& set = record.sets[0];
  set.faults.clear();
  for (std::uint64_t i = 0; i < 400; ++i) set.faults.push_back(fault(1, i < 200 ? 90 : 10));
  set.strata[0].population = 400;
  set.sites.assign(400, set.sites[0]);
  int wrong = 0;
  for (const EstimateSoFar& so_far : convergence(record, set))
    wrong += so_far.accuracy.interval->low > 0.5 || so_far.accuracy.interval->high < 0.5 ? 1 : 0;
  EXPECT_LE(wrong, 3);  // of 40
  EXPECT_NEAR(convergence(record, set).back().accuracy.interval->low, 0.5, 1e-12);
}

TEST(Report, TextFromFilesStaysText) {
  ResultsRecord record = small_record();
  const std::string hostile = "<script>alert('x')</script>\"&\n`rm -rf x`\xff";
  record.model = record.config = hostile;
  record.file = hostile + "/results.json";
  record.facts = {{hostile, hostile}};
  RecordedSet& set = record.sets[0];
  set.name = hostile;
  set.facts = {{hostile, hostile}, {"sample, n", hostile}};
  for (RecordedFault& one : set.faults) one.name = hostile;
  for (RecordedSite& site : set.sites) site.name = site.region = hostile;
  set.constants = {{hostile, 1, std::vector<std::uint64_t>(16, 1), 0.5}};
  RecordedDomain domain;
  domain.layer = 1;
  set.by_layer = {domain};
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
