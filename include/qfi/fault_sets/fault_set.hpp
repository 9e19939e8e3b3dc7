// SPDX-License-Identifier: Apache-2.0
// Owns FaultSet, one entry of `faults`. A workload and the entry's config go in; it holds the population in
// strata, the faults that were drawn so far, and what they did. Draws are a function of (seed, set, stratum,
// index): a longer draw begins with a shorter one. One run loop serves every kind of set: journal, resume,
// shards, progress and stop are here, a kind brings how its faults are drawn and how a trial is executed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qfi/base/hash.hpp"
#include "qfi/base/run_length_list.hpp"
#include "qfi/config/config.hpp"
#include "qfi/fault_sets/run_params.hpp"
#include "qfi/statistics/sample_size.hpp"
#include "qfi/workload/workload.hpp"

namespace qfi {

struct Stratum {
  std::string label;
  std::uint64_t population = 0;            ///< faults; paired: those of one image
  bool is_drawn_with_replacement = false;  ///< from 2^62 faults or more, which draws do not exhaust
  double p = 0.5;                          ///< assumed probability, for the sample size
  std::optional<std::size_t> layer;        ///< operator index, where the stratum lies in one
  std::optional<int> bit;                  ///< of the value, where the stratum is of one bit
  std::optional<Stage> stage;              ///< of data, where the stratum is of one
  std::optional<double> error_rate;        ///< of a bit, where flips are drawn at one
  std::optional<double> expected_flips;    ///< of a draw at that rate
  std::optional<SampleSize> size;          ///< where a margin sized the sample
  std::uint64_t drawn = 0;                 ///< faults; paired: those of each image
  std::vector<std::uint64_t> changed;      ///< units of each image, summed over the drawn faults
  std::vector<std::uint64_t> correct;
  std::vector<std::uint64_t> top5;
  std::vector<std::uint64_t> faults_of_image;  ///< drawn faults that met each image
};

/// Members first .. first + size - 1 of a stratum are bits of one layer. Ranges stand in the order of members
/// and are not empty; a layer may occur more than once.
struct LayerBits {
  std::size_t layer = 0;
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};

/// One fault on one block of images.
struct TrialPlace {
  std::uint64_t fault = 0;
  std::uint64_t block = 0;
};

/// The blocks first .. end-1 of a fault.
struct BlockRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

/// Faults first .. end-1.
struct FaultRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  bool contains(std::uint64_t fault) const { return fault >= first && fault < end; }
};
/// The most that one set may hold: faults, of about 200 bytes each, and flips of all drawn faults.
inline constexpr std::uint64_t k_most_faults = 16'000'000;
inline constexpr std::uint64_t k_most_flips = 500'000'000;

class FaultSet {
 public:
  FaultSet(const Workload& workload, FaultsConfig config, const Design& design, std::uint64_t seed);
  FaultSet(const FaultSet&) = delete;
  FaultSet& operator=(const FaultSet&) = delete;
  virtual ~FaultSet() = default;

  const Workload& workload() const { return m_workload; }
  const FaultsConfig& config() const { return m_config; }
  std::uint64_t seed() const { return m_seed; }
  bool is_crossed() const { return m_design.is_crossed(); }
  bool is_paired() const { return m_design.is_paired(); }
  bool is_nested() const { return m_design.is_nested(); }
  /// False for a fault list and for a search, which say nothing about a population.
  bool is_random_sample() const { return m_traits.is_random; }

  const std::vector<Stratum>& strata() const { return m_strata; }
  /// How many faults a margin asks for of a stratum, and the probability that it assumed.
  void set_size(std::size_t stratum, double p, const SampleSize& size);
  /// Faults of all strata, at most 2^62; paired: those of one image.
  std::uint64_t population() const;
  std::uint64_t drawn() const { return m_stratum_of.size(); }
  std::size_t stratum_of(std::size_t fault) const { return m_stratum_of[fault]; }
  /// What a drawn fault did, in the order of drawing, once it was run.
  virtual FaultCounts counts_of(std::size_t fault) const = 0;
  std::uint64_t inferences() const { return m_inferences; }
  double seconds() const { return m_seconds; }

