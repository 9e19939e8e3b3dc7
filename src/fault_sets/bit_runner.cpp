// SPDX-License-Identifier: Apache-2.0
#include "bit_runner.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <numeric>

#include "qfi/model/stored_value.hpp"

namespace qfi {
namespace {

// So many faulty values are run by whole batches of images, from the first faulty operator on.
constexpr std::size_t k_most_propagated = 64;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - m_start).count();
  }

 private:
  std::chrono::steady_clock::time_point m_start = std::chrono::steady_clock::now();
};

}  // namespace

ExecutionTimes& ExecutionTimes::operator+=(const ExecutionTimes& other) {
  trials += other.trials;
  propagation += other.propagation;
  without_stop += other.without_stop;
  naive += other.naive;
  return *this;
}

FaultyReads::FaultyReads(const Program& program, const BitPopulation& values, const BitFault& fault,
                         bool is_protected) {
  // Of the first copy, where the bits of plain storage are what the protected one keeps.
  const auto storage_of = [&](const BitSite& site) -> const Storage& {
    return is_protected ? values.storage_of(site.values, site.element) : values.stored[site.values].storage;
  };
  std::vector<std::pair<std::size_t, std::uint64_t>> group_of;
  for (const BitSite& site : fault.sites)
    group_of.emplace_back(site.values, storage_of(site).group_of(site.element));
  std::vector<std::size_t> order(fault.sites.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return group_of[i]; });
  m_faults.reserve(order.size());
  for (std::size_t begin = 0; begin < order.size();) {
    const BitSite& first = fault.sites[order[begin]];
    const Storage& storage = storage_of(first);
    std::size_t end = begin;
    std::optional<int> value = storage.place_of(first.element);
    for (; end < order.size() && group_of[order[end]] == group_of[order[begin]]; ++end) {
      const BitSite& site = fault.sites[order[end]];
      const int place = storage.place_of(site.element);
      const int index = is_protected ? storage.index_of({place, site.stored_bit}) : site.stored_bit;
      m_faults.push_back({index, fault.models[order[end]]});
      if (place != value || !storage.value_bit(index)) value.reset();
    }
    add_group(program, values, first, {&storage, nullptr, false, value, std::span(m_faults).subspan(begin)});
    begin = end;
  }
}

void FaultyReads::add_group(const Program& program, const BitPopulation& values, const BitSite& site,
                            Group group) {
  const ValuePlace& place = values.places[site.values];
  const Tensor& tensor = program.model().tensors[static_cast<std::size_t>(place.tensor)];
  group.tensor = &tensor;
  group.is_accumulator = place.target == FaultTarget::data && place.stage == Stage::accumulator;
  ++m_groups;
  if (place.target == FaultTarget::data) {
    assert(group.storage->values() == 1);
    m_data.push_back({place.stage, place.operator_index, place.tensor, site.element,
                      [this, group](std::uint32_t bits, std::size_t image) {
                        read(group, std::span(&bits, 1), m_logs[image]);
                        return bits;
                      }});
    return;
  }
  const auto size = static_cast<std::uint64_t>(group.storage->values());
  const std::uint64_t first = group.storage->group_of(site.element) * size;
  std::array<std::uint32_t, StorageCodec::k_most_values> bits;
  const std::span now = std::span(bits).first(std::min<std::uint64_t>(size, tensor.elements() - first));
  for (std::size_t i = 0; i < now.size(); ++i) now[i] = read_bits(tensor, first + i);
  read(group, now, m_constant_log);
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i] != read_bits(tensor, first + i))
      for (const int reader : place.tensors) m_constants.push_back({reader, first + i, now[i]});
}

// Of the values in a group, from their bits in the tensor to those that are read.
void FaultyReads::read(const Group& group, std::span<std::uint32_t> bits, Log& log) {
  const int width = group.storage->params().width;
  std::array<std::uint32_t, StorageCodec::k_most_values> written;
  std::ranges::copy(bits, written.begin());
  const Reading reading = group.storage->read(bits, group.faults);
  // Weights alone are kept in fewer bits than their type has.
  if (width < 8)
    for (std::uint32_t& code : bits) code = widened(code, width);
  ++log.reads;
  log.detected += reading.is_detected ? 1 : 0;
  log.corrected += reading.is_corrected() ? 1 : 0;
  log.missed += reading.is_missed() ? 1 : 0;
  log.value.reset();
  if (group.value) {
    const auto value = static_cast<std::size_t>(*group.value);
    log.value = {written[value], bits[value]};
  }
  if (group.faults.size() == 1) log_direction(group, std::span(written).first(bits.size()), log);
}

