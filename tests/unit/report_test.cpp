// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/report.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "draw.hpp"
#include "qfi/base/text.hpp"
#include "report/figures.hpp"
#include "report/markup.hpp"
#include "results_fixture.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::HasSubstr;
using testing::Not;

FaultRecord fault(std::uint64_t changed, std::uint64_t faulty_correct) {
  FaultRecord result;
  result.name = fmt::format("fault {}", changed);
  result.units = result.labelled = 100;
  result.golden_correct = 90;
  result.changed = changed;
  result.faulty_correct = faulty_correct;
  return result;
}

void add_site(ResultsFile& campaign, const char* site, const char* region, std::optional<std::uint64_t> bit,
              std::uint64_t stuck_at, const FaultRecord& record) {
  NetlistFaultResults& fault = campaign.results.sets[0].netlist()->faults.emplace_back();
  fault.site = site;
  fault.region = region;
  fault.lowest_result_bit = bit;
  fault.stuck_at = stuck_at;
  fault.counts = campaign.results.task->count_numbers(FaultCounts());
  campaign.faults[0].faults.push_back(record);
}

// Five faults of a netlist at three sites.
ResultsFile small_netlist() {
  ResultsFile campaign = test::small_campaign(NetlistResults{}, 50);
  add_site(campaign, "a", "port rs1", 0, 0, fault(0, 90));
  add_site(campaign, "b", "G.Y", 1, 0, fault(60, 30));
  add_site(campaign, "a", "port rs1", 0, 1, fault(10, 80));
  add_site(campaign, "c", "G.Y", {}, 0, fault(20, 70));
  add_site(campaign, "b", "G.Y", 1, 1, fault(10, 85));
  Estimates& estimates = *campaign.results.sets[0].summary;
  estimates.accuracy = SampledMean{0.71, Interval{0.4, 0.9}, {}};
  estimates.changed = {0.2, Interval{0.1, 0.4}, {}};
  estimates.histogram = {2, 3};
  return campaign;
}

ResultsFile small_bits() {
  ResultsFile campaign = test::small_campaign(StoredBitResults{}, 50);
  campaign.faults[0].faults = small_netlist().faults[0].faults;
  campaign.results.sets[0].summary = small_netlist().results.sets[0].summary;
  return campaign;
}

StoredValuesFacts constant(const char* label, std::uint64_t layer) {
  StoredValuesFacts facts;
  facts.label = label;
  facts.layer = layer;
  facts.width = 8;
  return facts;
}

std::vector<Hardened> hardening_of(const ResultsFile& campaign) {
  return hardening(campaign.results.sets[0], campaign.faults[0]);
}

std::vector<EstimateSoFar> convergence_of(const ResultsFile& campaign) {
  return convergence(campaign.results, campaign.results.sets[0], campaign.faults[0]);
}

TEST(Report, HardeningTakesTheSitesThatChangeMostFirst) {
  ResultsFile campaign = test::small_campaign(NetlistResults{}, 50);
  for (std::uint64_t site = 0; site < 30; ++site)
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}}) {
      if (site == 29 && value == 1) continue;  // of that one only one fault was drawn
      add_site(campaign, fmt::format("s{}", site).c_str(), "", {}, value,
               fault(site < 3     ? 20
                     : site == 29 ? 100
                                  : 1,
                     90));
    }
  const std::vector<Hardened> course = hardening_of(campaign);
  ASSERT_EQ(course.size(), 30U);
  EXPECT_NEAR(course[1].removed, 40.0 / 172, 1e-12);
  EXPECT_NEAR(course[3].removed, 120.0 / 172, 1e-12);
  EXPECT_NEAR(course[29].removed, 1.0, 1e-12);
  EXPECT_NEAR(course[1].cost, 1.0 / 29, 1e-12);
  campaign.results.sets[0].netlist()->faults.resize(30);
  campaign.faults[0].faults.resize(30);
  EXPECT_TRUE(hardening_of(campaign).empty()) << "15 sites say little";
}