  /// Draws until stratum h has targets[h] faults, but no more than it has members; those that it has stay. Of
  /// a fault list all are drawn, whatever the targets.
  virtual Result<void> draw(const std::vector<std::uint64_t>& targets, unsigned threads) = 0;
  /// The layers of the one stratum's members, from which a search chooses; empty: such a set cannot be
  /// searched.
  virtual std::vector<LayerBits> layer_bits() const { return {}; }
  /// Adds a fault for each set of members of the one stratum. Error: the set cannot be searched, too many
  /// faults.
  virtual Result<void> add_chosen(std::vector<std::vector<std::uint64_t>> faults);
  /// The members that a fault hits at once. Precondition: it was added by add_chosen().
  virtual std::vector<std::uint64_t> chosen_members(std::size_t) const { return {}; }

  /// Runs the faults that are drawn and were not run; what the journal has of them is taken from there.
  /// Errors: of kind `stopped` where is_stopped() said so; trials that failed, counted, with the first one's
  /// reason; a journal that is damaged. A shard runs its part, which leaves counts_of() the others empty.
  Result<void> run(const RunParams& params);
  /// What each drawn fault costs by the plan alone; 0 where it needs no run of its own.
  virtual std::vector<std::uint64_t> costs() const = 0;
  /// What a fault is called for people.
  virtual std::string fault_name(std::size_t fault) const = 0;
  /// A digest of all drawn faults.
  virtual Digest faults_digest() const = 0;
  /// The seconds that a drawn fault takes on one thread, measured before they run.
  virtual Result<double> expected_seconds_per_fault() = 0;
  /// Whether all threads wait for one device, so that several take hardly less time than one.
  virtual bool shares_device() const { return false; }

  /// Images first .. first+count-1.
  struct Images {
    std::size_t first = 0;
    std::size_t count = 0;
    std::size_t end() const { return first + count; }
  };
  /// The images that a trial sees.
  virtual Images images_of(std::uint64_t fault, std::uint64_t block) const = 0;

  /// In a nested design a fault meets one of so many groups of images, each image being in one of them; in a
  /// crossed one there is one group, of all images.
  std::size_t image_groups() const { return m_workload.images() / images_of_a_fault(); }
  /// The images of a group. Precondition: a nested or crossed design.
  Images group(std::size_t number) const { return {number * images_of_a_fault(), images_of_a_fault()}; }
  std::size_t group_of(std::uint64_t fault) const { return is_nested() ? m_group_of[fault] : 0; }
  /// How many images a fault meets; paired: one.
  std::size_t images_of_a_fault() const;
  /// How many images a fault may meet in a nested design, rising: two groups or more of so many are all
  /// images.
  std::vector<std::uint64_t> possible_images_of_a_fault() const;
  /// Says how many images a fault meets in a nested design, and forgets all that was drawn. Error: it is not
  /// possible.
  Result<void> set_images_of_a_fault(std::size_t images);
  /// What making a fault ready costs, in faulty inferences of one image; an estimate that is the same on all
  /// machines.
  virtual double set_up_cost() const = 0;

 protected:
  /// One thread's trials of a phase.
  class Executor {
   public:
    virtual ~Executor() = default;
    /// Says whether to go on: false once somebody asked the run to stop.
    using Emit = std::function<bool(const TrialPlace& place, const Trial& trial)>;
    /// Runs the trials of a job, as jobs() grouped them, and hands each to `emit`.
    virtual Result<void> run(std::span<const TrialPlace> job, const Emit& emit) = 0;
  };