void FaultyReads::log_direction(const Group& group, std::span<const std::uint32_t> written, Log& log) {
  const StoredBitFault& fault = group.faults.front();
  const auto& kept = group.storage->value_bit(fault.index);
  const bool was_set = kept ? (written[static_cast<std::size_t>(kept->value)] >> kept->bit & 1U) != 0
                            : group.storage->is_set(written, fault.index);
  const bool moves =
      fault.model == BitFaultModel::flip || (fault.model == BitFaultModel::stuck_at_1) != was_set;
  if (moves) log.is_up = !was_set;
  if (!log.value) return;  // a check bit
  const double before = magnitude_of(*group.tensor, group.is_accumulator, log.value->first);
  const double after = magnitude_of(*group.tensor, group.is_accumulator, log.value->second);
  log.magnitude = after > before ? Magnitude::away : after < before ? Magnitude::towards : Magnitude::neither;
}

void FaultyReads::begin_trials(std::size_t images) {
  if (!m_data.empty()) m_logs.assign(images, m_constant_log);
}

void FaultyReads::end_trial(std::size_t k, const FaultCounts& counts, BitOutcome& outcome) const {
  const Log& log = m_logs.empty() ? m_constant_log : m_logs[k];
  const bool is_first = outcome.reads == 0;
  outcome.reads += log.reads;
  outcome.detected += log.detected;
  outcome.corrected += log.corrected;
  outcome.missed += log.missed;
  if (m_groups != 1) return;
  if (is_first) outcome.value = log.value;
  else if (outcome.value != log.value) outcome.has_mixed_values = true;
  if (outcome.has_mixed_values) outcome.value.reset();
  if (!log.is_up) return;
  for (TrialSums* sums : {&outcome.of_direction[*log.is_up ? 0 : 1],
                          &outcome.of_magnitude[static_cast<std::size_t>(log.magnitude)]}) {
    ++sums->trials;
    sums->changed += counts.changed;
    sums->units += counts.units;
  }
}

BitRunner::BitRunner(const Workload& workload, const BitPopulation& values, const Propagation& propagation,
                     const ExecutionParams& params)
    : m_workload(workload),
      m_values(values),
      m_propagation(propagation),
      m_params(params),
      m_propagator(propagation) {}

Result<void> BitRunner::run_plainly(const Images& images, std::size_t first_operator, FaultRun& run) {
  if (!m_batch || m_batch->capacity() < images.count)
    m_batch = std::make_unique<Batch>(*m_workload.program, images.count);
  FaultyReads& reads = *run.reads;
  QFI_TRY(const ChangedOperators operators, m_workload.program->with_constants(reads.constants()));
  images.golden.restore(first_operator, images.from, images.count, *m_batch);
  reads.begin_trials(images.count);
  run_with_faults(*m_workload.program, *m_batch, first_operator, operators, reads.data());
  for (std::size_t k = 0; k < images.count; ++k)
    run.add(k, {score_image(m_workload, images.workload_image(k),
                            [&](int tensor) {
                              const std::size_t bytes = m_workload.tensor(tensor).bytes();
                              return std::as_const(*m_batch).tensor(tensor).subspan(k * bytes, bytes);
                            }),
                {}});
  return {};
}

void BitRunner::FaultRun::add(std::size_t k, const ImageRun& image) {
  images.push_back(image);
  outcome.counts += image.counts;
  if (image.equal_after) outcome.add_equal(*image.equal_after, 1);
  reads->end_trial(k, image.counts, outcome);
}

// A fault of constants does the same wherever the same ones are read.
bool BitRunner::FaultRun::reads_same(const FaultRun& other) const {
  return reads->data().empty() && other.reads->data().empty() &&
         reads->constants() == other.reads->constants();
}

