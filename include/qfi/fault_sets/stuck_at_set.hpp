// SPDX-License-Identifier: Apache-2.0
// Owns StuckAtSet, the stuck-at faults and bridges of a multiplier's netlist. A workload, a netlist and an
// entry of the config go in; drawn faults and what they did come out. Those that cannot matter and those that
// are the same are found first; the rest run through their product tables.
#pragma once

#include <filesystem>
#include <map>
#include <memory>

#include "qfi/fault_sets/faulty_unit.hpp"
#include "qfi/fault_sets/unit_runner.hpp"
#include "qfi/faults/fault_list.hpp"
#include "qfi/faults/netlist_population.hpp"
#include "qfi/netlist/operand_fit.hpp"
#include "qfi/netlist/verilator.hpp"

namespace qfi {

/// Why a drawn fault needs no inference of its own, or that it does.
enum class FaultFate : std::uint8_t {
  runs,          ///< the first drawn fault of its kind
  equal,         ///< the products of an earlier drawn fault
  table_masked,  ///< the fault-free products on every pair that a layer can form
  use_masked,    ///< changes products, but none that the golden run forms: nothing can differ
};

struct PlannedFault {
  NetlistFault fault;
  FaultEffect effect;
  FaultFate fate = FaultFate::runs;
  std::size_t same_as = 0;  ///< for `equal` the drawn fault that runs in its place, else itself
};

/// What was checked, as results say it.
struct Proof {
  std::uint64_t table_path_images = 0;   ///< outputs by exact tables equal those of the golden path
  std::uint64_t faulty_path_faults = 0;  ///< drawn ones with outputs, of one image, that equal plain look-ups
  std::uint64_t fault_free_pairs = 0;    ///< fault-free products of the netlist that equal the product
  std::uint64_t golden_products = 0;     ///< products of the golden run that go through the unit
};

/// The outcome of comparing tables with Verilator's: it depends on what is installed.
struct VerificationOutcome {
  bool is_done = false;
  std::string reason;   ///< why it is not done
  std::string version;  ///< of Verilator
  std::uint64_t tables = 0;
  std::uint64_t products = 0;
};

/// Seconds that such a comparison takes.
struct VerificationTimes {
  double compiling = 0;
  double comparing = 0;
};

class StuckAtSet final : public FaultSet {
 public:
  static Result<std::unique_ptr<StuckAtSet>> make(const Workload& workload, const CampaignConfig& config,
                                                  const FaultsConfig& faults, std::uint64_t seed,
                                                  unsigned threads);
  ~StuckAtSet() override;

  Result<void> draw(const std::vector<std::uint64_t>& targets, unsigned threads) override;
  std::vector<std::uint64_t> costs() const override;
  Images images_of(std::uint64_t fault, std::uint64_t block) const override;
  std::string fault_name(std::size_t fault) const override;
  Digest faults_digest() const override;
  Result<double> expected_seconds_per_fault() override;
  bool shares_device() const override { return m_runner->devices().takes_many_tasks(); }
  double set_up_cost() const override;
  FaultCounts counts_of(std::size_t fault) const override { return m_counts[fault]; }

  const StuckAtConfig& unit_config() const { return std::get<StuckAtConfig>(m_config.model); }
  const Netlist& netlist() const { return *m_netlist; }
  const std::vector<FaultyOperator>& operators() const { return m_operators; }
  const FaultTables& tables() const { return *m_tables; }
  const std::vector<PlannedFault>& faults() const { return m_faults; }
  /// Indices of the faults with the fate `runs`.
  const std::vector<std::size_t>& running() const { return m_running; }
  /// The entries of a fault list, in its order, which is that of faults(); none of another sample.
  const std::vector<ListedFault>& listed() const { return m_listed; }
  const NetlistPopulation& netlist_population() const { return m_netlist_population; }
  /// FIT of all cells; 0 without a raw rate.
  double raw_fit() const { return m_raw_fit; }
  /// FIT of all that sites of the population stand for, where cells have rates of their own.
  double sites_fit() const { return m_sites_fit; }
  /// FIT that a drawn single fault stands for, relative to those of the others.
  double weight_of(std::size_t fault) const;
  /// The first of a fault's images, by its place among the workload's, whose class changes; nullopt: none.
  std::optional<std::size_t> first_changed(std::size_t fault) const;
  const Proof& proof() const { return m_proof; }
  /// Whether workload() is the set's own: its golden run went through the fault-free, approximate multiplier.
  bool is_approximate() const { return m_netlist->is_approximate; }
  /// How far the fault-free products are from the exact ones.
  ProductErrors fault_free_errors() const { return product_errors(m_tables->simulator()); }
  /// First operator of a faulty run; before it all is golden.
  std::size_t cut() const { return m_runner->cut(); }
  /// What computes the faulty runs.
  std::string device() const { return m_runner->devices().description(); }

