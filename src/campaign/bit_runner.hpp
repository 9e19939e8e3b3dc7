// SPDX-License-Identifier: Apache-2.0
// One thread's trials of bit faults.
#pragma once

#include "qfi/campaign/bit_set.hpp"

namespace qfi {

/// What a fault is, where its values are read.
class FaultyReads {
 public:
  /// `is_protected`: reads through the protected storage, each fault in the first copy.
  FaultyReads(const Program& program, const BitPopulation& values, const BitFault& fault, bool is_protected);
  FaultyReads(const FaultyReads&) = delete;
  FaultyReads& operator=(const FaultyReads&) = delete;

  /// Constants that read differently.
  const std::vector<ConstantFault>& constants() const { return m_constants; }
  const std::vector<DataFault>& data() const { return m_data; }
  /// Forgets what was read of data; constants are read once for all.
  void begin_trial();
  /// Adds what was read since begin_trial(), by one image with these counts, or by `images` in one go.
  void end_trial(const FaultCounts& counts, BitOutcome& outcome) const;
  void end_trials(std::uint64_t images, BitOutcome& outcome) const;

 private:
  struct Value {
    const Storage* storage;
    const Tensor* tensor;
    bool is_accumulator;
    std::vector<StoredBitFault> faults;
  };
  struct Log {
    std::uint64_t reads = 0;
    std::uint64_t detected = 0;
    std::uint64_t corrected = 0;
    std::uint64_t missed = 0;
    std::optional<bool> is_up;  ///< a single bit that moves
    Magnitude magnitude = Magnitude::neither;
    std::pair<std::uint32_t, std::uint32_t> value;
  };
  static std::uint32_t read(const Value& value, std::uint32_t bits, Log& log);

  std::size_t m_values = 0;
  std::vector<std::unique_ptr<Value>> m_read;
  std::vector<ConstantFault> m_constants;
  std::vector<DataFault> m_data;
  Log m_constant_log;
  Log m_log;
};

class BitRunner {
 public:
  BitRunner(const Workload& workload, const BitPopulation& values, const Propagation& propagation,
            const ExecutionParams& params);

  struct Trials {
    BitOutcome outcome;
    std::optional<BitOutcome> with_protection;
    std::vector<ImageEvents> events;  ///< of each image
    ExecutionTimes times;
  };
  /// The fault on images from .. from+count-1 of `golden`, whose first one is image `first` of the workload.
  Result<Trials> run(const BitFault& fault, const GoldenActivations& golden, std::size_t first,
                     std::size_t from, std::size_t count);

 private:
  struct Images {
    const GoldenActivations& golden;
    std::size_t first;
    std::size_t from;
    std::size_t count;
    std::size_t workload_image(std::size_t k) const { return first + from + k; }
  };
  Result<std::vector<FaultCounts>> run_images(FaultyReads& reads, const Images& images, bool stops,
                                              BitOutcome* outcome);
  Result<std::vector<FaultCounts>> run_plainly(FaultyReads& reads, const Images& images,
                                               std::size_t first_operator, BitOutcome* outcome);
  Result<void> run_protected(const BitFault& fault, const FaultyReads& plain, const Images& images,
                             const std::vector<FaultCounts>& plain_counts, Trials& trials);
  Result<void> compare_ways(FaultyReads& reads, const Images& images, const std::vector<FaultCounts>& counts,
                            Trials& trials);
  std::size_t first_operator(const FaultyReads& reads) const;

  const Workload& m_workload;
  const BitPopulation& m_values;
  const Propagation& m_propagation;
  ExecutionParams m_params;
  Propagator m_propagator;
  std::unique_ptr<Batch> m_batch;
};

}  // namespace qfi
