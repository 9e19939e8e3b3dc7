// SPDX-License-Identifier: Apache-2.0
// Owns the genetic search for the bits whose flips do most harm, and what it says of layers. Individuals that
// were run go in; the next generation and the order of the layers come out. An individual is a set of bits
// that flip together; its fitness is the accuracy that they cost. Every decision is a function of the seed
// and of individuals that were run before, so that a run can be replayed from its journal.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "qfi/fault_sets/fault_set.hpp"

namespace qfi {

/// Bits of a stratum, rising, none twice.
using Genome = std::vector<std::uint64_t>;

/// An individual that was run.
struct Individual {
  Genome bits;
  double drop = 0;  ///< loss of accuracy, 0 .. 1; below 0 where it rose
};

/// The first `params.population` individuals: of every bit first the layer's range is drawn, all alike, then
/// the bit, so that small layers are met as often as large ones. Precondition: params.flips bits are there.
std::vector<Genome> first_generation(std::span<const LayerBits> layers, const SampleGenetic& params,
                                     std::uint64_t seed);

/// As many children of the best `params.population` of all that were run: two parents, each the better of two
/// that are drawn; each bit is one of either's; then some are drawn anew. `number` of the generation, from 1.
std::vector<Genome> next_generation(std::span<const LayerBits> layers, const SampleGenetic& params,
                                    std::uint64_t seed, std::uint64_t number,
                                    std::span<const Individual> individuals);

/// Counts a layer's bits in all individuals that were run, and in the best of them, from which the next
/// generation would come. What does harm stays, and is inherited more often.
struct LayerVulnerability {
  std::size_t layer = 0;
  std::uint64_t tried = 0;       ///< a bit counts in each of its individuals
  std::uint64_t vulnerable = 0;  ///< a bit counts in each of the best ones that hold it
  double lvf() const { return tried == 0 ? 0 : static_cast<double>(vulnerable) / static_cast<double>(tried); }
};

/// What a search has found out so far, generation by generation.
class LayerSearch {
 public:
  LayerSearch(std::vector<LayerBits> layers, const SampleGenetic& params);

  struct Generation {
    double best = 0;                 ///< largest drop so far
    double mean = 0;                 ///< mean drop of the generation
    std::vector<std::size_t> order;  ///< the most vulnerable layer first
  };
  /// Adds the next generation. Precondition: params.population individuals.
  void add(std::span<const Individual> generation);

  const std::vector<Generation>& generations() const { return m_generations; }
  /// Whether the last params.patience generations left the order of the layers as it was.
  bool is_settled() const { return m_same >= m_params.patience; }
  /// The most vulnerable layer first; equal ones by number.
  std::vector<LayerVulnerability> layers() const;

 private:
  struct Run {
    double drop = 0;
    std::map<std::size_t, std::uint64_t> bits;  ///< by layer
  };
  std::vector<LayerBits> m_layers;
  SampleGenetic m_params;
  std::vector<Run> m_runs;
  std::vector<Generation> m_generations;
  std::uint64_t m_same = 0;
};

/// The search as it stands after all whole generations.
LayerSearch search_of(std::vector<LayerBits> layers, const SampleGenetic& params,
                      std::span<const Individual> individuals);

/// The faults of a set from number `first` on, which were run, as individuals of a search.
std::vector<Individual> individuals_of(const FaultSet& set, std::size_t first = 0);

}  // namespace qfi
