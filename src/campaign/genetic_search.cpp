// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/genetic_search.hpp"

#include <algorithm>
#include <numeric>

#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"

namespace qfi {
namespace {

// Draws of one individual, in their order.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t generation, std::uint64_t individual)
      : m_seed(seed), m_purpose(purpose::individual(generation, individual)) {}
  std::uint64_t below(std::uint64_t bound) { return random_below(m_seed, m_purpose, m_next++, bound); }
  bool happens(double share) {
    constexpr std::uint64_t k_steps = std::uint64_t{1} << 53;
    return static_cast<double>(below(k_steps)) < share * static_cast<double>(k_steps);
  }

 private:
  std::uint64_t m_seed;
  std::string m_purpose;
  std::uint64_t m_next = 0;
};

void insert(Genome& bits, std::uint64_t bit) {
  const auto place = std::ranges::lower_bound(bits, bit);
  if (place == bits.end() || *place != bit) bits.insert(place, bit);
}

// Draws bits until there are enough.
void fill(Genome& bits, std::uint64_t count, std::span<const LayerBits> layers, Draws& draws) {
  while (bits.size() < count) {
    const LayerBits& layer = layers[draws.below(layers.size())];
    insert(bits, layer.first + draws.below(layer.size));
  }
}

Genome child_of(const Genome& a, const Genome& b, const SampleGenetic& params,
                std::span<const LayerBits> layers, Draws& draws) {
  Genome bits;
  for (std::size_t i = 0; i < params.flips; ++i) {
    const std::uint64_t inherited = draws.below(2) == 0 ? a[i] : b[i];
    if (!draws.happens(params.mutation)) insert(bits, inherited);
  }
  fill(bits, params.flips, layers, draws);
  return bits;
}

std::size_t layer_of(std::span<const LayerBits> layers, std::uint64_t bit) {
  const auto after = std::ranges::upper_bound(layers, bit, {}, &LayerBits::first);
  return std::prev(after)->layer;
}

// Which of all cost most, the earlier one of equals first; no more than `most`.
template <class Individuals>
std::vector<std::size_t> fittest(const Individuals& individuals, std::size_t most) {
  std::vector<std::size_t> best(individuals.size());
  std::iota(best.begin(), best.end(), std::size_t{0});
  std::ranges::stable_sort(best, std::greater<>(), [&](std::size_t i) { return individuals[i].drop; });
  best.resize(std::min(best.size(), most));
  return best;
}

double mean_drop(std::span<const Individual> individuals) {
  double sum = 0;
  for (const Individual& individual : individuals) sum += individual.drop;
  return sum / static_cast<double>(individuals.size());
}

}  // namespace

std::vector<Genome> first_generation(std::span<const LayerBits> layers, const SampleGenetic& params,
                                     std::uint64_t seed) {
  std::vector<Genome> result(params.population);
  for (std::uint64_t i = 0; i < params.population; ++i) {
    Draws draws(seed, 0, i);
    fill(result[i], params.flips, layers, draws);
  }
  return result;
}

std::vector<Genome> next_generation(std::span<const LayerBits> layers, const SampleGenetic& params,
                                    std::uint64_t seed, std::uint64_t number,
                                    std::span<const Individual> individuals) {
  const std::vector<std::size_t> best = fittest(individuals, params.population);
  std::vector<Genome> result;
  for (std::uint64_t i = 0; i < params.population; ++i) {
    Draws draws(seed, number, i);
    const auto parent = [&]() -> const Genome& {  // the better stands before
      const std::uint64_t one = draws.below(best.size());
      const std::uint64_t other = draws.below(best.size());
      return individuals[best[std::min(one, other)]].bits;
    };
    const Genome& a = parent();
    const Genome& b = parent();
    result.push_back(child_of(a, b, params, layers, draws));
  }
  return result;
}

LayerSearch::LayerSearch(std::vector<LayerBits> layers, const SampleGenetic& params)
    : m_layers(std::move(layers)), m_params(params) {}

void LayerSearch::add(std::span<const Individual> generation) {
  Generation now;
  now.mean = mean_drop(generation);
  now.best = std::ranges::max(generation, {}, &Individual::drop).drop;
  for (const Individual& individual : generation) {
    Run& run = m_runs.emplace_back();
    run.drop = individual.drop;
    for (const std::uint64_t bit : individual.bits) ++run.bits[layer_of(m_layers, bit)];
  }
  for (const LayerVulnerability& layer : layers()) now.order.push_back(layer.layer);
  if (!m_generations.empty()) now.best = std::max(now.best, m_generations.back().best);
  m_same = !m_generations.empty() && m_generations.back().order == now.order ? m_same + 1 : 0;
  m_generations.push_back(std::move(now));
}

std::vector<LayerVulnerability> LayerSearch::layers() const {
  std::map<std::size_t, LayerVulnerability> of_layer;
  for (const LayerBits& layer : m_layers) of_layer[layer.layer].layer = layer.layer;
  for (const Run& run : m_runs)
    for (const auto& [layer, bits] : run.bits) of_layer[layer].tried += bits;
  for (const std::size_t i : fittest(m_runs, m_params.population))
    for (const auto& [layer, bits] : m_runs[i].bits) of_layer[layer].vulnerable += bits;
  std::vector<LayerVulnerability> result;
  for (const auto& [layer, vulnerability] : of_layer) result.push_back(vulnerability);
  std::ranges::stable_sort(result, std::greater<>(), &LayerVulnerability::lvf);
  return result;
}

std::vector<Individual> individuals_of(const FaultSet& set, std::size_t first) {
  std::vector<Individual> result;
  for (std::size_t i = first; i < set.drawn(); ++i) {
    const FaultCounts counts = set.counts_of(i);
    const auto lost = static_cast<double>(counts.golden_correct) - static_cast<double>(counts.faulty_correct);
    result.push_back({set.chosen_members(i), lost / static_cast<double>(counts.labelled)});
  }
  return result;
}

LayerSearch search_of(std::vector<LayerBits> layers, const SampleGenetic& params,
                      std::span<const Individual> individuals) {
  LayerSearch search(std::move(layers), params);
  for (std::size_t first = 0; first + params.population <= individuals.size(); first += params.population)
    search.add(individuals.subspan(first, params.population));
  return search;
}

}  // namespace qfi