  /// The model's outputs on an image of the first block under one fault, whatever its fate.
  std::vector<std::byte> outputs_under(const NetlistFault& fault, std::size_t image) const;

  /// Runs the first image under the fault and without, as UnitRunner::replay does.
  void replay(const NetlistFault& fault, const UnitRunner::OutputUse& use) const;

  /// What verify() is expected to take.
  Result<VerificationTimes> expected_verification(std::uint64_t count,
                                                  const std::filesystem::path& cache) const;
  /// Compares the products of `count` drawn faults (all, if fewer), on the whole grid. Verilator missing is
  /// no error. Error: a difference.
  Result<VerificationOutcome> verify(std::uint64_t count, const std::filesystem::path& cache) const;

 private:
  /// Error: the netlist has no sites of the chosen kind.
  Result<void> check_sites() const;
  struct Worker;
  struct GoldenUnit;
  class Trials;

  StuckAtSet(const Workload& workload, const CampaignConfig& config, const FaultsConfig& faults,
             std::uint64_t seed);
  static Result<std::unique_ptr<GoldenUnit>> make_golden_unit(const Workload& workload,
                                                              const CampaignConfig& config,
                                                              const StuckAtConfig& unit,
                                                              const Netlist& netlist, unsigned threads);
  Result<void> run_golden(const CampaignConfig& config, unsigned threads);
  void set_tables(const NetlistFault& fault, Worker& worker) const;
  Result<void> find_population();
  Result<void> set_rates(const RawRate& rate);
  Result<void> check_listed() const;
  std::vector<std::uint64_t> faults_to_verify(std::uint64_t count) const;
  FaultPlaces places_to_verify(const std::vector<std::uint64_t>& drawn) const;
  Result<std::uint64_t> verify_table(VerilatorModel& model, const NetlistFault& fault,
                                     FaultTables::Scratch& scratch) const;
  Result<void> prove_table_path();
  Result<void> prove_golden_unit(Device& device) const;
  Result<void> add_faults(const std::vector<NetlistFault>& faults, unsigned threads);

  Result<void> prove() override;
  void forget_faults() override;
  std::uint64_t blocks() const override { return m_runner->blocks().size(); }
  BlockRange blocks_in(std::size_t phase, std::uint64_t fault) const override;
  std::vector<std::span<const TrialPlace>> jobs(std::span<TrialPlace> places,
                                                unsigned threads) const override;
  std::unique_ptr<Executor> make_executor(std::size_t phase) override;
  bool can_be(std::uint64_t fault, const Trial& trial) const override;
  void take(std::uint64_t fault, std::uint64_t block, const Trial& trial) override;
  void finish_faults(std::uint64_t first) override;

  std::unique_ptr<GoldenUnit> m_golden_unit;  ///< of an approximate multiplier
  std::unique_ptr<Netlist> m_netlist;
  NetlistPopulation m_netlist_population;
  double m_raw_fit = 0;
  double m_sites_fit = 0;
  std::map<Site, double> m_weights;  ///< where cells have rates of their own
  std::vector<FaultyOperator> m_operators;
  std::vector<TableUse> m_uses;
  std::unique_ptr<FaultTables> m_tables;
  std::unique_ptr<UnitRunner> m_runner;
  Proof m_proof;
  std::vector<ListedFault> m_listed;
  std::vector<PlannedFault> m_faults;
  std::vector<FaultCounts> m_counts;
  std::map<Digest, std::size_t> m_first_with;
  std::vector<std::size_t> m_running;
  std::map<std::size_t, std::vector<ImageEvents>> m_events;  ///< of running faults, of each of their images
};

}  // namespace qfi