  /// Proves what has to be proved once, before the first trial runs.
  virtual Result<void> prove() { return {}; }
  /// How many blocks of images a fault has at most.
  virtual std::uint64_t blocks() const = 0;
  /// Trials run in phases, one after the other, of which each needs its own golden values.
  virtual std::size_t phases() const { return 1; }
  /// Among which are those that run in that phase, rising; all of them, unless a set knows better.
  virtual std::vector<FaultRange> faults_in(std::size_t) const { return {{0, drawn()}}; }
  /// The blocks of a fault that run in that phase; an empty range where the fault needs no run.
  virtual BlockRange blocks_in(std::size_t phase, std::uint64_t fault) const = 0;
  /// Groups the trials of a phase, which stand fault by fault, into jobs that threads take whole. It may put
  /// them in another order.
  virtual std::vector<std::span<const TrialPlace>> jobs(std::span<TrialPlace> places,
                                                        unsigned threads) const = 0;
  /// Makes ready what the executors of a phase share.
  virtual Result<void> begin_phase(std::size_t, unsigned) { return {}; }
  virtual std::unique_ptr<Executor> make_executor(std::size_t phase) = 0;
  /// Called for every executor of a phase once all its trials are run.
  virtual void end_executor(Executor&) {}
  /// Whether a recorded trial can be one of this fault; what all kinds have in common is checked already.
  virtual bool can_be(std::uint64_t fault, const Trial& trial) const = 0;
  /// Adds up a trial. Called by one thread at a time.
  virtual void take(std::uint64_t fault, std::uint64_t block, const Trial& trial) = 0;
  /// Called once all faults up to drawn() were run, faults first .. drawn()-1 now; not for a shard.
  virtual void finish_faults(std::uint64_t) {}

  /// Forgets what was drawn and what it did.
  virtual void forget_faults() = 0;
  /// Appends a fault to those that are drawn, and in a nested design gives it its images.
  void add_drawn(std::size_t stratum);
  /// The blocks of so many images that a fault's images lie in. Precondition: not a paired design.
  BlockRange blocks_of(std::uint64_t fault, std::size_t block_images) const;
  /// Those of a fault's images that lie in a block, or none. Precondition: not a paired design.
  Images images_in(std::uint64_t fault, const Images& block) const;
  /// Adds what one image under a fault counts to its stratum's sums.
  void add_image(std::size_t fault, std::size_t image, const ImageEvents& events);
  /// The numbers of the faults that are drawn as from .. to-1 of so many: of an exhaustive sample in their
  /// order, unless the design is nested; of all others at random without replacement, where a longer draw
  /// begins with every shorter one.
  std::vector<std::uint64_t> members(std::uint64_t population, std::uint64_t from, std::uint64_t to,
                                     std::string_view stream) const;
  /// Appends a stratum, its sums over images at zero.
  Stratum& add_stratum(std::string label, std::uint64_t population);

  const Workload& m_workload;
  FaultsConfig m_config;
  SampleTraits m_traits;
  Design m_design;
  std::uint64_t m_seed;  ///< of all that the set draws
  std::vector<Stratum> m_strata;
  RunLengthList m_stratum_of;                ///< of each drawn fault
  std::vector<ImageEvents> m_golden_events;  ///< of each image

 private:
  /// The groups of images that the next faults of a stratum meet, the next one last.
  struct Turn {
    std::uint64_t number = 0;
    std::vector<std::uint64_t> groups;
  };
  class Done;
  class RunLoop;
  Result<void> take_recorded(const RunParams& params, Done& done, ProgressCounter& counter);
  void clear_sums(Stratum& stratum) const;
  bool is_plausible(const Trial& trial, const FaultCounts& golden) const;
  void record(const RunParams& params, const TrialPlace& place, const Trial& trial) const;

  std::vector<std::uint32_t> m_group_of;  ///< of each drawn fault, in a nested design
  std::vector<Turn> m_turns;              ///< of each stratum, in a nested design
  std::uint64_t m_run_faults = 0;         ///< faults before it were run
  std::uint64_t m_inferences = 0;
  double m_seconds = 0;
};

/// The faults of each of `count` shards, which all cost about the same.
std::vector<FaultRange> faults_of_shards(const FaultSet& set, std::uint64_t count);
FaultRange faults_of_shard(const FaultSet& set, const Shard& shard);

/// `total` faults spread over the strata by their population, at least one each, no more than there are.
std::vector<std::uint64_t> spread(const FaultSet& set, std::uint64_t total);

}  // namespace qfi