// A set of `cells` cells of 100 bits, of which `drawn` each were drawn; faults change their one image at
// `rate`.
ResultsFile cells_of(std::uint64_t cells, std::uint64_t drawn, test::Draw& draw,
                     const std::function<double(std::uint64_t)>& rate) {
  ResultsFile campaign = test::small_campaign(StoredBitResults{}, 100 * cells);
  for (std::uint64_t bit = 0; bit < cells; ++bit) {
    DomainResults domain;
    domain.layer = 0;
    domain.bit = bit;
    domain.population = 100;
    domain.n = drawn;
    for (std::uint64_t i = 0; i < drawn; ++i) {
      FaultRecord& one = campaign.faults[0].faults.emplace_back();
      one.layer = 0;
      one.bit = bit;
      one.units = 1;
      one.changed = draw(0, 9999) < static_cast<int>(rate(bit) * 10000) ? 1 : 0;
      domain.changed_share += static_cast<double>(one.changed) / static_cast<double>(drawn);
    }
    campaign.results.sets[0].bits()->by_layer_and_bit.push_back(domain);
  }
  return campaign;
}

// Where nothing is worse than anything else, what chance made look worse must not seem to be worth hardening.
TEST(Report, HardeningOfBitsIsNotJudgedByWhatChoseThem) {
  test::Draw draw(7);
  double removed = 0;
  constexpr int k_runs = 200;
  for (int run = 0; run < k_runs; ++run) {
    const std::vector<Hardened> course =
        hardening_of(cells_of(40, 6, draw, [](std::uint64_t) { return 0.2; }));
    ASSERT_EQ(course.size(), 41U);
    EXPECT_NEAR(course[10].cost, 0.25, 1e-9);
    removed += course[10].removed / k_runs;
  }
  EXPECT_NEAR(removed, 0.25, 0.02);
}

TEST(Report, HardeningOfBitsFindsTheWorst) {
  test::Draw draw(8);
  const auto rate = [](std::uint64_t bit) { return bit == 3 ? 0.9 : 0.02; };
  const std::vector<Hardened> course = hardening_of(cells_of(8, 50, draw, rate));
  ASSERT_EQ(course.size(), 9U);
  EXPECT_NEAR(course[1].cost, 1.0 / 8, 1e-12);
  EXPECT_GT(course[1].removed, 0.6);
  EXPECT_TRUE(hardening_of(cells_of(8, 1, draw, rate)).empty()) << "one fault cannot choose and judge";
}

TEST(Report, TheEstimateConvergesToTheMeanOfAllFaults) {
  const std::vector<EstimateSoFar> course = convergence_of(small_netlist());
  ASSERT_EQ(course.size(), 5U);
  EXPECT_EQ(course.back().faults, 5U);

  EXPECT_NEAR(course.back().mean.value, 0.71, 1e-12);
  EXPECT_LT(course.back().mean.interval->low, 0.71);
}

// What its caption says: gray where nothing was drawn, up to the highest bit that there is.
TEST(Report, TheMapOfLayersAndBitsShowsWhereNothingWasDrawn) {
  ResultsFile campaign = small_bits();
  StoredBitResults& bits = *campaign.results.sets[0].bits();
  for (const std::uint64_t layer : {std::uint64_t{3}, std::uint64_t{5}})
    for (const std::uint64_t bit : {std::uint64_t{0}, std::uint64_t{7}}) {
      DomainResults domain;
      domain.layer = layer;
      domain.bit = bit;
      domain.n = bit == 7 ? 0 : 2;
      bits.by_layer_and_bit.push_back(domain);
      if (layer == 3) bits.by_bit.push_back(domain);
      if (bit == 0) bits.by_layer.push_back(domain);
    }
  const std::vector<Plot> plots = set_plots(campaign, 0);
  const auto map = std::ranges::find(plots, "Layers and bits", &Plot::title);
  ASSERT_NE(map, plots.end());
  EXPECT_THAT(map->caption, HasSubstr("gray: no fault drawn"));
  EXPECT_THAT(map->script, HasSubstr("set object 1 rectangle from graph 0,0 to graph 1,1 behind fc rgb"));
  EXPECT_THAT(map->script, HasSubstr("$cells << END_OF_DATA\n0 0 0 \n0 1 0 \nEND_OF_DATA"));
  EXPECT_THAT(map->script, HasSubstr("set xrange [-0.5:7.5]"));
}

