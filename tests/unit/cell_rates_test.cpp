// SPDX-License-Identifier: Apache-2.0
// Rates of raw faults by cell.
#include "qfi/fault_sets/cell_rates.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "qfi/base/random.hpp"
#include "qfi/faults/stuck_at.hpp"
#include "qfi/statistics/statistics.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using testing::AllOf;
using testing::HasSubstr;

class CellRates : public testing::Test {
 protected:
  Netlist m_netlist = value_of(read_netlist(test::source_folder() / "netlists/mul_mapped.json"));
};

// Of either kind of site, the sites stand for all that the cells have.
TEST_F(CellRates, AreasBecomeRatesOfSites) {
  RawRate rate;
  rate.fit_per_um2 = 0.5;
  const std::vector<double> rates = value_of(cell_rates(m_netlist, rate));
  double area = 0;
  for (const Cell& cell : m_netlist.cells) area += cell.area.value();
  const double all = std::accumulate(rates.begin(), rates.end(), 0.0);
  EXPECT_NEAR(all, 0.5 * area, 1e-9);
  EXPECT_GT(area, 1000);
  for (const SiteKind kind : {SiteKind::nets, SiteKind::pins}) {
    const std::vector<Site> sites = enumerate_sites(m_netlist, kind);
    const std::vector<double> weights = site_rates(m_netlist, sites, rates);
    ASSERT_EQ(weights.size(), sites.size());
    double sum = 0;
    for (const double weight : weights) sum += weight;
    EXPECT_NEAR(sum, all, 1e-9);
  }
  const std::vector<Site> operand = {{Site::Kind::net, m_netlist.rs1[0], 0}};
  EXPECT_EQ(site_rates(m_netlist, operand, rates).front(), 0.0);
}

TEST_F(CellRates, EveryTypeHasOneRate) {
  RawRate rate;
  rate.fit_by_cell = {{"AND2_X1", 1.0}, {"FA_X1", 2.0}, {"HA_X1", 3.0}};
  const std::vector<double> rates = value_of(cell_rates(m_netlist, rate));
  for (std::size_t i = 0; i < rates.size(); ++i)
    EXPECT_EQ(rates[i], rate.fit_by_cell.at(m_netlist.cells[i].type));
  rate.fit_by_cell.erase("HA_X1");
  EXPECT_THAT(cell_rates(m_netlist, rate).error().message, HasSubstr("has no rate of HA_X1"));
  rate.fit_by_cell["HAX1"] = 3.0;
  EXPECT_THAT(cell_rates(m_netlist, rate).error().message, AllOf(HasSubstr("HAX1"), HasSubstr("HA_X1")));
}

TEST_F(CellRates, ACellWithoutAnAreaIsNamed) {
  RawRate rate;
  rate.fit_per_um2 = 1;
  m_netlist.cells[3].area.reset();
  EXPECT_THAT(cell_rates(m_netlist, rate).error().message,
              HasSubstr("the area of " + m_netlist.cells[3].type));
}

// With equal weights it is the plain mean; a whole population has no interval left; a weight of two counts
// twice.
TEST(WeightedMean, IsARatio) {
  const std::vector<WeightedValue> equal = {{2, 1.0}, {2, 0.0}, {2, 0.5}, {2, 0.5}};
  const SampledMean plain = weighted_mean(equal, 400, 0.95);
  EXPECT_DOUBLE_EQ(plain.mean, 0.5);
  EXPECT_LT(plain.these_images->low, 0.2);
  EXPECT_GT(plain.these_images->high, 0.8);
  EXPECT_EQ(weighted_mean(equal, 4, 0.95).these_images->low, 0.5);
  EXPECT_DOUBLE_EQ(weighted_mean(std::vector<WeightedValue>{{2, 1.0}, {1, 0.0}}, 10, 0.95).mean, 2.0 / 3);
  EXPECT_FALSE(weighted_mean(std::vector<WeightedValue>{{2, 1.0}}, 10, 0.95).these_images);
  EXPECT_EQ(weighted_mean(std::vector<WeightedValue>{{0, 1.0}, {0, 1.0}}, 10, 0.95).mean, 0.0);
}

// Of ten that all fail, or none of which does, others may be unseen: 0.025^(1/10) of them at most, and by
// Student's t a little more.
TEST(WeightedMean, AgreementIsNoCertainty) {
  const std::vector<WeightedValue> all(10, {3, 1.0});
  const auto failing = weighted_mean(all, 1000, 0.95).these_images.value();
  EXPECT_EQ(failing.high, 1.0);
  EXPECT_LT(failing.low, std::pow(0.025, 0.1));
  EXPECT_GT(failing.low, 0.5);
  const std::vector<WeightedValue> none(10, {3, 0.0});
  const auto harmless = weighted_mean(none, 1000, 0.95).these_images.value();
  EXPECT_EQ(harmless.low, 0.0);
  EXPECT_NEAR(harmless.high, 1.0 - failing.low, 1e-12);
}

// The interval holds the true ratio about as often as it says, over samples of a population with unequal
// weights.
TEST(WeightedMean, CoversTheTruthAboutAsOftenAsItSays) {
  constexpr int k_members = 2000;
  std::vector<WeightedValue> population;
  double weights = 0, sum = 0;
  for (int i = 0; i < k_members; ++i) {
    const double weight = 1.0 + i % 7;
    population.push_back({weight, i % 5 == 0 ? 0.1 * (i % 7) : 0.9});
    weights += weight;
    sum += weight * population.back().value;
  }
  int covered = 0;
  constexpr int k_samples = 400;
  for (std::uint64_t sample = 0; sample < k_samples; ++sample) {
    std::vector<WeightedValue> drawn;
    for (const std::uint64_t i : draw_without_replacement(k_members, 200, sample, "weighted mean"))
      drawn.push_back(population[i]);
    const auto interval = weighted_mean(drawn, k_members, 0.95).these_images.value();
    covered += interval.low <= sum / weights && sum / weights <= interval.high ? 1 : 0;
  }
  EXPECT_GE(covered, k_samples * 92 / 100);
  EXPECT_LE(covered, k_samples * 98 / 100);
}

}  // namespace
}  // namespace qfi
