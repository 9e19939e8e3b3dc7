// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/bit_set.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <cstring>

#include "bit_runner.hpp"
#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"
#include "qfi/base/stop.hpp"
#include "qfi/faults/fault_combinations.hpp"

namespace qfi {
namespace {

BitScheme bit_scheme(SampleScheme scheme) {
  switch (scheme) {
    case SampleScheme::network: return BitScheme::network;
    case SampleScheme::layer: return BitScheme::layer;
    case SampleScheme::bit: return BitScheme::bit;
    case SampleScheme::data_aware:
    case SampleScheme::data_aware_weights: return BitScheme::data_aware;
  }
  return BitScheme::network;
}

const char* plural_of(Stage stage) {
  switch (stage) {
    case Stage::network_input:
    case Stage::operator_input: return "inputs";
    case Stage::accumulator: return "accumulators";
    case Stage::output: break;
  }
  return "outputs";
}

std::string label_of(const BitStratum& stratum, const BitPopulation& values) {
  const std::string& first = values.places[stratum.parts.front().values].label;
  if (stratum.bit) return fmt::format("{}, bit {}", first, *stratum.bit);
  if (stratum.is_of_checks()) return fmt::format("{}, check bits", first);
  const ValuePlace& place = values.places[stratum.parts.front().values];
  if (stratum.layer && place.target == FaultTarget::data) {
    if (stratum.parts.size() == 1) return first;
    if (place.stage == Stage::network_input) return "network inputs";
    return fmt::format("{} of operator {}", plural_of(place.stage), *stratum.layer);
  }
  if (stratum.layer) return fmt::format("operator {}", *stratum.layer);
  return "network";
}

std::uint64_t most_of(const Stratum& stratum, std::uint64_t target) {
  return stratum.is_drawn_with_replacement ? target : std::min(target, stratum.population);
}

}  // namespace

BitSet::BitSet(const Workload& workload, GoldenBlocks& golden, const CampaignConfig& config,
               std::size_t index, std::uint64_t seed)
    : FaultSet(workload, config.faults[index], config.design, seed), m_golden(golden) {}
BitSet::~BitSet() = default;

Result<std::unique_ptr<BitSet>> BitSet::make(const Workload& workload, GoldenBlocks& golden,
                                             const CampaignConfig& config, std::size_t index,
                                             std::uint64_t seed) {
  auto set = std::unique_ptr<BitSet>(new BitSet(workload, golden, config, index, seed));
  QFI_TRY(set->m_values, find_population(*workload.program, set->fault_config(), set->m_traits.scheme));
  QFI_CHECK(set->make_strata());
  if (set->m_traits.list) {
    QFI_TRY(set->m_listed, read_bit_fault_list(set->m_traits.list->path, workload.program->model(),
                                               set->m_values, set->fault_config().models));
  }
  return set;
}

Result<void> BitSet::draw_listed() {
  if (drawn() > 0) return {};
  const std::size_t images = is_paired() ? m_workload.images() : 1;
  QFI_CHECK(check_size(static_cast<double>(m_listed.size()) * static_cast<double>(images), 0));
  for (std::size_t i = 0; i < m_listed.size(); ++i)
    for (std::size_t image = 0; image < images; ++image) add_fault(0, {}, image);
  m_strata.front().drawn = m_listed.size();
  resize_outcomes();
  return {};
}

Result<void> BitSet::make_strata() {
  std::vector<BitStratum> strata =
      make_bit_strata(m_values.stored, bit_scheme(m_traits.scheme), fault_config().bits);
  assert(!strata.empty());  // the population has the chosen bits
  for (const double rate : m_traits.error_rates) {
    add_bit_stratum(strata.front(), fmt::format("bit error rate {}", rate));
    m_strata.back().population = k_endless;
    m_strata.back().is_drawn_with_replacement = true;
    m_strata.back().error_rate = rate;
    m_strata.back().expected_flips = rate * static_cast<double>(m_bit_strata.back().population());
  }
  if (!m_traits.error_rates.empty()) return {};
  for (BitStratum& stratum : strata) {
    std::string label = label_of(stratum, m_values);
    add_bit_stratum(std::move(stratum), std::move(label));
    if (m_strata.back().population == 0)
      return bad_input("{} faults at once of {} bits", fault_config().simultaneous,
                       m_bit_strata.back().population());
  }
  if (m_strata.size() > 1 && fault_config().simultaneous > 1 &&
      std::ranges::any_of(m_strata, &Stratum::is_drawn_with_replacement))
    return bad_input(
        "a stratum has more than 2^62 sets of {} bits, too many to weight strata by their sets; "
        "sample without strata, or choose fewer bits",
        fault_config().simultaneous);
  return {};
}

void BitSet::add_bit_stratum(BitStratum bits, std::string label) {
  const std::uint64_t population = combinations(bits).count();
  Stratum& stratum = add_stratum(std::move(label), population);
  stratum.p = bits.p;
  stratum.layer = bits.layer;
  stratum.bit = bits.bit;
  const ValuePlace& first = m_values.places[bits.parts.front().values];
  if (first.target == FaultTarget::data && (bits.layer || bits.bit)) stratum.stage = first.stage;
  stratum.is_drawn_with_replacement = population == k_endless;
  m_bit_strata.push_back(std::move(bits));
}

void BitSet::add_fault(std::size_t stratum, std::span<const std::uint64_t> members, std::size_t image) {
  m_members.add(members);
  add_drawn(stratum);
  if (is_paired()) m_image_of.add(static_cast<std::uint32_t>(image));
}

FaultCombinations BitSet::combinations(const BitStratum& bits) const {
  return {bits.population(), fault_config().simultaneous, fault_config().models.size()};
}

// Bits at once, and what each is hit by. Of so many sets no two draws are the same.
std::vector<std::uint64_t> BitSet::endless_draw(const BitStratum& bits, const std::string& set) const {
  const std::uint64_t models = fault_config().models.size();
  auto members = draw_without_replacement(bits.population(), fault_config().simultaneous, m_seed, set);
  for (std::size_t k = 0; k < members.size(); ++k)
    members[k] = members[k] * models + random_below(m_seed, purpose::models_of_set(set), k, models);
  return members;
}

// Faults from .. to-1 of a stratum; paired: of an image.
void BitSet::draw_faults(std::size_t index, std::uint64_t from, std::uint64_t to, std::size_t image) {
  const BitStratum& bits = m_bit_strata[index];
  std::optional<std::uint64_t> image_of_data;
  if (is_paired()) image_of_data = m_workload.data.indices()[image];
  const std::string stream = purpose::stratum(index, image_of_data);
  if (m_strata[index].error_rate) {
    const std::uint64_t seed = random_bits(m_seed, stream, 0);
    for (std::uint64_t i = from; i < to; ++i)
      add_fault(index,
                draw_bit_errors(bits.population(), *m_strata[index].error_rate, m_traits.error_draw, i, seed),
                image);
  } else if (m_strata[index].is_drawn_with_replacement) {
    for (std::uint64_t i = from; i < to; ++i)
      add_fault(index, endless_draw(bits, purpose::set_of_bits(stream, i)), image);
  } else {
    for (const std::uint64_t member : members(m_strata[index].population, from, to, stream))
      add_fault(index, combinations(bits).members(member), image);
  }
}

std::vector<LayerBits> BitSet::layer_bits() const {
  std::vector<LayerBits> layers;
  std::uint64_t first = 0;
  for (const BitStratum::Part& part : m_bit_strata.front().parts) {
    const std::uint64_t size = part.count * part.stored_bits.size();
    if (size > 0) layers.push_back({m_values.stored[part.values].layer, first, size});
    first += size;
  }
  return layers;
}

std::vector<std::uint64_t> BitSet::chosen_members(std::size_t fault) const { return m_members[fault]; }

Result<void> BitSet::add_chosen(std::vector<std::vector<std::uint64_t>> faults) {
  double flips = static_cast<double>(m_members.members());
  for (const auto& members : faults) flips += static_cast<double>(members.size());
  QFI_CHECK(check_size(static_cast<double>(drawn() + faults.size()), flips));
  for (const auto& members : faults) add_fault(0, members, 0);
  m_strata.front().drawn = drawn();
  resize_outcomes();
  return {};
}

Result<void> BitSet::check_size(double faults, double flips) const {
  if (faults > static_cast<double>(k_most_faults))
    return bad_input("sample: {:.0f} faults; at most {} can be drawn", faults, k_most_faults);
  if (flips > static_cast<double>(k_most_flips))
    return bad_input("sample: {:.0f} flips in all draws; at most {} are possible", flips, k_most_flips);
  return {};
}

void BitSet::forget_faults() {
  m_members = {};
  m_image_of = {};
  m_outcomes = {};
  m_protected = {};
  m_times = {};
}

void BitSet::resize_outcomes() {
  m_outcomes.resize(drawn());
  if (!m_values.protected_storage.empty()) m_protected.resize(drawn());
}

Result<void> BitSet::draw(const std::vector<std::uint64_t>& targets, unsigned) {
  if (!m_listed.empty()) return draw_listed();
  const std::uint64_t images = is_paired() ? m_workload.images() : 1;
  double faults = static_cast<double>(drawn());
  double flips = static_cast<double>(m_members.members());
  for (std::size_t h = 0; h < m_strata.size(); ++h) {
    const std::uint64_t target = most_of(m_strata[h], targets[h]);
    const double added =
        static_cast<double>(target - std::min(target, m_strata[h].drawn)) * static_cast<double>(images);
    faults += added;
    flips += added * (m_strata[h].error_rate
                          ? *m_strata[h].error_rate * static_cast<double>(m_bit_strata[h].population())
                          : static_cast<double>(fault_config().simultaneous));
  }
  QFI_CHECK(check_size(faults, flips));
  m_members.reserve(static_cast<std::uint64_t>(flips));
  for (std::size_t image = 0; image < images; ++image)
    for (std::size_t h = 0; h < m_strata.size(); ++h) {
      const std::uint64_t target = most_of(m_strata[h], targets[h]);
      if (target > m_strata[h].drawn) draw_faults(h, m_strata[h].drawn, target, image);
    }
  for (std::size_t h = 0; h < m_strata.size(); ++h)
    m_strata[h].drawn = std::max(m_strata[h].drawn, most_of(m_strata[h], targets[h]));
  resize_outcomes();
  return {};
}

BitFault BitSet::fault(std::size_t index) const {
  if (!m_listed.empty()) return m_listed[is_paired() ? index / m_workload.images() : index];
  const BitStratum& bits = m_bit_strata[m_stratum_of[index]];
  const std::vector<BitFaultModel>& models = fault_config().models;
  BitFault fault;
  for (std::uint64_t k = 0; k < m_members.length_of(index); ++k) {
    const std::uint64_t member = m_members.member(index, k);
    fault.sites.push_back(bit_member(m_values.stored, bits, member / models.size()));
    fault.models.push_back(models[member % models.size()]);
  }
  return fault;
}

std::uint64_t BitSet::bits_of(std::size_t fault) const {
  return m_listed.empty() ? m_members.length_of(fault) : this->fault(fault).sites.size();
}

std::vector<FaultRange> BitSet::faults_in(std::size_t phase) const {
  if (!is_paired()) return FaultSet::faults_in(phase);
  std::vector<FaultRange> ranges;
  for (const RunLengthList::Run& run : m_image_of.runs())
    if (m_golden.block_of(run.value) == phase) ranges.push_back({run.first, run.end});
  return ranges;
}

BlockRange BitSet::blocks_in(std::size_t phase, std::uint64_t fault) const {
  if (is_crossed()) return {phase, phase + 1};
  if (is_nested()) {
    const BlockRange range = blocks_of(fault, m_golden.images(0));
    return phase < range.first || phase >= range.end ? BlockRange() : BlockRange{phase, phase + 1};
  }
  return {0, m_golden.block_of(m_image_of[fault]) == phase ? std::uint64_t{1} : std::uint64_t{0}};
}

// Faults of the same images run together, so that the golden activations of some images serve many. A job is
// short, so that a run can be stopped; a fault of many bits runs alone.
std::vector<std::span<const TrialPlace>> BitSet::jobs(std::span<TrialPlace> places, unsigned) const {
  if (is_nested())
    std::ranges::stable_sort(places, {}, [&](const TrialPlace& place) { return group_of(place.fault); });
  const auto first_image = [&](const TrialPlace& place) { return images_of(place.fault, place.block).first; };
  constexpr std::size_t k_together = 64;
  constexpr std::uint64_t k_few_bits = 16;
  constexpr std::uint64_t k_most_multiplications = 4'000'000'000;
  const std::vector<std::uint64_t> of_values = costs_of_values();
  std::vector<std::span<const TrialPlace>> result;
  for (std::size_t begin = 0; begin < places.size();) {
    std::uint64_t cost = 0;
    std::size_t end = begin;
    do {
      const TrialPlace& place = places[end++];
      cost += cost_of(place.fault, of_values) * images_of(place.fault, place.block).count;
    } while (end < places.size() && end - begin < k_together && cost < k_most_multiplications &&
             bits_of(places[begin].fault) <= k_few_bits && bits_of(places[end].fault) <= k_few_bits &&
             first_image(places[end]) == first_image(places[begin]));
    result.push_back(places.subspan(begin, end - begin));
    begin = end;
  }
  return result;
}

FaultSet::Images BitSet::images_of(std::uint64_t fault, std::uint64_t block) const {
  if (is_paired()) return {m_image_of[fault], 1};
  return images_in(fault, {m_golden.first_image(block), m_golden.images(block)});
}

// Multiplications from the first operator on that a fault of such values reaches.
std::vector<std::uint64_t> BitSet::costs_of_values() const {
  const Program& program = *m_workload.program;
  const std::vector<Operator>& operators = program.model().operators;
  std::vector<std::uint64_t> from(operators.size() + 1, 1);
  for (std::size_t i = operators.size(); i-- > 0;) from[i] = from[i + 1] + program.multiplications(i);
  std::vector<std::uint64_t> of_values;
  for (const ValuePlace& place : m_values.places) of_values.push_back(from[first_operator(place)]);
  return of_values;
}

std::uint64_t BitSet::cost_of(std::uint64_t index, const std::vector<std::uint64_t>& of_values) const {
  std::uint64_t cost = 0;
  for (const BitSite& site : fault(index).sites) cost = std::max(cost, of_values[site.values]);
  return cost;
}

std::vector<std::uint64_t> BitSet::costs() const {
  const std::vector<std::uint64_t> of_values = costs_of_values();
  std::vector<std::uint64_t> costs(drawn());
  for (std::size_t i = 0; i < drawn(); ++i) costs[i] = cost_of(i, of_values);
  return costs;
}

std::size_t BitSet::first_operator(const ValuePlace& place) const {
  const Model& model = m_workload.program->model();
  if (place.target == FaultTarget::data)
    return place.stage == Stage::network_input ? 0 : place.operator_index;
  const auto reads = [&](const Operator& op) {
    return std::ranges::find_first_of(op.inputs, place.tensors) != op.inputs.end();
  };
  return static_cast<std::size_t>(std::ranges::find_if(model.operators, reads) - model.operators.begin());
}

std::string BitSet::fault_name(std::size_t index) const {
  if (const std::uint64_t bits = bits_of(index); bits != 1) return fmt::format("{} bits", bits);
  const BitSite site = fault(index).sites.front();
  return fmt::format("{}, element {}, stored bit {}", m_values.places[site.values].label, site.element,
                     site.stored_bit);
}

// Drawn members and their strata say which faults they are; listed ones are told bit by bit.
Digest BitSet::faults_digest() const {
  DigestBuilder digest;
  m_members.add_to(digest);
  for (const RunLengthList::Run& run : m_stratum_of.runs()) {
    const std::vector<std::uint32_t> same(std::min<std::uint64_t>(run.end - run.first, 1024), run.value);
    for (std::uint64_t left = run.end - run.first; left > 0;
         left -= std::min<std::uint64_t>(left, same.size()))
      digest.add(std::as_bytes(std::span(same).first(std::min<std::uint64_t>(left, same.size()))));
  }
  for (const auto& elements : m_values.protected_elements)
    if (elements) {
      const std::uint64_t count = elements->size();
      digest.add(std::as_bytes(std::span(&count, 1)));
      digest.add(std::as_bytes(std::span(*elements)));
    }
  for (const BitFault& fault : m_listed)
    for (std::size_t k = 0; k < fault.sites.size(); ++k) {
      const std::array<std::uint64_t, 5> numbers = {
          fault.sites.size(), fault.sites[k].values, fault.sites[k].element,
          static_cast<std::uint64_t>(fault.sites[k].stored_bit), static_cast<std::uint64_t>(fault.models[k])};
      digest.add(std::as_bytes(std::span(numbers)));
    }
  return digest.digest();
}

void BitSet::take(std::uint64_t fault, std::uint64_t block, const Trial& trial) {
  m_outcomes.add(fault, trial.outcome);
  if (trial.with_protection) m_protected.add(fault, *trial.with_protection);
  const Images images = images_of(fault, block);
  for (std::size_t k = 0; k < images.count; ++k) add_image(fault, images.first + k, trial.events[k]);
}

bool BitSet::can_be(std::uint64_t, const Trial& trial) const {
  return trial.with_protection.has_value() == !m_values.protected_storage.empty();
}

// One thread's trials on the images of one golden block.
class BitSet::Trials final : public FaultSet::Executor {
 public:
  Trials(const BitSet& set, std::size_t block)
      : m_set(set),
        m_block(block),
        m_runner(set.m_workload, set.m_values, set.m_golden.propagation(), set.m_execution) {}

