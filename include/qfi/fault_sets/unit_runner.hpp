// SPDX-License-Identifier: Apache-2.0
// UnitRunner: the workload through faulty units. Keeps the golden tensors before the first operator that
// products are not exact in, and runs from there on, some images at a time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "qfi/engine/pair_counter.hpp"
#include "qfi/fault_sets/fault_set.hpp"

namespace qfi {

/// Images first .. first+count-1 and the tensors that operators from `cut()` on need.
struct ImageBlock {
  std::size_t first = 0;
  std::size_t count = 0;
  std::vector<std::vector<std::byte>> live;
};

class UnitRunner {
 public:
  /// `operators`: indices that rise. `padding`: of the pairs that are counted. Error: images that cannot be
  /// read.
  static Result<std::unique_ptr<UnitRunner>> make(const Workload& workload, const InputScaling& input,
                                                  std::vector<std::size_t> operators, PaddingTaps padding,
                                                  unsigned threads);

  /// Of each of the operators, what the golden run multiplied; until they are forgotten.
  const std::vector<PairCounter>& golden_pairs() const { return m_golden_pairs; }
  void forget_golden_pairs() { m_golden_pairs = {}; }

  const Workload& workload() const { return m_workload; }
  /// First operator of a faulty run; before it all is golden.
  std::size_t cut() const { return m_cut; }
  /// Fixed by model and images, never by the machine.
  std::span<const ImageBlock> blocks() const { return m_blocks; }
  /// One thread's memory.
  Batch make_batch() const { return {*m_workload.program, m_blocks.front().count}; }

  /// Makes the batch hold the block's images before operator cut().
  void restore(const ImageBlock& block, Batch& batch) const;
  /// Restores and runs to the end; `unit` nullptr: exact.
  void run(const ImageBlock& block, const FaultyUnit* unit, Batch& batch) const;
  /// The same, and what it counts.
  Trial score(const ImageBlock& block, const FaultyUnit& unit, Batch& batch) const;
  /// The first `images` images give the same outputs by plain look-ups, product by product, as by `unit`.
  /// nullptr: as by the exact kernels, for the unit of exact tables.
  bool agrees_with_tables(const FaultyUnit& tables, const FaultyUnit* unit, std::size_t images,
                          Batch& batch) const;
  /// Runs the first image with the unit and without, operator by operator, and shows each output.
  using OutputUse = std::function<void(std::size_t operator_index, int output, const TensorOf& golden,
                                       const TensorOf& faulty)>;
  void replay(const FaultyUnit& unit, const OutputUse& use) const;
  /// An image of a batch.
  TensorOf tensors(const Batch& batch, std::size_t image) const;

 private:
  explicit UnitRunner(const Workload& workload) : m_workload(workload) {}
  Result<void> run_golden(const InputScaling& input, PaddingTaps padding, unsigned threads);

  const Workload& m_workload;
  std::vector<std::size_t> m_operators;
  std::size_t m_cut = 0;
  std::vector<int> m_live_tensors;
  std::vector<ImageBlock> m_blocks;
  std::vector<PairCounter> m_golden_pairs;
};

}  // namespace qfi
