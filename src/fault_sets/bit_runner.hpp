// SPDX-License-Identifier: Apache-2.0
// One thread's trials of bit faults.
#pragma once

#include "qfi/fault_sets/bit_set.hpp"

namespace qfi {

/// What a fault is, where its values are read.
class FaultyReads {
 public:
  /// `is_protected`: reads through the protected storage, each fault where it keeps the bit first.
  FaultyReads(const Program& program, const BitPopulation& values, const BitFault& fault, bool is_protected);
  FaultyReads(const FaultyReads&) = delete;
  FaultyReads& operator=(const FaultyReads&) = delete;

  /// Constants that read differently.
  const std::vector<ConstantFault>& constants() const { return m_constants; }
  const std::vector<DataFault>& data() const { return m_data; }
  /// Forgets what so many images read of data; constants are read once for all.
  void begin_trials(std::size_t images);
  /// Adds what image k read since begin_trials(). `counts`: of the image.
  void end_trial(std::size_t k, const FaultCounts& counts, BitOutcome& outcome) const;

 private:
  /// Values that are stored together, and their faults.
  struct Group {
    const Storage* storage = nullptr;
    const Tensor* tensor = nullptr;
    bool is_accumulator = false;
    std::optional<int> value;  ///< the place of the one that all the faults belong to
    std::span<const StoredBitFault> faults;
  };
  struct Log {
    std::uint64_t reads = 0;
    std::uint64_t detected = 0;
    std::uint64_t corrected = 0;
    std::uint64_t missed = 0;
    std::optional<bool> is_up;  ///< a single bit that moves
    Magnitude magnitude = Magnitude::neither;
    std::optional<std::pair<std::uint32_t, std::uint32_t>> value;  ///< of Group::value
  };
  void add_group(const Program& program, const BitPopulation& values, const BitSite& site, Group group);
  static void read(const Group& group, std::span<std::uint32_t> bits, Log& log);
  static void log_direction(const Group& group, std::span<const std::uint32_t> written, Log& log);

  std::size_t m_groups = 0;
  std::vector<StoredBitFault> m_faults;  ///< group by group
  std::vector<ConstantFault> m_constants;
  std::vector<DataFault> m_data;
  Log m_constant_log;
  std::vector<Log> m_logs;  ///< by image; empty: all are m_constant_log
};

class BitRunner {
 public:
  BitRunner(const Workload& workload, const BitPopulation& values, const Propagation& propagation,
            const ExecutionParams& params);

  /// Images from .. from+count-1 of `golden`, whose first one is image `first` of the workload.
  struct Images {
    const GoldenActivations& golden;
    std::size_t first = 0;
    std::size_t from = 0;
    std::size_t count = 0;
    std::size_t workload_image(std::size_t k) const { return first + from + k; }
  };
  /// Every fault on every image, some of both side by side, so that their activations stay in the caches.
  Result<std::vector<Trial>> run(std::span<const BitFault> faults, const Images& images);

  const ExecutionTimes& times() const { return m_times; }

 private:
  struct ImageRun {
    FaultCounts counts;
    std::optional<int> equal_after;  ///< as Propagator::equal_after
    bool operator==(const ImageRun&) const = default;
  };
  /// A fault as it is read, and what it did to each image.
  struct FaultRun {
    std::unique_ptr<FaultyReads> reads;
    std::vector<ImageRun> images;
    BitOutcome outcome;
    /// Adds image k of those since FaultyReads::begin_trials().
    void add(std::size_t k, const ImageRun& image);
    bool reads_same(const FaultRun& other) const;
  };
  /// `unprotected`: the runs of the same faults without the protection; nullptr: these are those.
  Result<std::vector<FaultRun>> propagate(std::span<const BitFault> faults, const Images& images, bool stops,
                                          const std::vector<FaultRun>* unprotected);
  ImageRun image_run(std::size_t image, std::size_t k);
  Result<void> run_plainly(const Images& images, std::size_t first_operator, FaultRun& run);
  Result<std::vector<FaultRun>> compare(std::span<const BitFault> faults, const Images& images);

  const Workload& m_workload;
  const BitPopulation& m_values;
  const Propagation& m_propagation;
  ExecutionParams m_params;
  Propagator m_propagator;
  std::unique_ptr<Batch> m_batch;
  ExecutionTimes m_times;
};

}  // namespace qfi
