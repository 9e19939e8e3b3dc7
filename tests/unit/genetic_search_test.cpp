// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/genetic_search.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "qfi/base/random.hpp"

namespace qfi {
namespace {

using testing::ElementsAre;

const std::vector<LayerBits> k_layers = {{3, 0, 10}, {5, 10, 990}, {8, 1000, 100000}};

SampleGenetic params(std::uint64_t population, std::uint64_t flips) {
  SampleGenetic sample;
  sample.population = population;
  sample.flips = flips;
  return sample;
}

std::size_t layer_of(std::uint64_t bit) { return bit < 10 ? 3 : bit < 1000 ? 5 : 8; }

TEST(GeneticSearch, BeginsWithBitsOfAllLayersAlike) {
  const auto first = first_generation(k_layers, params(500, 4), 7);
  std::map<std::size_t, int> bits;
  for (const Genome& genome : first) {
    ASSERT_EQ(genome.size(), 4U);
    EXPECT_TRUE(std::ranges::is_sorted(genome));
    EXPECT_EQ(std::ranges::adjacent_find(genome), genome.end()) << "no bit twice";
    for (const std::uint64_t bit : genome) ++bits[layer_of(bit)];
  }
  for (const std::size_t layer : {3U, 5U, 8U}) EXPECT_NEAR(bits[layer], 2000 / 3, 100) << layer;
  EXPECT_EQ(first, first_generation(k_layers, params(500, 4), 7));
  EXPECT_NE(first, first_generation(k_layers, params(500, 4), 8));
}

TEST(GeneticSearch, ChildrenHaveBitsOfTheBest) {
  SampleGenetic sample = params(4, 3);
  sample.mutation = 0;
  std::vector<Individual> individuals;
  for (std::uint64_t i = 0; i < 8; ++i)  // the first four are the best
    individuals.push_back({{3 * i, 3 * i + 1, 3 * i + 2}, i < 4 ? 0.5 : 0.1});
  int inherited = 0;
  for (const Genome& genome : next_generation(k_layers, sample, 7, 2, individuals))
    for (const std::uint64_t bit : genome) inherited += bit < 12 ? 1 : 0;
  EXPECT_EQ(inherited, 12) << "without mutation all bits are a parent's";
  sample.mutation = 1;
  inherited = 0;
  for (const Genome& genome : next_generation(k_layers, sample, 7, 2, individuals))
    for (const std::uint64_t bit : genome) inherited += bit < 12 ? 1 : 0;
  EXPECT_LT(inherited, 10) << "all are drawn anew";
}

// Layer 3 has the bits that do harm.
TEST(GeneticSearch, LayersStandByTheirShareOfVulnerableBits) {
  const SampleGenetic sample = params(4, 2);
  const std::vector<Individual> individuals = {{{1, 20}, 0.3},    {{2, 30}, 0.2},   {{40, 2000}, 0.0},
                                               {{50, 3000}, 0.0}, {{1, 2}, 0.4},    {{3, 60}, 0.0},
                                               {{20, 2000}, 0.0}, {{70, 4000}, 0.0}};
  const LayerSearch search = search_of(k_layers, sample, individuals);
  const auto layers = search.layers();
  ASSERT_EQ(layers.size(), 3U);
  EXPECT_EQ(layers[0].layer, 3U);
  EXPECT_EQ(layers[0].tried, 5U) << "1 and 2 twice, 3 once";
  EXPECT_EQ(layers[0].vulnerable, 4U) << "the four best are the first, the second, {1, 2} and {40, 2000}";
  EXPECT_EQ(layers[1].layer, 5U);
  EXPECT_EQ(layers[1].tried, 7U);
  EXPECT_EQ(layers[1].vulnerable, 3U);
  EXPECT_EQ(layers[2].layer, 8U);
  EXPECT_EQ(layers[2].tried, 4U);
  EXPECT_EQ(layers[2].vulnerable, 1U);
  ASSERT_EQ(search.generations().size(), 2U);
  EXPECT_THAT(search.generations()[1].order, ElementsAre(3U, 5U, 8U));
  EXPECT_DOUBLE_EQ(search.generations()[0].mean, 0.125);
  EXPECT_DOUBLE_EQ(search.generations()[1].best, 0.4);
  EXPECT_FALSE(search.is_settled()) << "five generations must not change it";
  SampleGenetic impatient = sample;
  impatient.patience = 1;
  EXPECT_EQ(search_of(k_layers, impatient, individuals).is_settled(),
            search.generations()[0].order == search.generations()[1].order);
}

// Bits of layer 5 cost most, those of layer 8 nothing; what is seen of it is noisier than one bit's cost.
TEST(GeneticSearch, TheOrderOfLayersIsFoundThroughNoise) {
  const SampleGenetic sample = params(40, 10);
  int right = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<Individual> all;
    LayerSearch search(k_layers, sample);
    for (std::uint64_t generation = 0; generation < 10; ++generation) {
      const auto genomes = generation == 0 ? first_generation(k_layers, sample, seed)
                                           : next_generation(k_layers, sample, seed, generation, all);
      for (const Genome& genome : genomes) {
        double drop = static_cast<double>(random_bits(seed, "noise", all.size()) % 100) / 1000;
        for (const std::uint64_t bit : genome)
          drop += layer_of(bit) == 5 ? 0.02 : layer_of(bit) == 3 ? 0.01 : 0;
        all.push_back({genome, drop});
      }
      search.add(std::span(all).last(40));
    }
    right += search.generations().back().order == std::vector<std::size_t>{5, 3, 8} ? 1 : 0;
  }
  EXPECT_GE(right, 18) << "of 20 searches";
}

}  // namespace
}  // namespace qfi
