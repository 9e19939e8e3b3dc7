// SPDX-License-Identifier: Apache-2.0
// Owns how the trials of a fault set are run: threads, journal, shard, progress, and when to stop. Finished
// trials go into the ProgressCounter; how far the run is comes out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "qfi/base/shard.hpp"
#include "qfi/fault_sets/trial.hpp"
#include "qfi/journal/journal.hpp"

namespace qfi {

/// How far a set is.
struct ProgressState {
  std::uint64_t recorded = 0;  ///< trials that an earlier run did
  std::uint64_t done = 0;      ///< trials that are done, recorded ones included
  std::uint64_t total = 0;
  std::uint64_t faults = 0;  ///< as many as the trials done would make whole
  double changed = 0;        ///< share of classes that change under the trials done, not weighted
  double half_width = 0;     ///< of its 95 % interval, as if all trials of a fault were alike
};
/// Called from any thread, one at a time.
using Progress = std::function<void(const ProgressState&)>;

/// Counts trials as they are done, for Progress.
class ProgressCounter {
 public:
  /// `of_fault`: trials of one fault.
  explicit ProgressCounter(std::uint64_t of_fault) : m_of_fault(of_fault) {}
  void add(const Trial& trial);
  /// What was added so far was recorded; `missing` are to be run.
  void begin(std::uint64_t missing);
  const ProgressState& state();

 private:
  std::uint64_t m_of_fault;
  ProgressState m_state;
  double m_sum = 0;
  double m_squares = 0;
};

struct RunParams {
  unsigned threads = 1;
  Progress progress = {};
  Journal* journal = nullptr;  ///< nullptr where no trial is kept
  std::uint64_t set = 0;       ///< number of the set in the journal
  Shard shard = {};
  bool only_recorded = false;             ///< a trial that the journal lacks is an error
  std::function<bool()> is_stopped = {};  ///< asked between trials, from any thread; may be empty
  /// Keeps what the driver of a set notes, before what it drew runs; may be empty.
  std::function<Result<void>(std::uint64_t set, std::uint64_t note)> keep_note = {};
};

/// Whether somebody asked the run to stop.
bool is_stopped(const RunParams& params);
/// Error: the run was stopped, or its journal cannot be written.
Result<void> check_run(const RunParams& params);

/// The error of a run that was asked for recorded trials only, which lacks so many.
tl::unexpected<Error> missing_trials(std::uint64_t count);

}  // namespace qfi
