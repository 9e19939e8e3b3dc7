// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/bit_set.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <mutex>

#include "bit_runner.hpp"
#include "qfi/base/parallel.hpp"
#include "qfi/base/random.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_most_faults = 16'000'000;          // about 200 bytes each
constexpr std::uint64_t k_endless = std::uint64_t{1} << 62;  // a population that draws do not exhaust
constexpr std::uint64_t k_most_flips = 500'000'000;          // of all drawn faults

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

std::string label_of(const BitStratum& stratum, const BitPopulation& values) {
  if (stratum.bit)
    return fmt::format("{}, bit {}", values.places[stratum.parts.front().values].label, *stratum.bit);
  if (stratum.layer) return fmt::format("operator {}", *stratum.layer);
  return "network";
}

// Ways to choose k of n bits, each with one of `models` faults; k_endless where they are more.
std::uint64_t count_sets(std::uint64_t n, std::uint64_t k, std::uint64_t models) {
  unsigned __int128 ways = 1;
  for (std::uint64_t i = 0; i < k; ++i) {
    ways = ways * (n - i) / (i + 1);
    if (ways > k_endless) return k_endless;
  }
  for (std::uint64_t i = 0; i < k; ++i) {
    ways *= models;
    if (ways > k_endless) return k_endless;
  }
  return static_cast<std::uint64_t>(ways);
}

std::uint64_t most_of(const Stratum& stratum, std::uint64_t target) {
  return stratum.is_drawn_with_replacement ? target : std::min(target, stratum.population);
}

}  // namespace

BitSet::BitSet(const Workload& workload, GoldenBlocks& golden, const CampaignConfig& config,
               std::size_t index, std::uint64_t seed)
    : FaultSet(workload, config.faults[index], config.design), m_golden(golden), m_seed(seed) {}
BitSet::~BitSet() = default;

Result<std::unique_ptr<BitSet>> BitSet::make(const Workload& workload, GoldenBlocks& golden,
                                             const CampaignConfig& config, std::size_t index,
                                             std::uint64_t seed) {
  auto set = std::unique_ptr<BitSet>(new BitSet(workload, golden, config, index, seed));
  const SampleConfig& sample = set->m_config.sample;
  QFI_TRY(set->m_values, find_population(*workload.program, set->fault_config(), scheme_of(sample)));
  QFI_CHECK(set->make_strata(scheme_of(sample)));
  if (const auto* list = std::get_if<SampleList>(&sample)) {
    QFI_TRY(set->m_listed, read_bit_fault_list(list->file.path, workload.program->model(), set->m_values,
                                               set->fault_config().models));
    for (std::size_t i = 0; i < set->m_listed.size(); ++i) {
      if (!set->is_paired()) set->add_fault(0, {}, 0);
      for (std::size_t image = 0; set->is_paired() && image < workload.images(); ++image)
        set->add_fault(0, {}, image);
    }
    set->m_strata.front().drawn = set->m_listed.size();
    QFI_CHECK(set->draw({0}, 1));  // no more than those
  }
  return set;
}

Result<void> BitSet::make_strata(SampleScheme scheme) {
  std::vector<BitStratum> strata = make_bit_strata(m_values.stored, bit_scheme(scheme), fault_config().bits);
  if (strata.empty()) return bad_input("the values have none of these bits");
  if (const auto* errors = std::get_if<SampleErrorRate>(&m_config.sample)) {
    for (const double rate : errors->rates) {
      add_stratum(strata.front(), fmt::format("bit error rate {}", rate));
      m_strata.back().population = k_endless;
      m_strata.back().is_drawn_with_replacement = true;
      m_strata.back().error_rate = rate;
    }
    return {};
  }
  for (BitStratum& stratum : strata) {
    std::string label = label_of(stratum, m_values);
    add_stratum(std::move(stratum), std::move(label));
    if (m_strata.back().population == 0)
      return bad_input("{} faults at once of {} bits", fault_config().simultaneous,
                       m_bit_strata.back().population());
  }
  return {};
}

