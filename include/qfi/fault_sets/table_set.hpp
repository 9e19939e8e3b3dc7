// SPDX-License-Identifier: Apache-2.0
// Owns TableSet, a product table from a file (an approximate multiplier, or another tool's faulty one) in the
// place of some operators' products. A workload and the file go in; what the table does to all images comes
// out, as if it were one fault.
#pragma once

#include <memory>

#include "qfi/fault_sets/faulty_unit.hpp"
#include "qfi/fault_sets/table_units.hpp"
#include "qfi/fault_sets/unit_runner.hpp"

namespace qfi {

/// How far a table of products is from the exact ones.
struct TableErrors {
  std::uint64_t wrong = 0;         ///< of 65,536 pairs of codes
  double mean_error = 0;           ///< of all pairs, with sign
  double mean_distance = 0;        ///< MED: mean of |error|
  double mean_relative = 0;        ///< MRED: mean of |error / product|, where the product is not 0
  std::uint64_t worst = 0;         ///< WCE: largest |error|
  std::uint64_t golden_wrong = 0;  ///< products of the golden run that the table gets wrong
  std::uint64_t golden_products = 0;
  double golden_mean_distance = 0;  ///< of those products
};

class TableSet final : public FaultSet {
 public:
  /// Reads the table. Errors: not 256 x 256 numbers that fit an int32, no such operators, or some of INT8 and
  /// some of UINT8.
  static Result<std::unique_ptr<TableSet>> make(const Workload& workload, const CampaignConfig& config,
                                                const FaultsConfig& faults, unsigned threads);
  ~TableSet() override;

  Result<void> draw(const std::vector<std::uint64_t>& targets, unsigned threads) override;
  std::vector<std::uint64_t> costs() const override { return {1}; }
  Images images_of(std::uint64_t fault, std::uint64_t block) const override;
  std::string fault_name(std::size_t) const override { return "the table"; }
  Digest faults_digest() const override { return DigestBuilder().digest(); }
  Result<double> expected_seconds_per_fault() override;
  bool shares_device() const override { return m_runner->devices().takes_many_tasks(); }
  FaultCounts counts_of(std::size_t) const override { return m_counts; }

  const TableConfig& table_config() const { return std::get<TableConfig>(m_config.model); }
  const std::vector<std::size_t>& operators() const { return m_operators; }
  const std::string& sha256() const { return m_sha256; }  ///< of the file
  const TableErrors& errors() const { return m_errors; }
  /// What computes the faulty runs.
  std::string device() const { return m_runner->devices().description(); }
  void replay(const UnitRunner::OutputUse& use) const { m_runner->replay(m_table->units(), use); }

 private:
  TableSet(const Workload& workload, const FaultsConfig& faults);
  Result<void> count_golden(const InputScaling& input, unsigned threads);
  void measure_errors(std::span<const std::uint64_t> golden_pairs);

  class Trials;
  Result<void> prove() override;
  std::uint64_t blocks() const override { return m_runner->blocks().size(); }
  BlockRange blocks_in(std::size_t, std::uint64_t) const override { return {0, blocks()}; }
  std::vector<std::span<const TrialPlace>> jobs(std::span<TrialPlace> places,
                                                unsigned threads) const override;
  double set_up_cost() const override { return 0; }
  void forget_faults() override {}
  std::unique_ptr<Executor> make_executor(std::size_t phase) override;
  bool can_be(std::uint64_t, const Trial&) const override { return true; }
  void take(std::uint64_t fault, std::uint64_t block, const Trial& trial) override;

  std::string m_sha256;
  std::vector<std::size_t> m_operators;
  std::unique_ptr<TableUnits> m_table;
  std::unique_ptr<UnitRunner> m_runner;
  TableErrors m_errors;
  FaultCounts m_counts;
};

}  // namespace qfi
