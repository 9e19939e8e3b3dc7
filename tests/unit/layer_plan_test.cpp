// SPDX-License-Identifier: Apache-2.0
#include "engine/layer_plan.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "qfi/base/random.hpp"

namespace qfi {
namespace {

constexpr LayerPrices k_prices = {.call = 10, .image = 2, .pixel = 0, .pair = 0, .listed = 0};

// The cost of ways, one letter for each inference: w as a whole, c the changes, l listed, - none.
double cost_of(const LayerPlan& plan, const std::string& ways) {
  double cost = 0;
  for (std::size_t k = 0; k < ways.size(); ++k) {
    const LayerPlan::Inference& inference = plan.inferences[k];
    const bool is_first = ways[k] == 'w' && (k == 0 || ways[k - 1] != 'w');
    cost += is_first ? k_prices.call : 0;
    if (ways[k] == 'w') cost += inference.is_apart ? INFINITY : k_prices.image;
    if (ways[k] == 'c') cost += inference.changes;
    if (ways[k] == 'l') cost += inference.listed;
    if (ways[k] == '-' && inference.is_reached) cost = INFINITY;
  }
  return cost;
}

std::string chosen(const LayerPlan& plan) {
  std::string ways;
  for (const LayerPlan::Inference& inference : plan.inferences)
    ways += std::string("-clw")[static_cast<std::size_t>(inference.way)];
  return ways;
}

double least_cost(const LayerPlan& plan, const std::string& ways = "") {
  if (ways.size() == plan.inferences.size()) return cost_of(plan, ways);
  double least = INFINITY;
  for (const char way : std::string("-clw")) least = std::min(least, least_cost(plan, ways + way));
  return least;
}

TEST(LayerPlan, InferencesShareACall) {
  LayerPlan plan;
  plan.begin(8);
  for (const std::size_t k : {0U, 1U, 2U, 4U}) plan.inferences[k] = {true, false, 6, 7, {}};
  plan.choose_ways(k_prices);
  EXPECT_EQ(chosen(plan), "wwwww---");  // 20; one by one 24; the fourth is golden
  plan.inferences[3].is_apart = true;
  plan.choose_ways(k_prices);
  EXPECT_EQ(chosen(plan), "www-c---");  // 22
}

TEST(LayerPlan, NoOtherWaysCostLess) {
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    const auto below = [&](std::size_t i, std::uint64_t end) { return random_below(trial, "plan", i, end); };
    LayerPlan plan;
    plan.begin(6);
    for (std::size_t k = 0; k < 6; ++k) {
      LayerPlan::Inference& inference = plan.inferences[k];
      inference.is_reached = below(5 * k, 3) > 0;
      inference.is_apart = !inference.is_reached && below(5 * k + 1, 3) == 0;
      if (!inference.is_reached) continue;
      if (below(5 * k + 2, 4) > 0) inference.changes = static_cast<double>(below(5 * k + 3, 12));
      if (below(5 * k + 2, 3) > 0) inference.listed = static_cast<double>(below(5 * k + 4, 12));
    }
    plan.choose_ways(k_prices);
    EXPECT_EQ(cost_of(plan, chosen(plan)), least_cost(plan)) << trial << ": " << chosen(plan);
  }
}

}  // namespace
}  // namespace qfi