Result<std::vector<BitRunner::FaultRun>> BitRunner::propagate(std::span<const BitFault> faults,
                                                              const Images& images, bool stops,
                                                              const std::vector<FaultRun>* unprotected) {
  struct Made {
    FaultRun* run = nullptr;
    std::size_t first_operator = 0;
    PreparedConstants constants;
  };
  std::vector<Made> made;
  std::vector<FaultRun> runs(faults.size());
  for (std::size_t i = 0; i < faults.size(); ++i) {
    runs[i].reads =
        std::make_unique<FaultyReads>(*m_workload.program, m_values, faults[i], unprotected != nullptr);
    const FaultyReads& reads = *runs[i].reads;
    if (unprotected != nullptr && runs[i].reads_same((*unprotected)[i])) {
      for (std::size_t k = 0; k < images.count; ++k) runs[i].add(k, (*unprotected)[i].images[k]);
      continue;
    }
    const std::size_t first = m_propagation.first_operator(reads.constants(), reads.data());
    if (reads.constants().size() > k_most_propagated || reads.data().size() > k_most_propagated) {
      QFI_CHECK(run_plainly(images, first, runs[i]));
      if (unprotected != nullptr || m_values.protected_storage.empty())
        runs[i].reads.reset();  // may be large
    } else {
      QFI_TRY(PreparedConstants constants, m_propagation.prepare(reads.constants()));
      made.push_back({&runs[i], first, std::move(constants)});
    }
  }
  // Faults of the same layers run side by side.
  std::ranges::stable_sort(made, {}, &Made::first_operator);
  for (std::size_t first = 0; first < images.count; first += m_propagation.images_together()) {
    const std::size_t count = std::min(m_propagation.images_together(), images.count - first);
    const std::size_t together = m_propagation.faults_together(count);
    for (std::size_t begin = 0; begin < made.size(); begin += together) {
      const std::span group = std::span(made).subspan(begin, std::min(together, made.size() - begin));
      std::vector<PropagatedFault> propagated;
      for (const Made& fault : group) {
        fault.run->reads->begin_trials(count);
        propagated.push_back({fault.constants, fault.run->reads->data()});
      }
      m_propagator.run(images.golden, images.from + first, count, propagated, stops);
      for (std::size_t i = 0; i < group.size(); ++i)
        for (std::size_t k = 0; k < count; ++k)
          group[i].run->add(k, image_run(images.workload_image(first + k), i * count + k));
    }
  }
  return runs;
}

// What inference k of the propagator's run did, which is of image `image` of the workload.
BitRunner::ImageRun BitRunner::image_run(std::size_t image, std::size_t k) {
  const std::optional<int> equal_after = m_propagator.equal_after(k);
  if (equal_after) return {m_workload.golden.of_image[image], equal_after};
  return {score_image(m_workload, image, [&](int tensor) { return m_propagator.tensor(tensor, k); }), {}};
}

// The three ways, in turns first, as the first one finds the caches cold.
Result<std::vector<BitRunner::FaultRun>> BitRunner::compare(std::span<const BitFault> faults,
                                                            const Images& images) {
  std::vector<FaultRun> runs, without_stop;
  const bool stops_first = m_times.trials / images.count / 2 % 2 == 0;
  for (const bool stops : {stops_first, !stops_first}) {
    const Stopwatch watch;
    QFI_TRY((stops ? runs : without_stop), propagate(faults, images, stops, nullptr));
    (stops ? m_times.propagation : m_times.without_stop) += watch.seconds();
  }
  for (std::size_t i = 0; i < faults.size(); ++i) {
    FaultRun naive;
    naive.reads = std::make_unique<FaultyReads>(*m_workload.program, m_values, faults[i], false);
    const Stopwatch watch;
    QFI_CHECK(run_plainly(images, 0, naive));
    m_times.naive += watch.seconds();
    m_times.trials += images.count;
    if (runs[i].images != without_stop[i].images ||
        !std::ranges::equal(runs[i].images, naive.images, {}, &ImageRun::counts, &ImageRun::counts))
      return failed("internal error: propagation and the plain run of the network differ");
  }
  return runs;
}

Result<std::vector<Trial>> BitRunner::run(std::span<const BitFault> faults, const Images& images) {
  QFI_TRY(std::vector<FaultRun> runs,
          m_params.compares_naive ? compare(faults, images) : propagate(faults, images, true, nullptr));
  std::vector<FaultRun> with_protection;
  if (!m_values.protected_storage.empty()) {
    QFI_TRY(with_protection, propagate(faults, images, true, &runs));
  }
  std::vector<Trial> trials(faults.size());
  for (std::size_t i = 0; i < faults.size(); ++i) {
    trials[i].outcome = std::move(runs[i].outcome);
    for (const ImageRun& image : runs[i].images) trials[i].events.emplace_back(image.counts);
    if (with_protection.empty()) continue;
    BitOutcome& protected_outcome = trials[i].with_protection.emplace(std::move(with_protection[i].outcome));
    for (std::size_t k = 0; k < images.count; ++k) {
      const std::uint64_t without = runs[i].images[k].counts.changed;
      protected_outcome.cured += without - std::min(without, with_protection[i].images[k].counts.changed);
    }
  }
  return trials;
}

}  // namespace qfi
