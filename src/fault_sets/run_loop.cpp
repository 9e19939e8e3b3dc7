// SPDX-License-Identifier: Apache-2.0
// The run loop of every fault set: what the journal has is taken, the rest runs phase by phase on all
// threads.
#include <algorithm>
#include <chrono>
#include <mutex>

#include "qfi/base/parallel.hpp"
#include "qfi/fault_sets/fault_set.hpp"

namespace qfi {

// Which trials of faults first .. end-1 are done.
class FaultSet::Done {
 public:
  Done(std::uint64_t first, std::uint64_t end, std::uint64_t blocks)
      : m_first(first), m_blocks(blocks), m_done((end - first) * blocks) {}
  std::vector<bool>::reference at(const TrialPlace& place) {
    return m_done[(place.fault - m_first) * m_blocks + place.block];
  }

 private:
  std::uint64_t m_first;
  std::uint64_t m_blocks;
  std::vector<bool> m_done;
};

// What no trial of these images can count differently.
bool FaultSet::is_plausible(const Trial& trial, const FaultCounts& golden) const {
  const auto operators = static_cast<int>(m_workload.program->model().operators.size());
  const auto fits = [&](const BitOutcome& outcome) {
    const FaultCounts& counts = outcome.counts;
    for (const CountField& field : k_count_fields)
      if (counts.*field.value > counts.units) return false;
    for (const auto& [index, ignored] : outcome.equal_after)
      if (index >= operators) return false;
    return std::ranges::all_of(k_count_fields,
                               [&](const CountField& field) {
                                 return !field.is_of_images || counts.*field.value == golden.*field.value;
                               }) &&
           m_workload.task->can_be(counts) && counts.output_identical <= counts.images &&
           counts.nan + counts.infinity <= counts.images;
  };
  std::uint64_t changed = 0, correct = 0;
  for (const ImageEvents& events : trial.events) {
    changed += events.changed;
    correct += events.correct;
  }
  return fits(trial.outcome) && (!trial.with_protection || fits(*trial.with_protection)) &&
         changed == trial.outcome.counts.changed && correct == trial.outcome.counts.faulty_correct;
}

Result<void> FaultSet::take_recorded(const RunParams& params, Done& done, ProgressCounter& counter) {
  if (params.journal == nullptr) return {};
  const auto damaged = [&] {
    return bad_input("{}: damaged (a trial that does not fit); move it away, or begin anew with --restart",
                     params.journal->file().string());
  };
  const std::size_t columns = count_columns().size();
  return params.journal->read(params.set, m_run_faults, drawn(), [&](TrialRow&& row) -> Result<void> {
    if (row.key.block >= blocks() || row.counts.size() != columns) return damaged();
    const Images images = images_of(row.key.fault, row.key.block);
    if (images.count == 0) return damaged();
    FaultCounts golden;
    for (std::size_t i = 0; i < images.count; ++i) golden += m_workload.golden.of_image[images.first + i];
    const FaultCounts counts = counts_of_numbers(row.counts, golden);
    const auto trial =
        decode_details(row.details, counts, std::span(m_golden_events).subspan(images.first, images.count));
    if (!trial || !is_plausible(*trial, golden) || !can_be(row.key.fault, *trial)) return damaged();
    take(row.key.fault, row.key.block, *trial);
    counter.add(*trial);
    done.at({row.key.fault, row.key.block}) = true;
    return {};
  });
}

void FaultSet::record(const RunParams& params, const TrialPlace& place, const Trial& trial) const {
  if (params.journal == nullptr) return;
  const Images images = images_of(place.fault, place.block);
  params.journal->add(
      {{params.set, place.fault, place.block},
       count_numbers(trial.outcome.counts),
       encode_details(trial, std::span(m_golden_events).subspan(images.first, images.count))});
}

// The trials that are missing, run phase by phase.
class FaultSet::RunLoop {
 public:
  RunLoop(FaultSet& set, const RunParams& params)
      : m_set(set),
        m_params(params),
        m_shard(faults_of_shard(set, params.shard)),
        m_counter(set.is_crossed() ? set.blocks() : 1),
        m_done(set.m_run_faults, set.drawn(), set.blocks()) {}

