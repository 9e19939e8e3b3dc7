// SPDX-License-Identifier: Apache-2.0
// Owns BitSet, the faults of stored bits of weights, biases and data. A workload with its golden blocks and
// an entry of the config go in; drawn faults and what they did come out. Each fault is run on its images by
// changed-value propagation; the plain run of the whole network is there to compare with.
#pragma once

#include <array>
#include <memory>

#include "qfi/fault_sets/bit_population.hpp"
#include "qfi/fault_sets/fault_set.hpp"
#include "qfi/fault_sets/member_lists.hpp"
#include "qfi/workload/golden_blocks.hpp"

namespace qfi {

struct FaultCombinations;

/// How faults are run; results do not depend on it.
struct ExecutionParams {
  /// Runs every trial three times: by propagation, by propagation to the last operator, and plainly
  /// (whole network, whole block), and compares. An error if they differ.
  bool compares_naive = false;
};

/// The time that each way took for all trials, where they are compared, summed over threads.
struct ExecutionTimes {
  std::uint64_t trials = 0;  ///< faulty inferences of one image
  double propagation = 0;
  double without_stop = 0;
  double naive = 0;
  ExecutionTimes& operator+=(const ExecutionTimes& other);
};

/// One fault: bits of one or several values. Sites index the set's StoredValues.
struct BitFault {
  std::vector<BitSite> sites;
  std::vector<BitFaultModel> models;  ///< one for each site
};

class BitSet final : public FaultSet {
 public:
  /// Makes the set of entry `index` of the config's faults.
  static Result<std::unique_ptr<BitSet>> make(const Workload& workload, GoldenBlocks& golden,
                                              const CampaignConfig& config, std::size_t index,
                                              std::uint64_t seed);
  ~BitSet() override;

  Result<void> draw(const std::vector<std::uint64_t>& targets, unsigned threads) override;
  std::vector<LayerBits> layer_bits() const override;
  Result<void> add_chosen(std::vector<std::vector<std::uint64_t>> faults) override;
  std::vector<std::uint64_t> chosen_members(std::size_t fault) const override;
  std::vector<std::uint64_t> costs() const override;
  Images images_of(std::uint64_t fault, std::uint64_t block) const override;
  std::string fault_name(std::size_t fault) const override;
  Digest faults_digest() const override;
  Result<double> expected_seconds_per_fault() override;
  double set_up_cost() const override;
  FaultCounts counts_of(std::size_t fault) const override { return m_outcomes.counts(fault); }

  const BitFaultConfig& fault_config() const { return std::get<BitFaultConfig>(m_config.model); }
  const BitPopulation& values() const { return m_values; }
  const std::vector<BitStratum>& bit_strata() const { return m_bit_strata; }
  BitFault fault(std::size_t index) const;
  std::uint64_t bits_of(std::size_t fault) const;
  /// The image that a fault was drawn for. Precondition: a paired design.
  std::size_t image_of(std::size_t fault) const { return m_image_of[fault]; }
  const OutcomeStore& outcomes() const { return m_outcomes; }
  /// The outcomes of the same faults with the protection; empty where none is compared.
  const OutcomeStore& protected_outcomes() const { return m_protected; }
  const ExecutionTimes& times() const { return m_times; }
  /// Says how faults are run. Called before run().
  void set_execution(const ExecutionParams& params) { m_execution = params; }

  /// Runs a fault on the first image of `golden`, to the last operator, without counting it.
  Result<void> replay(const BitFault& fault, const GoldenActivations& golden,
                      const std::function<void(const TensorOf&)>& use) const;

 private:
  class Trials;
  BitSet(const Workload& workload, GoldenBlocks& golden, const CampaignConfig& config, std::size_t index,
         std::uint64_t seed);
  Result<void> make_strata();
  void add_bit_stratum(BitStratum stratum, std::string label);
  void add_fault(std::size_t stratum, std::span<const std::uint64_t> members, std::size_t image);
  FaultCombinations combinations(const BitStratum& bits) const;
  std::vector<std::uint64_t> endless_draw(const BitStratum& bits, const std::string& set) const;
  void draw_faults(std::size_t stratum, std::uint64_t from, std::uint64_t to, std::size_t image);
  Result<void> draw_listed();
  Result<void> check_size(double faults, double flips) const;
  void resize_outcomes();
  std::size_t first_operator(const ValuePlace& place) const;
  std::vector<std::uint64_t> costs_of_values() const;
  std::uint64_t cost_of(std::uint64_t fault, const std::vector<std::uint64_t>& of_values) const;

  void forget_faults() override;
  std::uint64_t blocks() const override { return is_paired() ? 1 : m_golden.count(); }
  std::size_t phases() const override { return m_golden.count(); }
  std::vector<FaultRange> faults_in(std::size_t phase) const override;
  BlockRange blocks_in(std::size_t phase, std::uint64_t fault) const override;
  std::vector<std::span<const TrialPlace>> jobs(std::span<TrialPlace> places,
                                                unsigned threads) const override;
  Result<void> begin_phase(std::size_t phase, unsigned threads) override;
  std::unique_ptr<Executor> make_executor(std::size_t phase) override;
  void end_executor(Executor& executor) override;
  bool can_be(std::uint64_t fault, const Trial& trial) const override;
  void take(std::uint64_t fault, std::uint64_t block, const Trial& trial) override;

  GoldenBlocks& m_golden;
  BitPopulation m_values;
  std::vector<BitStratum> m_bit_strata;  ///< of m_strata
  ExecutionParams m_execution;
  MemberLists m_members;  ///< of each drawn fault: a bit of the stratum times the number of models, plus
                          ///< which of them
  std::vector<BitFault> m_listed;                     ///< of a fault list, in place of members
  RunLengthList m_image_of;                           ///< of each drawn fault, in a paired design
  const GoldenActivations* m_phase_golden = nullptr;  ///< of the block of images that runs now
  OutcomeStore m_outcomes;
  OutcomeStore m_protected;
  ExecutionTimes m_times;
};

/// Reads a CSV with the header `fault,layer,element,stored_bit`, then optional `stage` and `model` (flip,
/// stuck_at_0, stuck_at_1); lines of one fault number stand together. Errors name file and line.
Result<std::vector<BitFault>> read_bit_fault_list(const std::filesystem::path& path, const Model& model,
                                                  const BitPopulation& values,
                                                  const std::vector<BitFaultModel>& models);

}  // namespace qfi