// FLOAT32 maps: every parameter set with what its flips do, and how its values lie.
TEST(Report, ParameterSetsHaveARowEach) {
  ResultsFile campaign = small_bits();
  CampaignResults& results = campaign.results;
  results.task = &segmentation_task();
  const std::uint64_t none = 0;
  results.golden = {std::uint64_t{1},
                    std::uint64_t{100},
                    std::uint64_t{100},
                    std::uint64_t{90},
                    0.9,
                    Number(),
                    Number(),
                    Number(),
                    none};
  StoredBitResults& bits = *results.sets[0].bits();
  bits.values = {constant("weights of operator 3", 3)};
  bits.values[0].share_from_1_to_2 = 0.125;
  DomainResults domain;
  domain.layer = 3;
  domain.n = 40;
  domain.changed_share = 0.02;
  domain.interval = Interval{0.01, 0.04};
  domain.deviation = 0.0625;
  domain.nan = 7;
  domain.infinity = 5;
  domain.derived = {std::nullopt, 0.75, std::nullopt};
  bits.by_layer = {domain};
  domain.bit = 30;
  domain.changed_share = 0.35;
  bits.by_layer_and_bit = {domain};
  const std::string page = value_of(report_page({&campaign, 1}, "t"));
  EXPECT_THAT(page, HasSubstr("<td>weights of operator 3</td><td>40</td><td>2.00&nbsp;%</td>"
                              "<td>1.00&nbsp;% .. 4.00&nbsp;%</td><td>6.25&nbsp;%</td><td>75.0&nbsp;%</td>"
                              "<td>none</td><td>12.5&nbsp;%</td><td>35.0&nbsp;%</td><td>7</td><td>5</td>"));
}

TEST(Report, FiguresThatAreNegativeShowIt) {
  const ResultsFile campaign = small_netlist();
  const ComparedFigure lost{"lost", {}, -0.00667, Interval{-0.0214, 0.05}, true, true, ""};
  const ComparedFigure values{"values", Interval{289994, 289994}, 159498, {}, false, true, ""};
  const std::string page =
      value_of(report_page({&campaign, 1}, "t", PublishedStudy{"s", "", {}, {lost, values}}));
  EXPECT_THAT(page, HasSubstr("<td>289994</td><td>159498</td>"));
  EXPECT_THAT(page, HasSubstr("<td>-0.667&nbsp;%</td><td>-2.14&nbsp;% .. 5.00&nbsp;%</td>"));
}

TEST(Report, CampaignsGoByTheirFolders) {
  ResultsFile campaign = small_netlist();
  campaign.file = "runs/first/results.json";
  EXPECT_THAT(value_of(report_page({&campaign, 1}, "t")), HasSubstr("<h2>first: m.tflite</h2>"));
  campaign.file = "runs/first/./results.json";
  EXPECT_THAT(value_of(report_page({&campaign, 1}, "t")), HasSubstr("<h2>first: m.tflite</h2>"));
  campaign.file = "results.json";
  EXPECT_THAT(value_of(report_page({&campaign, 1}, "t")),
              HasSubstr("<h2>" + std::filesystem::current_path().filename().string() + ": m.tflite</h2>"));
}

TEST(Report, AProtectionAndASearchHaveTheirTables) {
  ResultsFile campaign = small_bits();
  SetResults& set = campaign.results.sets[0];
  EXPECT_THAT(value_of(report_page({&campaign, 1}, "t")), Not(HasSubstr("<h3>The protection</h3>")));
  set.summary->critical = FaultShare{1, 0.5, {}};
  set.bits()->protection.emplace();
  set.bits()->protection->summary = set.summary;
  set.bits()->protection->summary->critical->share = 0.25;
  set.bits()->search.emplace();
  set.bits()->search->layers = {{4, 20, 10, 0.5}, {2, 30, 3, 0.1}};
  const std::string page = value_of(report_page({&campaign, 1}, "t"));
  EXPECT_THAT(page, HasSubstr("<td>without</td><td>71.0&nbsp;%</td>"));
  EXPECT_THAT(page, HasSubstr("<td>50.0&nbsp;%</td><td>none</td></tr>\n<tr><td>with</td>"));
  EXPECT_THAT(page, HasSubstr("<td>1</td><td>4</td><td>20</td><td>10</td><td>0.5000</td>"));
}