  Result<void> run() {
    QFI_CHECK(m_set.take_recorded(m_params, m_done, m_counter));
    std::uint64_t missing = 0;
    for (std::size_t phase = 0; phase < m_set.phases(); ++phase) missing += missing_in(phase, nullptr);
    if (m_params.only_recorded && missing > 0) return missing_trials(missing);
    m_counter.begin(missing);
    report_progress();
    for (std::size_t phase = 0; phase < m_set.phases() && m_failed == 0; ++phase) {
      std::vector<TrialPlace> places;
      missing_in(phase, &places);
      if (places.empty()) continue;
      QFI_CHECK(m_set.begin_phase(phase, m_params.threads));
      run_phase(phase, places);
      QFI_CHECK(check_run(m_params));
    }
    if (m_failed == 0) return {};
    return failed("{} of {} trials failed; {}: {}", m_failed, missing, m_set.fault_name(m_first_failed),
                  m_failure.message);
  }

 private:
  // How many trials of a phase are this shard's and are not done; `places`, unless nullptr, gets them.
  std::uint64_t missing_in(std::size_t phase, std::vector<TrialPlace>* places) {
    std::uint64_t count = 0;
    for (const FaultRange& faults : m_set.faults_in(phase)) {
      const std::uint64_t first = std::max({faults.first, m_set.m_run_faults, m_shard.first});
      for (std::uint64_t fault = first; fault < std::min(faults.end, m_shard.end); ++fault) {
        const BlockRange range = m_set.blocks_in(phase, fault);
        for (std::uint64_t block = range.first; block < range.end; ++block) {
          if (m_done.at({fault, block})) continue;
          ++count;
          if (places != nullptr) places->push_back({fault, block});
        }
      }
    }
    return count;
  }

  void run_phase(std::size_t phase, std::span<TrialPlace> places) {
    std::vector<std::unique_ptr<Executor>> executors(m_params.threads);
    const auto jobs = m_set.jobs(places, m_params.threads);
    parallel_for(jobs.size(), m_params.threads, [&](std::size_t j, unsigned worker) {
      if (stops()) return;
      if (!executors[worker]) executors[worker] = m_set.make_executor(phase);
      const auto done = executors[worker]->run(jobs[j], [&](const TrialPlace& place, const Trial& trial) {
        take(place, trial);
        return !is_stopped(m_params);
      });
      if (!done) count_failure(jobs[j], done.error());
    });
    for (const auto& executor : executors)
      if (executor) m_set.end_executor(*executor);
  }

  bool stops() {
    if (is_stopped(m_params)) return true;
    const std::scoped_lock guard(m_lock);
    return m_failed >= k_most_failures;
  }

  void take(const TrialPlace& place, const Trial& trial) {
    m_set.record(m_params, place, trial);
    const std::scoped_lock guard(m_lock);
    m_set.take(place.fault, place.block, trial);
    m_set.m_inferences += trial.events.size();
    m_counter.add(trial);
    report_progress();
  }

  void count_failure(std::span<const TrialPlace> job, const Error& error) {
    const std::scoped_lock guard(m_lock);
    if (m_failed == 0 || job.front().fault < m_first_failed) {
      m_first_failed = job.front().fault;
      m_failure = error;
    }
    m_failed += job.size();
  }

  void report_progress() {
    if (m_params.progress) m_params.progress(m_counter.state());
  }

  static constexpr std::uint64_t k_most_failures = 100;  // of trials, after which no more are tried

  FaultSet& m_set;
  const RunParams& m_params;
  FaultRange m_shard;
  ProgressCounter m_counter;
  Done m_done;
  std::mutex m_lock;  // of the set's sums and of what follows
  std::uint64_t m_failed = 0;
  std::uint64_t m_first_failed = 0;
  Error m_failure;
};

Result<void> FaultSet::run(const RunParams& params) {
  if (m_run_faults == drawn() && drawn() > 0) return {};
  const auto start = std::chrono::steady_clock::now();
  if (m_run_faults == 0) QFI_CHECK(prove());
  QFI_CHECK(RunLoop(*this, params).run());
  if (params.shard.count == 1) {
    finish_faults(m_run_faults);
    m_run_faults = drawn();
  }
  m_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {};
}

}  // namespace qfi
