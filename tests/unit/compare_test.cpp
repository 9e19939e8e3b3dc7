// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/compare.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "draw.hpp"
#include "results_fixture.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::Draw;
using test::value_of;
using testing::HasSubstr;

// A campaign of `n` drawn faults on 100 images; fault i loses about `loss` images of 90.
ResultsFile campaign(std::uint64_t seed, std::size_t n, int loss, bool has_same_faults) {
  Draw draw(seed);
  ResultsFile file = test::small_campaign(StoredBitResults{}, 100'000);
  file.results.sets[0].name = "netlist";
  double sum = 0, squares = 0, critical = 0;
  for (std::size_t i = 0; i < n; ++i) {
    FaultRecord fault;
    fault.name = std::to_string(has_same_faults ? i : draw.bits());
    fault.units = fault.labelled = 100;
    fault.golden_correct = 90;
    fault.faulty_correct = static_cast<std::uint64_t>(90 - loss - draw(0, 20));
    fault.changed = static_cast<std::uint64_t>(draw(0, 3));
    const double accuracy = static_cast<double>(fault.faulty_correct) / 100;
    sum += accuracy;
    squares += accuracy * accuracy;
    critical += fault.changed > 0 ? 1 : 0;
    file.faults[0].faults.push_back(fault);
  }
  const auto count = static_cast<double>(n);
  const double mean = sum / count;
  const double half = 1.96 * std::sqrt((squares / count - mean * mean) / count);
  Estimates& estimates = *file.results.sets[0].summary;
  estimates.accuracy = SampledMean{mean, Interval{mean - half, mean + half}, {}};
  estimates.changed = *estimates.accuracy;
  const auto critical_faults = static_cast<std::uint64_t>(critical);
  estimates.critical =
      FaultShare{critical_faults, critical / count, exact_interval(critical_faults, n, 100'000, 0.95)};
  return file;
}

TEST(Compare, SeesALossAndLetsNoiseBe) {
  for (const bool has_same_faults : {true, false}) {
    const ResultsFile baseline = campaign(1, 300, 0, has_same_faults);
    const Comparison worse = value_of(compare_results(baseline, campaign(2, 300, 4, has_same_faults), {}));
    EXPECT_EQ(worse.verdict, Verdict::worse);
    EXPECT_EQ(worse.checks[1].verdict, Verdict::worse);
    EXPECT_EQ(worse.checks[1].is_paired, has_same_faults);
    EXPECT_NEAR(worse.checks[1].loss, 0.04, 0.01);
    EXPECT_LT(worse.checks[1].interval->low, 0.04);
    EXPECT_GT(worse.checks[1].interval->high, 0.04);
    EXPECT_EQ(worse.checks[0].verdict, Verdict::equal);
    const ResultsFile noise = campaign(3, 300, 0, has_same_faults);
    EXPECT_EQ(value_of(compare_results(baseline, noise, {0.005, 0.02, 0.2})).verdict, Verdict::not_worse);
  }
}

// Thresholds of 0: the true losses are at the threshold, where alarms are most frequent.
TEST(Compare, FalseAlarmsStayBelowTheFamilyError) {
  int alarms = 0;
  constexpr int k_runs = 1000;
  for (int i = 0; i < k_runs; ++i) {
    const auto seed = static_cast<std::uint64_t>(2 * i);
    const bool has_same_faults = i % 2 == 0;
    alarms += value_of(compare_results(campaign(seed, 120, 0, has_same_faults),
                                       campaign(seed + 1, 120, 0, has_same_faults), {0, 0, 0, 0}))
                          .verdict == Verdict::worse
                  ? 1
                  : 0;
  }
  EXPECT_LE(alarms, k_runs * 65 / 1000);
  EXPECT_GE(alarms, k_runs / 100);  // it can fail
}

TEST(Compare, GoldenAccuracyOnTheSameImagesIsExact) {
  const ResultsFile baseline = campaign(1, 50, 0, true);
  ResultsFile results = baseline;
  results.results.golden[1] = std::uint64_t{89};
  EXPECT_EQ(value_of(compare_results(baseline, results, {0.01, 1, 1, 1})).verdict, Verdict::not_worse);
  const Comparison worse = value_of(compare_results(baseline, results, {0.009, 1, 1, 1}));
  EXPECT_EQ(worse.verdict, Verdict::worse);
  EXPECT_EQ(worse.checks[0].p, 0);
  results.results.inputs.data.images_sha256 = "others";
  const Comparison others = value_of(compare_results(baseline, results, {0, 1, 1, 1}, {true, false, false}));
  EXPECT_EQ(others.checks[0].verdict, Verdict::undecided) << "a point more or less on other images is chance";
}

TEST(Compare, FaultListsAreComparedWithoutChance) {
  ResultsFile baseline = campaign(1, 20, 0, true);
  baseline.results.sets[0].summary->accuracy->these_images.reset();
  baseline.results.sets[0].summary->changed.these_images.reset();
  ResultsFile results = baseline;
  results.faults[0].faults[3].faulty_correct -= 20;
  const Comparison comparison = value_of(compare_results(baseline, results, {0, 0.009, 1, 1}));
  EXPECT_EQ(comparison.checks[1].verdict, Verdict::worse);
  EXPECT_NEAR(comparison.checks[1].loss, 0.01, 1e-12);
  EXPECT_EQ(value_of(compare_results(baseline, results, {0, 0.01, 1, 1})).verdict, Verdict::not_worse);
}

// Holm's example: p of 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02.
TEST(Compare, HolmAdjusts) {
  ResultsFile baseline = campaign(1, 200, 0, false);
  ResultsFile results = campaign(2, 200, 2, false);
  for (int i = 0; i < 6; ++i) {
    DomainResults layer;
    layer.layer = static_cast<std::uint64_t>(i);
    layer.changed_share = 0.1;
    layer.interval = Interval{0.05, 0.15};
    baseline.results.sets[0].bits()->by_layer.push_back(layer);
    layer.changed_share += 0.01 * i;
    results.results.sets[0].bits()->by_layer.push_back(layer);
  }
  const Comparison comparison = value_of(compare_results(baseline, results, {0, 0, 0, 0}));
  std::vector<std::pair<double, double>> p;
  for (const Check& check : comparison.checks) p.emplace_back(check.p, check.adjusted_p);
  std::ranges::sort(p);
  double largest = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    largest = std::max(largest, std::min(1.0, p[i].first * static_cast<double>(p.size() - i)));
    EXPECT_NEAR(p[i].second, largest, 1e-12);
  }
  EXPECT_EQ(p.size(), 9U);
}

// Paired designs, error rates and thin strata must not look as if they were known without error.
TEST(Compare, FewFaultsOfAStratumAreNotPaired) {
  ResultsFile baseline = campaign(1, 40, 0, true);
  ResultsFile results = campaign(2, 40, 0, true);
  for (ResultsFile* file : {&baseline, &results}) {
    file->results.sets[0].strata.push_back(file->results.sets[0].strata[0]);
    file->results.sets[0].strata[1].population = 500;
    file->faults[0].faults.back().stratum = 1;
  }
  EXPECT_FALSE(value_of(compare_results(baseline, results, {})).checks[1].is_paired);
  results.faults[0].faults.back().stratum = baseline.faults[0].faults.back().stratum = 0;
  EXPECT_TRUE(value_of(compare_results(baseline, results, {})).checks[1].is_paired);
  baseline.results.sets[0].strata[1].population.reset();
  EXPECT_TRUE(value_of(compare_results(baseline, results, {})).checks[1].is_paired) << "no fault lies there";
  baseline.results.sets[0].strata[0].population.reset();
  EXPECT_FALSE(value_of(compare_results(baseline, results, {})).checks[1].is_paired);
  baseline.results.sets[0].strata[0].population = 1000;
  for (FaultRecord& fault : results.faults[0].faults) fault.name.clear();
  EXPECT_FALSE(value_of(compare_results(baseline, results, {})).checks[1].is_paired);
}

// The same faults, layer by layer: what both have in common is no matter of chance.
TEST(Compare, LayersArePairedWhereTheirStrataTellTheirSize) {
  ResultsFile baseline = campaign(1, 100, 0, true);
  for (std::size_t i = 0; i < 100; ++i) baseline.faults[0].faults[i].layer = i % 2;
  for (const std::uint64_t layer : {std::uint64_t{0}, std::uint64_t{1}}) {
    DomainResults domain;
    domain.layer = layer;
    domain.changed_share = 0.01;
    domain.interval = Interval{0.0, 0.5};
    baseline.results.sets[0].bits()->by_layer.push_back(domain);
  }
  ResultsFile results = baseline;
  for (FaultRecord& fault : results.faults[0].faults)
    if (*fault.layer == 1) fault.changed += 5;
  const Comparison comparison = value_of(compare_results(baseline, results, {1, 1, 1, 0.04}));
  ASSERT_EQ(comparison.checks.size(), 5U);
  EXPECT_TRUE(comparison.checks[3].is_paired);
  EXPECT_EQ(comparison.checks[3].verdict, Verdict::equal);
  EXPECT_NEAR(comparison.checks[4].loss, 0.05, 1e-12);
  EXPECT_EQ(comparison.checks[4].verdict, Verdict::worse);

  // Two strata, each across both layers.
  for (ResultsFile* file : {&baseline, &results}) {
    file->results.sets[0].strata.push_back(file->results.sets[0].strata[0]);
    for (std::size_t i = 0; i < 50; ++i) file->faults[0].faults[i].stratum = 1;
  }
  EXPECT_FALSE(value_of(compare_results(baseline, results, {})).checks[4].is_paired);
}

TEST(Compare, EachRecordHasItsConfidence) {
  const ResultsFile baseline = campaign(1, 100, 0, false);
  ResultsFile results = campaign(2, 100, 0, false);
  const Interval expected = *value_of(compare_results(baseline, results, {})).checks[1].interval;
  SampledMean& accuracy = *results.results.sets[0].summary->accuracy;
  const double scale = t_quantile(0.2, 1e9) / t_quantile(0.95, 1e9);
  accuracy.these_images->low = accuracy.mean - scale * (accuracy.mean - accuracy.these_images->low);
  accuracy.these_images->high = accuracy.mean + scale * (accuracy.these_images->high - accuracy.mean);
  results.results.interval_confidence = 0.2;
  const Interval got = *value_of(compare_results(baseline, results, {})).checks[1].interval;
  EXPECT_NEAR(got.low, expected.low, 1e-9);
  EXPECT_NEAR(got.high, expected.high, 1e-9);
}

TEST(Compare, EachErrorRateIsComparedWithItself) {
  ResultsFile baseline = campaign(1, 100, 0, false);
  ResultsFile results = campaign(2, 100, 6, false);
  for (ResultsFile* file : {&baseline, &results}) {
    SetResults& set = file->results.sets[0];
    set.strata[0].label = "bit error rate 0.001";
    set.strata[0].population.reset();
    set.strata[0].estimates = std::exchange(set.summary, std::nullopt);
  }
  EXPECT_EQ(value_of(compare_results(baseline, results, {})).verdict, Verdict::worse);
  EXPECT_EQ(value_of(compare_results(results, results, {})).verdict, Verdict::equal);
  results.results.sets[0].strata[0].label = "bit error rate 0.01";
  EXPECT_FALSE(compare_results(baseline, results, {}));
}

TEST(Compare, WhatCannotBeToldIsUndecided) {
  const ResultsFile baseline = campaign(1, 12, 0, false);
  const ResultsFile results = campaign(2, 12, 0, false);
  const Comparison wide = value_of(compare_results(baseline, results, {}));
  EXPECT_EQ(wide.verdict, Verdict::undecided);
  EXPECT_EQ(wide.checks[1].verdict, Verdict::undecided);
  EXPECT_GT(wide.checks[1].interval->high, wide.checks[1].threshold);
  EXPECT_EQ(value_of(compare_results(baseline, results, {0, 1, 1, 1})).verdict, Verdict::not_worse)
      << "wide intervals tell of large losses";
  EXPECT_THAT(comparison_text(wide), HasSubstr("undecided: intervals are too wide to tell"));
  EXPECT_THAT(comparison_junit(wide), HasSubstr("<skipped message=\""));
  EXPECT_EQ(nlohmann::json::parse(comparison_json(wide))["verdict"], "undecided");
}

// A genetic search and a list of other faults have estimates without intervals.
TEST(Compare, WithoutAnIntervalOnlyTheSameFaultsTellSomething) {
  ResultsFile baseline = campaign(1, 40, 0, false);
  baseline.results.sets[0].summary->accuracy->these_images.reset();
  baseline.results.sets[0].summary->critical->interval.reset();
  EXPECT_EQ(value_of(compare_results(baseline, baseline, {})).verdict, Verdict::equal);
  ResultsFile results = baseline;
  for (FaultRecord& fault : results.faults[0].faults) fault.name.clear();
  const Comparison others = value_of(compare_results(baseline, results, {}));
  EXPECT_EQ(others.checks[1].verdict, Verdict::undecided);
  EXPECT_FALSE(others.checks[1].interval);
  EXPECT_THAT(comparison_text(others), HasSubstr("no interval"));
  EXPECT_TRUE(nlohmann::json::parse(comparison_json(others))["checks"][1]["interval"].is_null());
}

TEST(Compare, OtherDataNetworksAndFaultsAreRefusedUnlessAllowed) {
  const ResultsFile baseline = campaign(1, 300, 0, true);
  struct Difference {
    const char* word;
    AllowedDifferences allowed;
    std::function<void(CampaignResults&)> make;
  };
  for (const Difference& d : std::vector<Difference>{
           {"data", {true, false, false}, [](auto& r) { r.inputs.data.images_sha256 = "others"; }},
           {"data", {true, false, false}, [](auto& r) { r.inputs.data.labels_sha256 = "others"; }},
           {"network", {false, true, false}, [](auto& r) { r.inputs.model.sha256 = "another"; }},
           {"faults", {false, false, true}, [](auto& r) {
              r.config = R"({"faults": [{"target": "data"}]})";
            }}}) {
    ResultsFile results = baseline;
    d.make(results.results);
    const auto refused = compare_results(baseline, results, {});
    ASSERT_FALSE(refused) << d.word;
    EXPECT_THAT(refused.error().message, HasSubstr(std::string("--may-differ ") + d.word));
    EXPECT_TRUE(compare_results(baseline, results, {}, d.allowed)) << d.word;
  }
  ResultsFile more = baseline;
  ResultsFile fewer = baseline;
  more.results.config = R"({"faults": [{"target": "data", "name": "a", "sample": {"count": 100}}]})";
  fewer.results.config = R"({"faults": [{"target": "data", "name": "b", "sample": {"count": 10}}]})";
  EXPECT_TRUE(compare_results(more, fewer, {})) << "the same faults, of which more were drawn";
}

// One truth, each campaign on images of its own: what their accuracies differ by is mostly the images.
TEST(Compare, OtherImagesAreNoAlarm) {
  int alarms = 0, alarms_of_these_images = 0;
  constexpr int k_runs = 600;
  for (int i = 0; i < k_runs; ++i) {
    Draw draw(static_cast<std::uint64_t>(i));
    std::array<ResultsFile, 2> files;
    for (std::size_t k = 0; k < 2; ++k) {
      ResultsFile& file = files[k];
      file = campaign(static_cast<std::uint64_t>(2 * i) + k, 200, 0, true);
      file.results.inputs.data.images_sha256 = std::to_string(k);
      double luck = 0;  // of the images; a mean of uniform numbers is nearly normal
      for (int n = 0; n < 12; ++n) luck += draw(0, 1000) / 1000.0 - 0.5;
      constexpr double k_deviation = 0.02;
      SampledMean& accuracy = *file.results.sets[0].summary->accuracy;
      const double half = 0.5 * (accuracy.these_images->high - accuracy.these_images->low);
      const double all = std::hypot(half, 1.96 * k_deviation);
      accuracy.mean += k_deviation * luck;
      accuracy.these_images = Interval{accuracy.mean - half, accuracy.mean + half};
      accuracy.image_population = Interval{accuracy.mean - all, accuracy.mean + all};
    }
    const auto is_worse = [&] {
      return value_of(compare_results(files[0], files[1], {1, 0, 1, 1}, {true, false, false})).verdict ==
             Verdict::worse;
    };
    alarms += is_worse() ? 1 : 0;
    for (ResultsFile& file : files)
      file.results.sets[0].summary->accuracy->image_population =
          file.results.sets[0].summary->accuracy->these_images;
    alarms_of_these_images += is_worse() ? 1 : 0;
  }
  EXPECT_LE(alarms, k_runs * 75 / 1000);
  EXPECT_GE(alarms_of_these_images, k_runs / 4) << "intervals on these images would be false alarms";
}

TEST(Compare, ASetThatIsGoneIsAnErrorAndTextIsEscaped) {
  const ResultsFile baseline = campaign(1, 50, 0, true);
  ResultsFile results = baseline;
  results.results.sets[0].name = "<other> & \"|more|";
  const auto gone = compare_results(baseline, results, {});
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().message, HasSubstr("no fault set 'netlist'"));
  const Comparison comparison = value_of(compare_results(results, results, {}));
  EXPECT_THAT(comparison_junit(comparison), HasSubstr("qfi.&lt;other&gt; &amp; &quot;|more|"));
  EXPECT_THAT(comparison_markdown(comparison), HasSubstr("&lt;other&gt; &amp; \"\\|more\\|"));
}

}  // namespace
}  // namespace qfi
