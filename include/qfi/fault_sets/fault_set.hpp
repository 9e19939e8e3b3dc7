// SPDX-License-Identifier: Apache-2.0
// FaultSet: one entry of `faults`. Its population in strata, the faults drawn so far, and what they did to
// the workload. Draws are a function of (seed, set, stratum, index): a longer draw begins with a shorter one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "qfi/base/hash.hpp"
#include "qfi/fault_sets/run_params.hpp"
#include "qfi/statistics/sample_size.hpp"
#include "qfi/workload/workload.hpp"

namespace qfi {

struct Stratum {
  std::string label;
  std::uint64_t population = 0;            ///< faults; paired: of one image
  bool is_drawn_with_replacement = false;  ///< from a population that draws do not exhaust
  double p = 0.5;                          ///< assumed probability, for the sample size
  std::optional<std::size_t> layer;        ///< where it lies in one: operator index
  std::optional<int> bit;                  ///< where it is of one
  std::optional<double> error_rate;        ///< of a bit, where flips are drawn at one
  std::optional<SampleSize> size;          ///< where a margin sized the sample
  std::uint64_t drawn = 0;                 ///< paired: for each image
  std::vector<std::uint64_t> changed;      ///< of each image: units, summed over the drawn faults
  std::vector<std::uint64_t> correct;
  std::vector<std::uint64_t> top5;
};

class FaultSet {
 public:
  FaultSet(const Workload& workload, FaultsConfig config, Design design);
  FaultSet(const FaultSet&) = delete;
  FaultSet& operator=(const FaultSet&) = delete;
  virtual ~FaultSet() = default;

  const Workload& workload() const { return m_workload; }
  const FaultsConfig& config() const { return m_config; }
  bool is_paired() const { return m_design == Design::paired; }
  /// False: a fault list or a search, which say nothing about a population.
  bool is_random_sample() const {
    return !std::holds_alternative<SampleList>(m_config.sample) &&
           !std::holds_alternative<SampleGenetic>(m_config.sample);
  }

  const std::vector<Stratum>& strata() const { return m_strata; }
  /// Of all strata; paired: of one image.
  std::uint64_t population() const;
  std::uint64_t drawn() const { return m_stratum_of.size(); }
  std::size_t stratum_of(std::size_t fault) const { return m_stratum_of[fault]; }
  /// What a drawn fault did, in the order of drawing, once it was run.
  virtual FaultCounts counts_of(std::size_t fault) const = 0;
  std::uint64_t inferences() const { return m_inferences; }
  double seconds() const { return m_seconds; }

  /// Draws what the config's sample says. `bought`: faults that a time budget bought in an earlier run; else
  /// it is measured.
  Result<void> draw_sample(unsigned threads, std::optional<std::uint64_t> bought = std::nullopt);
  /// What a time budget was found to buy. Nothing: the sample has none.
  std::optional<std::uint64_t> bought() const { return m_bought; }
  /// Draws until stratum h has targets[h] faults (no more than it has members); those that it has stay.
  virtual Result<void> draw(const std::vector<std::uint64_t>& targets, unsigned threads) = 0;
  /// Runs the faults that are drawn and were not run; what the journal has of them is taken from there. Error
  /// of kind `stopped`: is_stopped() said so. A shard runs its part, which leaves counts_of() the
  /// others empty.
  virtual Result<void> run(const RunParams& params) = 0;
  /// Of each drawn fault, by the plan alone: 0 where it needs no run of its own.
  virtual std::vector<std::uint64_t> costs() const = 0;
  /// For people.
  virtual std::string fault_name(std::size_t fault) const = 0;
  /// Of all drawn faults.
  virtual Digest faults_digest() const = 0;
  /// On one thread, per drawn fault, before they run.
  virtual Result<double> expected_seconds_per_fault() = 0;

  /// Images that a trial sees: the first one, and how many.
  struct Images {
    std::size_t first = 0;
    std::size_t count = 0;
  };
  virtual Images images_of(std::uint64_t fault, std::uint64_t block) const = 0;

 protected:
  /// Which trials of faults first .. drawn()-1 are done: [fault - first][block].
  class Done {
   public:
    Done(std::uint64_t first, std::uint64_t faults, std::uint64_t blocks)
        : m_first(first), m_blocks(blocks), m_done((faults - first) * blocks) {}
    std::vector<bool>::reference at(std::uint64_t fault, std::uint64_t block) {
      return m_done[(fault - m_first) * m_blocks + block];
    }

   private:
    std::uint64_t m_first;
    std::uint64_t m_blocks;
    std::vector<bool> m_done;
  };
  using Take = std::function<void(std::uint64_t fault, std::uint64_t block, const Trial& trial)>;
  /// Takes what the journal has of faults first .. drawn()-1. `blocks`: of a fault at most.
  Result<Done> take_recorded(const RunParams& params, std::uint64_t first, std::uint64_t blocks,
                             const Take& take) const;
  bool is_plausible(const Trial& trial, const Images& images) const;
  /// From any thread.
  void record(const RunParams& params, std::uint64_t fault, std::uint64_t block, const Trial& trial) const;

  /// Adds what one image under a fault counts to its stratum's sums.
  void add_image(std::size_t fault, std::size_t image, const ImageEvents& events);

  const Workload& m_workload;
  FaultsConfig m_config;
  Design m_design;
  std::vector<Stratum> m_strata;
  std::vector<std::uint32_t> m_stratum_of;
  std::vector<ImageEvents> m_golden_events;  ///< of each image
  std::optional<std::uint64_t> m_bought;
  std::uint64_t m_inferences = 0;
  double m_seconds = 0;
};

/// The faults of a shard: first .. end-1, so that all shards cost about the same.
struct FaultRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  bool contains(std::uint64_t fault) const { return fault >= first && fault < end; }
};
std::vector<FaultRange> faults_of_shards(const FaultSet& set, std::uint64_t count);
FaultRange faults_of_shard(const FaultSet& set, const Shard& shard);

/// network, where the sample has no scheme.
SampleScheme scheme_of(const SampleConfig& sample);

/// `total` faults spread over the strata by their population, at least one each, no more than there are.
std::vector<std::uint64_t> spread(const FaultSet& set, std::uint64_t total);

}  // namespace qfi