void BitSet::add_stratum(BitStratum bits, std::string label) {
  Stratum& stratum = m_strata.emplace_back();
  stratum.label = std::move(label);
  stratum.p = bits.p;
  stratum.layer = bits.layer;
  stratum.bit = bits.bit;
  const std::uint64_t models = fault_config().models.size();
  const std::uint64_t together = fault_config().simultaneous;
  stratum.is_drawn_with_replacement = together > 1;
  stratum.population = together > bits.population() ? 0 : count_sets(bits.population(), together, models);
  for (auto* sums : {&stratum.changed, &stratum.correct, &stratum.top5}) sums->assign(m_workload.images(), 0);
  m_bit_strata.push_back(std::move(bits));
}

void BitSet::add_fault(std::size_t stratum, std::vector<std::uint64_t> members, std::size_t image) {
  m_members.insert(m_members.end(), members.begin(), members.end());
  m_first_member.push_back(m_members.size());
  m_stratum_of.push_back(static_cast<std::uint32_t>(stratum));
  if (is_paired()) m_image_of.push_back(static_cast<std::uint32_t>(image));
}

// Faults from .. to-1 of a stratum; paired: of an image.
void BitSet::draw_faults(std::size_t index, std::uint64_t from, std::uint64_t to, std::size_t image) {
  const BitStratum& bits = m_bit_strata[index];
  const std::uint64_t models = fault_config().models.size();
  std::string purpose = "stratum " + std::to_string(index);
  if (is_paired()) purpose += " image " + std::to_string(m_workload.data.indices()[image]);
  if (const auto* errors = std::get_if<SampleErrorRate>(&m_config.sample)) {
    const std::uint64_t seed = random_bits(m_seed, purpose, 0);
    for (std::uint64_t i = from; i < to; ++i)
      add_fault(index, draw_bit_errors(bits.population(), *m_strata[index].error_rate, errors->how, i, seed),
                image);
  } else if (fault_config().simultaneous > 1) {
    for (std::uint64_t i = from; i < to; ++i) {
      const std::string set = purpose + " set " + std::to_string(i);
      auto members = draw_without_replacement(bits.population(), fault_config().simultaneous, m_seed, set);
      for (std::size_t k = 0; k < members.size(); ++k)
        members[k] = members[k] * models + random_below(m_seed, set + " model", k, models);
      add_fault(index, std::move(members), image);
    }
  } else if (to == m_strata[index].population && from == 0) {  // in order
    for (std::uint64_t member = 0; member < to; ++member) add_fault(index, {member}, image);
  } else {
    const auto members = draw_without_replacement(m_strata[index].population, to, m_seed, purpose);
    for (std::uint64_t i = from; i < to; ++i) add_fault(index, {members[i]}, image);
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

std::vector<Individual> BitSet::individuals(std::size_t first) const {
  std::vector<Individual> result;
  for (std::size_t i = first; i < drawn(); ++i) {
    const FaultCounts counts = counts_of(i);
    const auto lost = static_cast<double>(counts.golden_correct) - static_cast<double>(counts.faulty_correct);
    result.push_back({{m_members.begin() + static_cast<std::ptrdiff_t>(m_first_member[i]),
                       m_members.begin() + static_cast<std::ptrdiff_t>(m_first_member[i + 1])},
                      lost / static_cast<double>(counts.labelled)});
  }
  return result;
}

// Whole generations; what is drawn was run.
Result<void> BitSet::draw_generations(const SampleGenetic& sample, std::uint64_t target) {
  const std::vector<LayerBits> layers = layer_bits();
  if (sample.flips > m_bit_strata.front().population() / 2)
    return bad_input("sample: {} flips at once of {} bits; a search needs twice as many", sample.flips,
                     m_bit_strata.front().population());
  const double most = static_cast<double>(sample.population) * static_cast<double>(sample.generations);
  if (most > static_cast<double>(k_most_faults))
    return bad_input("sample: {:.0f} individuals in all generations; at most {} can be drawn", most,
                     k_most_faults);
  if (most * static_cast<double>(sample.flips) > static_cast<double>(k_most_flips))
    return bad_input("sample: {:.0f} flips in all generations; at most {} are possible",
                     most * static_cast<double>(sample.flips), k_most_flips);
  while (drawn() < target) {
    const std::uint64_t number = drawn() / sample.population;
    for (Genome& genome : number == 0 ? first_generation(layers, sample, m_seed)
                                      : next_generation(layers, sample, m_seed, number, individuals()))
      add_fault(0, std::move(genome), 0);
  }
  m_strata.front().drawn = drawn();
  m_outcomes.resize(drawn());
  return {};
}

Result<void> BitSet::draw(const std::vector<std::uint64_t>& targets, unsigned) {
  if (const auto* search = std::get_if<SampleGenetic>(&m_config.sample))
    return draw_generations(*search, targets[0]);
  const std::uint64_t images = !m_listed.empty() ? 0 : is_paired() ? m_workload.images() : 1;
  double faults = static_cast<double>(drawn());
  double flips = static_cast<double>(m_members.size());
  for (std::size_t h = 0; h < m_strata.size(); ++h) {
    const std::uint64_t target = most_of(m_strata[h], targets[h]);
    const double added =
        static_cast<double>(target - std::min(target, m_strata[h].drawn)) * static_cast<double>(images);
    faults += added;
    flips += added * (m_strata[h].error_rate
                          ? *m_strata[h].error_rate * static_cast<double>(m_bit_strata[h].population())
                          : static_cast<double>(fault_config().simultaneous));
  }
  if (faults > static_cast<double>(k_most_faults))
    return bad_input("sample: {:.0f} faults; at most {} can be drawn", faults, k_most_faults);
  if (flips > static_cast<double>(k_most_flips))
    return bad_input("sample: {:.0f} flips in all draws; at most {} are possible", flips, k_most_flips);
  for (std::size_t image = 0; image < images; ++image)
    for (std::size_t h = 0; h < m_strata.size(); ++h) {
      const std::uint64_t target = most_of(m_strata[h], targets[h]);
      if (target > m_strata[h].drawn) draw_faults(h, m_strata[h].drawn, target, image);
    }
  for (std::size_t h = 0; h < m_strata.size() && m_listed.empty(); ++h)
    m_strata[h].drawn = std::max(m_strata[h].drawn, most_of(m_strata[h], targets[h]));
  m_outcomes.resize(m_stratum_of.size());
  if (!m_values.protected_storage.empty()) m_protected.resize(m_stratum_of.size());
  return {};
}

BitFault BitSet::fault(std::size_t index) const {
  if (!m_listed.empty()) return m_listed[is_paired() ? index / m_workload.images() : index];
  const BitStratum& bits = m_bit_strata[m_stratum_of[index]];
  const std::vector<BitFaultModel>& models = fault_config().models;
  BitFault fault;
  for (std::uint64_t i = m_first_member[index]; i < m_first_member[index + 1]; ++i) {
    fault.sites.push_back(bit_member(m_values.stored, bits, m_members[i] / models.size()));
    fault.models.push_back(models[m_members[i] % models.size()]);
  }
  return fault;
}

std::uint64_t BitSet::bits_of(std::size_t fault) const {
  return m_listed.empty() ? m_first_member[fault + 1] - m_first_member[fault]
                          : this->fault(fault).sites.size();
}

// Faults that run together: some neighbours; paired, of one image.
std::vector<std::span<const std::size_t>> BitSet::chunks(std::span<const std::size_t> faults) const {
  constexpr std::size_t k_together = 16;
  constexpr std::uint64_t k_few_bits = 16;
  std::vector<std::span<const std::size_t>> result;
  for (std::size_t begin = 0; begin < faults.size();) {
    std::size_t end = begin + 1;
    while (end < faults.size() && end - begin < k_together && bits_of(faults[begin]) <= k_few_bits &&
           (!is_paired() || m_image_of[faults[end]] == m_image_of[faults[begin]]))
      ++end;
    result.push_back(faults.subspan(begin, end - begin));
    begin = end;
  }
  return result;
}

FaultSet::Images BitSet::images_of(std::uint64_t fault, std::uint64_t block) const {
  if (is_paired()) return {m_image_of[fault], 1};
  return {m_golden.first_image(block), m_golden.images(block)};
}

// Multiplications from the first operator on that a fault reaches.
std::vector<std::uint64_t> BitSet::costs() const {
  const Program& program = *m_workload.program;
  const std::vector<Operator>& operators = program.model().operators;
  std::vector<std::uint64_t> from(operators.size() + 1, 1);
  for (std::size_t i = operators.size(); i-- > 0;) from[i] = from[i + 1] + program.multiplications(i);
  std::vector<std::uint64_t> of_values;
  for (const ValuePlace& place : m_values.places) of_values.push_back(from[first_operator(place)]);
  std::vector<std::uint64_t> costs(drawn());
  for (std::size_t i = 0; i < drawn(); ++i)
    for (const BitSite& site : fault(i).sites) costs[i] = std::max(costs[i], of_values[site.values]);
  return costs;
}

std::size_t BitSet::first_operator(const ValuePlace& place) const {
  const Model& model = m_workload.program->model();
  if (place.target == FaultTarget::data)
    return place.stage == Stage::network_input ? 0 : place.operator_index;
  const auto reads = [&](const Operator& op) {
    return std::ranges::find(op.inputs, place.tensor) != op.inputs.end();
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
  digest.add(std::as_bytes(std::span(m_members)));
  digest.add(std::as_bytes(std::span(m_first_member)));
  digest.add(std::as_bytes(std::span(m_stratum_of)));
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

Result<void> BitSet::run_faults(const std::vector<std::size_t>& faults, std::size_t block,
                                const GoldenActivations& golden, const RunParams& params,
                                const std::function<void(const Trial&)>& progress) {
  std::vector<std::unique_ptr<BitRunner>> runners(params.threads);
  std::vector<Result<void>> failures(params.threads);
  std::mutex lock;
  const auto together = chunks(faults);
  parallel_for(together.size(), params.threads, [&](std::size_t c, unsigned worker) {
    if (!failures[worker] || is_stopped(params)) return;
    if (!runners[worker])
      runners[worker] =
          std::make_unique<BitRunner>(m_workload, m_values, m_golden.propagation(), m_execution);
    const std::size_t first = m_golden.first_image(block);
    const std::size_t from = is_paired() ? m_image_of[together[c].front()] - first : 0;
    const BitRunner::Images images{golden, first, from, is_paired() ? 1 : m_golden.images(block)};
    std::vector<BitFault> chunk;
    for (const std::size_t index : together[c]) chunk.push_back(fault(index));
    auto trials = runners[worker]->run(chunk, images);
    if (!trials) {
      failures[worker] = tl::unexpected(trials.error());
      return;
    }
    for (std::size_t i = 0; i < chunk.size(); ++i)
      record(params, together[c][i], is_paired() ? 0 : block, (*trials)[i]);
    const std::scoped_lock guard(lock);
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      take(together[c][i], block, (*trials)[i]);
      m_inferences += images.count;
      progress((*trials)[i]);
    }
  });
  for (const Result<void>& failure : failures) QFI_CHECK(failure);
  for (const auto& runner : runners)
    if (runner) m_times += runner->times();
  return check_run(params);
}

Result<void> BitSet::run(const RunParams& params) {
  const auto start = std::chrono::steady_clock::now();
  const FaultRange shard = faults_of_shard(*this, params.shard);
  const bool has_protection = !m_values.protected_storage.empty();
  const std::size_t blocks = is_paired() ? 1 : m_golden.count();  // of a fault
  bool fits = true;
  ProgressCounter counter(blocks);
  QFI_TRY(Done done, take_recorded(params, m_run_faults, blocks,
                                   [&](std::uint64_t fault, std::uint64_t block, const Trial& trial) {
                                     fits = fits && trial.with_protection.has_value() == has_protection;
                                     if (!fits) return;
                                     take(fault, block, trial);
                                     counter.add(trial);
                                   }));
  if (!fits) return bad_input("{}: damaged (a trial that does not fit)", params.journal->file().string());
  const auto missing_of = [&](std::size_t block) {
    std::vector<std::size_t> faults;
    for (std::size_t i = std::max(m_run_faults, shard.first); i < shard.end; ++i)
      if (is_paired() ? m_golden.block_of(m_image_of[i]) == block && !done.at(i, 0) : !done.at(i, block))
        faults.push_back(i);
    return faults;
  };
  std::uint64_t missing = 0;
  for (std::size_t block = 0; block < m_golden.count(); ++block) missing += missing_of(block).size();
  if (params.only_recorded && missing > 0) return missing_trials(missing);
  counter.begin(missing);
  if (params.progress) params.progress(counter.state());
  for (std::size_t block = 0; block < m_golden.count(); ++block) {
    const std::vector<std::size_t> faults = missing_of(block);
    if (faults.empty()) continue;
    QFI_TRY(const GoldenActivations* golden, m_golden.get(block, params.threads));
    QFI_CHECK(run_faults(faults, block, *golden, params, [&](const Trial& trial) {
      counter.add(trial);
      if (params.progress) params.progress(counter.state());
    }));
  }
  m_run_faults = drawn();
  m_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {};
}

// From some faults, spread over those that are drawn, or drawn for this, on some images.
Result<double> BitSet::expected_seconds_per_fault() {
  constexpr std::uint64_t k_tried = 200;
  constexpr std::size_t k_images = 4;
  constexpr double k_most_seconds = 3;
  const std::size_t images = is_paired() ? 1 : std::min(k_images, m_workload.images());
  QFI_TRY(const auto golden, m_golden.make(0, images, 1));
  BitRunner runner(m_workload, m_values, m_golden.propagation(), m_execution);
  const auto seconds_of = [&](const std::vector<BitFault>& faults, std::size_t count) -> Result<double> {
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
      faults.push_back(fault(random_below(m_seed, "measure", tried++, drawn())));
    QFI_TRY(const double one, seconds_of(faults, 1));
    QFI_TRY(const double all, seconds_of(faults, images));
    of_one += one;
    of_all += all;
  }
  if (tried == 0) return 0.0;
  if (images == 1) return of_one / static_cast<double>(tried);
  // Faults of many bits take long to prepare, once for each block of images.
  const double per_image = std::max(0.0, of_all - of_one) / static_cast<double>(images - 1);
  const double per_block = std::max(0.0, of_one - per_image);
  return (per_image * static_cast<double>(m_workload.images()) +
          per_block * static_cast<double>(m_golden.count())) /
         static_cast<double>(tried);
}

Result<void> BitSet::replay(const BitFault& fault, const GoldenActivations& golden,
                            const std::function<void(const TensorOf&)>& use) const {
  const FaultyReads reads(*m_workload.program, m_values, fault, false);
  QFI_TRY(const PreparedConstants constants, m_golden.propagation().prepare(reads.constants()));
  Propagator propagator(m_golden.propagation());
  propagator.run(golden, 0, constants, reads.data(), false);
  use([&](int tensor) { return propagator.tensor(tensor); });
  return {};
}

}  // namespace qfi
