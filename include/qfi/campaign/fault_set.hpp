// SPDX-License-Identifier: Apache-2.0
// FaultSet: one entry of `faults`. Its population in strata, the faults drawn so far, and what they did to
// the workload. Draws are a function of (seed, set, stratum, index): a longer draw begins with a shorter one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "qfi/campaign/workload.hpp"
#include "qfi/faults/sample_size.hpp"

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

/// Trials done, of all. Called from any thread, one at a time.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Units of one image under one fault.
struct ImageEvents {
  std::uint32_t changed = 0;
  std::uint32_t correct = 0;
  std::uint32_t top5 = 0;

  ImageEvents() = default;
  explicit ImageEvents(const FaultCounts& counts)
      : changed(static_cast<std::uint32_t>(counts.changed)),
        correct(static_cast<std::uint32_t>(counts.faulty_correct)),
        top5(static_cast<std::uint32_t>(counts.faulty_top5_correct)) {}
};

class FaultSet {
 public:
  FaultSet(const Workload& workload, FaultsConfig config, Design design)
      : m_workload(workload), m_config(std::move(config)), m_design(design) {}
  FaultSet(const FaultSet&) = delete;
  FaultSet& operator=(const FaultSet&) = delete;
  virtual ~FaultSet() = default;

  const Workload& workload() const { return m_workload; }
  const FaultsConfig& config() const { return m_config; }
  bool is_paired() const { return m_design == Design::paired; }
  /// False: a fault list, which says nothing about a population.
  bool is_random_sample() const { return !std::holds_alternative<SampleList>(m_config.sample); }

  const std::vector<Stratum>& strata() const { return m_strata; }
  /// Of all strata; paired: of one image.
  std::uint64_t population() const;
  std::uint64_t drawn() const { return m_counts.size(); }
  std::size_t stratum_of(std::size_t fault) const { return m_stratum_of[fault]; }
  /// What each drawn fault did, in the order of drawing, once it was run.
  const std::vector<FaultCounts>& counts() const { return m_counts; }
  std::uint64_t inferences() const { return m_inferences; }
  double seconds() const { return m_seconds; }

  /// Draws what the config's sample says.
  Result<void> draw_sample(unsigned threads);
  /// Draws until stratum h has targets[h] faults (no more than it has members); those that it has stay.
  virtual Result<void> draw(const std::vector<std::uint64_t>& targets, unsigned threads) = 0;
  /// Runs the faults that are drawn and were not run.
  virtual Result<void> run(unsigned threads, const Progress& progress) = 0;
  /// On one thread, per drawn fault, before they run.
  virtual Result<double> expected_seconds_per_fault() = 0;

 protected:
  /// Adds what one image under a fault counts to its stratum's sums.
  void add_image(std::size_t fault, std::size_t image, const ImageEvents& events);

  const Workload& m_workload;
  FaultsConfig m_config;
  Design m_design;
  std::vector<Stratum> m_strata;
  std::vector<std::uint32_t> m_stratum_of;
  std::vector<FaultCounts> m_counts;
  std::uint64_t m_inferences = 0;
  double m_seconds = 0;
};

/// network, where the sample has no scheme.
SampleScheme scheme_of(const SampleConfig& sample);

/// `total` faults spread over the strata by their population, at least one each, no more than there are.
std::vector<std::uint64_t> spread(const FaultSet& set, std::uint64_t total);

}  // namespace qfi
