// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/fault_set.hpp"

#include <algorithm>

#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"

namespace qfi {

FaultSet::FaultSet(const Workload& workload, FaultsConfig config, const Design& design, std::uint64_t seed)
    : m_workload(workload),
      m_config(std::move(config)),
      m_traits(traits_of(m_config.sample)),
      m_design(design),
      m_seed(seed) {
  for (const FaultCounts& counts : workload.golden.of_image) m_golden_events.emplace_back(counts);
}

void FaultSet::set_size(std::size_t stratum, double p, const SampleSize& size) {
  m_strata[stratum].p = p;
  m_strata[stratum].size = size;
}

Result<void> FaultSet::add_chosen(std::vector<std::vector<std::uint64_t>>) {
  return bad_input("a genetic search is for faults of stored bits");
}

std::vector<std::uint64_t> FaultSet::members(std::uint64_t population, std::uint64_t from, std::uint64_t to,
                                             std::string_view stream) const {
  std::vector<std::uint64_t> members;
  if (m_traits.is_exhaustive && !is_nested()) {
    for (std::uint64_t i = from; i < to; ++i) members.push_back(i);
    return members;
  }
  members = draw_without_replacement(population, to, m_seed, stream);
  members.erase(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(from));
  return members;
}

Stratum& FaultSet::add_stratum(std::string label, std::uint64_t population) {
  Stratum& stratum = m_strata.emplace_back();
  stratum.label = std::move(label);
  stratum.population = population;
  clear_sums(stratum);
  return stratum;
}

void FaultSet::clear_sums(Stratum& stratum) const {
  stratum.drawn = 0;
  for (auto* sums : {&stratum.changed, &stratum.correct, &stratum.top5, &stratum.faults_of_image})
    sums->assign(m_workload.images(), 0);
}

std::size_t FaultSet::images_of_a_fault() const {
  if (is_paired()) return 1;
  return is_nested() ? m_design.nested_images().value_or(1) : m_workload.images();
}

std::vector<std::uint64_t> FaultSet::possible_images_of_a_fault() const {
  std::vector<std::uint64_t> possible;
  for (std::uint64_t images = 1; images <= m_workload.images() / 2; ++images)
    if (m_workload.images() % images == 0) possible.push_back(images);
  return possible;
}

Result<void> FaultSet::set_images_of_a_fault(std::size_t images) {
  const std::vector<std::uint64_t> possible = possible_images_of_a_fault();
  if (std::ranges::find(possible, images) == possible.end())
    return bad_input("design: {} images cannot be divided into groups of {}, at least two; nested: {}",
                     m_workload.images(), images, fmt::join(possible, ", "));
  m_design.kind = DesignNested{images};
  for (Stratum& stratum : m_strata) clear_sums(stratum);
  m_stratum_of = {};
  m_group_of.clear();
  m_turns.clear();
  m_run_faults = m_inferences = 0;
  m_seconds = 0;
  forget_faults();
  return {};
}

// The groups take turns in random order, a new one each time: faults may stand in the order of their kinds.
void FaultSet::add_drawn(std::size_t stratum) {
  m_stratum_of.add(static_cast<std::uint32_t>(stratum));
  if (!is_nested()) return;
  if (m_turns.size() <= stratum) m_turns.resize(stratum + 1);
  Turn& turn = m_turns[stratum];
  if (turn.groups.empty())
    turn.groups = draw_without_replacement(image_groups(), image_groups(), m_seed,
                                           purpose::image_groups(stratum, turn.number++));
  m_group_of.push_back(static_cast<std::uint32_t>(turn.groups.back()));
  turn.groups.pop_back();
}

BlockRange FaultSet::blocks_of(std::uint64_t fault, std::size_t block_images) const {
  const Images images = group(group_of(fault));
  return {images.first / block_images, (images.end() - 1) / block_images + 1};
}

FaultSet::Images FaultSet::images_in(std::uint64_t fault, const Images& block) const {
  const Images images = group(group_of(fault));
  const std::size_t first = std::max(images.first, block.first);
  return {first, std::max(first, std::min(images.end(), block.end())) - first};
}

std::uint64_t FaultSet::population() const {
  constexpr std::uint64_t k_most = std::uint64_t{1} << 62;
  std::uint64_t sum = 0;
  for (const Stratum& stratum : m_strata) sum = std::min(k_most, sum + std::min(k_most, stratum.population));
  return sum;
}

void FaultSet::add_image(std::size_t fault, std::size_t image, const ImageEvents& events) {
  Stratum& stratum = m_strata[m_stratum_of[fault]];
  stratum.changed[image] += events.changed;
  stratum.correct[image] += events.correct;
  stratum.top5[image] += events.top5;
  ++stratum.faults_of_image[image];
}

// Shard i takes the faults before which i-1 .. i of `count` parts of all cost lie.
std::vector<FaultRange> faults_of_shards(const FaultSet& set, std::uint64_t count) {
  if (count == 1) return {{0, set.drawn()}};
  const std::vector<std::uint64_t> costs = set.costs();
  unsigned __int128 all = 0;
  for (const std::uint64_t cost : costs) all += cost;
  std::vector<FaultRange> ranges;
  unsigned __int128 before = 0;
  for (std::uint64_t i = 0; i < costs.size(); ++i) {
    while (ranges.size() < count && before * count >= all * ranges.size())
      ranges.push_back({i, costs.size()});
    before += costs[i];
  }
  ranges.resize(count, {costs.size(), costs.size()});
  for (std::uint64_t k = 0; k + 1 < count; ++k) ranges[k].end = ranges[k + 1].first;
  return ranges;
}

FaultRange faults_of_shard(const FaultSet& set, const Shard& shard) {
  return faults_of_shards(set, shard.count)[shard.index - 1];
}

std::vector<std::uint64_t> spread(const FaultSet& set, std::uint64_t total) {
  double population = 0;
  for (const Stratum& stratum : set.strata()) population += static_cast<double>(stratum.population);
  std::vector<std::uint64_t> targets;
  std::vector<std::pair<double, std::size_t>> rests;  // what rounding down took, largest first
  std::uint64_t sum = 0;
  for (std::size_t h = 0; h < set.strata().size(); ++h) {
    const Stratum& stratum = set.strata()[h];
    const double share = static_cast<double>(total) * (static_cast<double>(stratum.population) / population);
    const auto target = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(share), 1, stratum.population);
    targets.push_back(target);
    rests.emplace_back(static_cast<double>(target) - share, h);
    sum += target;
  }
  std::ranges::sort(rests);
  for (bool grows = true; sum < total && grows;) {
    grows = false;
    for (const auto& [rest, h] : rests)
      if (sum < total && targets[h] < set.strata()[h].population) {
        ++targets[h];
        ++sum;
        grows = true;
      }
  }
  return targets;
}

}  // namespace qfi