TEST(Report, TheMapOfStoredCodesHasAllOperators) {
  ResultsFile campaign = small_bits();
  std::vector<StoredValuesFacts>& values = campaign.results.sets[0].bits()->values;
  values = {constant("w", 2), constant("v", 9)};
  values[0].histogram_of_codes.emplace().fill(5);
  values[1].histogram_of_codes = {0, 30, 10};
  const std::vector<Plot> plots = set_plots(campaign, 0);
  const auto map = std::ranges::find(plots, "Stored codes", &Plot::title);
  ASSERT_NE(map, plots.end());
  EXPECT_THAT(map->script, HasSubstr("0 \"operator 2\" \n1 \"operator 9\" \n"));
  EXPECT_THAT(map->script, HasSubstr("\n15 0 6.25 \n"));
  EXPECT_THAT(map->script, HasSubstr("\n1 1 75 \n"));
  EXPECT_TRUE(draw_plots({*map}));
}

// Faults are numbered site by site; the part that is looked at is no prefix of that.
TEST(Report, TheEstimateOfAnExhaustiveSetConvergesToWhatIsTrue) {
  ResultsFile campaign = small_bits();
  std::vector<FaultRecord>& faults = campaign.faults[0].faults;
  faults.clear();
  for (std::uint64_t i = 0; i < 400; ++i) faults.push_back(fault(1, i < 200 ? 90 : 10));
  campaign.results.sets[0].strata[0].population = 400;
  int wrong = 0;
  for (const EstimateSoFar& so_far : convergence_of(campaign))
    wrong += so_far.mean.interval->low > 0.5 || so_far.mean.interval->high < 0.5 ? 1 : 0;
  EXPECT_LE(wrong, 3);  // of 40
  EXPECT_NEAR(convergence_of(campaign).back().mean.interval->low, 0.5, 1e-12);
}

// Everything that a file may say, in a campaign of each kind.
TEST(Report, TextFromFilesStaysText) {
  const std::string hostile = "<script>alert('x')</script>\"&\n`rm -rf x`\xff";
  std::vector<ResultsFile> campaigns = {small_netlist(), small_bits()};
  for (ResultsFile& campaign : campaigns) {
    campaign.file = hostile + "/results.json";
    CampaignResults& results = campaign.results;
    results.inputs.model = {hostile, hostile};
    results.tool = {hostile, hostile};
    results.arithmetic = hostile;
    results.config = R"({"<script>": "`<script>`"})";
    SetResults& set = results.sets[0];
    set.name = set.stopped.reason = set.strata[0].label = hostile;
    for (FaultRecord& one : campaign.faults[0].faults) one.name = hostile;
  }
  for (NetlistFaultResults& fault : campaigns[0].results.sets[0].netlist()->faults)
    fault.site = fault.region = hostile;
  StoredBitResults& bits = *campaigns[1].results.sets[0].bits();
  bits.values = {constant(hostile.c_str(), 1)};
  bits.values[0].histogram_of_codes.emplace().fill(1);
  bits.values[0].share_from_1_to_2 = 0.5;
  DomainResults domain;
  domain.layer = 1;
  bits.by_layer = {domain};
  bits.masking = {{3, hostile + "\nEND_OF_DATA\nsystem(\"touch pwned\")", 3}};
  bits.by_direction = {{hostile, {}, 1, 1, 1, 0.5, {}}};
  const std::string page = value_of(report_page(campaigns, hostile));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("\xff")));
  for (const ResultsFile& campaign : campaigns)
    for (const Plot& plot : set_plots(campaign, 0)) {
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