  Result<void> run(std::span<const TrialPlace> job, const Emit& emit) override {
    const std::size_t first = m_set.m_golden.first_image(m_block);
    const Images seen = m_set.images_of(job.front().fault, job.front().block);
    const BitRunner::Images images{*m_set.m_phase_golden, first, seen.first - first, seen.count};
    std::vector<BitFault> faults;
    for (const TrialPlace& place : job) faults.push_back(m_set.fault(place.fault));
    QFI_TRY(const std::vector<Trial> trials, m_runner.run(faults, images));
    // They are run already: all are handed over.
    for (std::size_t i = 0; i < job.size(); ++i) emit(job[i], trials[i]);
    return {};
  }

  const ExecutionTimes& times() const { return m_runner.times(); }

 private:
  const BitSet& m_set;
  std::size_t m_block;
  BitRunner m_runner;
};

Result<void> BitSet::begin_phase(std::size_t phase, unsigned threads) {
  QFI_TRY(m_phase_golden, m_golden.get(phase, threads));
  return {};
}

std::unique_ptr<FaultSet::Executor> BitSet::make_executor(std::size_t phase) {
  return std::make_unique<Trials>(*this, phase);
}

void BitSet::end_executor(Executor& executor) { m_times += static_cast<Trials&>(executor).times(); }

// What a run of the layers costs beside their images; draws at a bit error rate pack weights besides.
double BitSet::set_up_cost() const {
  constexpr double k_of_run = 1;
  constexpr double k_of_many_flips = 16;
  return m_traits.error_rates.empty() ? k_of_run : k_of_many_flips;
}

// From some faults, spread over those that are drawn, or drawn for this, on some images.
Result<double> BitSet::expected_seconds_per_fault() {
  constexpr std::uint64_t k_tried = 200;
  constexpr std::size_t k_images = 4;
  constexpr double k_most_seconds = 3;
  const std::size_t images = std::min(k_images, images_of_a_fault());
  QFI_TRY(const auto golden, m_golden.make(0, images, 1));
  BitRunner runner(m_workload, m_values, m_golden.propagation(), m_execution);
  const auto seconds_of = [&](const std::vector<BitFault>& faults, std::size_t count) -> Result<double> {
    QFI_CHECK(check_stop());
    const auto start = std::chrono::steady_clock::now();
    QFI_CHECK(runner.run(faults, {*golden, 0, 0, count}));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  constexpr std::uint64_t k_together = 10;
  std::uint64_t tried = 0;
  double of_one = 0;  // image
  double of_all = 0;
  while (tried < std::min(k_tried, drawn()) && of_one + of_all < k_most_seconds) {
    std::vector<BitFault> faults;
    for (std::uint64_t i = 0; i < k_together; ++i)
      faults.push_back(fault(random_below(m_seed, purpose::k_measure, tried++, drawn())));
    QFI_TRY(const double one, seconds_of(faults, 1));
    QFI_TRY(const double all, seconds_of(faults, images));
    of_one += one;
    of_all += all;
  }
  if (tried == 0) return 0.0;
  if (images == 1) return of_one / static_cast<double>(tried);
  const std::uint64_t blocks_of_a_fault = is_nested() ? 1 : m_golden.count();
  // Faults of many bits take long to prepare, once for each block of images.
  const double per_image = std::max(0.0, of_all - of_one) / static_cast<double>(images - 1);
  const double per_block = std::max(0.0, of_one - per_image);
  return (per_image * static_cast<double>(images_of_a_fault()) +
          per_block * static_cast<double>(blocks_of_a_fault)) /
         static_cast<double>(tried);
}

Result<void> BitSet::replay(const BitFault& fault, const GoldenActivations& golden,
                            const std::function<void(const TensorOf&)>& use) const {
  FaultyReads reads(*m_workload.program, m_values, fault, false);
  reads.begin_trials(1);
  QFI_TRY(const PreparedConstants constants, m_golden.propagation().prepare(reads.constants()));
  Propagator propagator(m_golden.propagation());
  const PropagatedFault propagated{constants, reads.data()};
  propagator.run(golden, 0, 1, {&propagated, 1}, false);
  use([&](int tensor) { return propagator.tensor(tensor, 0); });
  return {};
}

}  // namespace qfi
