// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/fault_set.hpp"

#include <algorithm>
#include <cmath>

namespace qfi {
namespace {

// Faults to draw of each stratum. Some samples are decided by what is drawn first.
class Targets {
 public:
  Targets(FaultSet& set, std::vector<Stratum>& strata, unsigned threads, std::optional<std::uint64_t>& bought)
      : m_set(set), m_strata(strata), m_threads(threads), m_bought(bought) {}

  Result<std::vector<std::uint64_t>> operator()(const SampleExhaustive&) {
    return each([](Stratum& stratum) -> Result<std::uint64_t> { return stratum.population; });
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleMargin& sample) {
    const bool finds_p =
        sample.scheme == SampleScheme::data_aware || sample.scheme == SampleScheme::data_aware_weights;
    return each([&](Stratum& stratum) -> Result<std::uint64_t> {
      if (!finds_p) stratum.p = sample.p;
      stratum.size = sample_size(stratum.population, sample.margin, sample.t, stratum.p, sample.rounding);
      return stratum.size->rounded;
    });
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleCount& sample) {
    return each([&](Stratum& stratum) -> Result<std::uint64_t> {
      if (stratum.is_drawn_with_replacement) return sample.count;
      if (sample.count > stratum.population && sample.small == SmallStrata::error)
        return bad_input(
            "sample: {} faults asked for, the population has {}{}", sample.count, stratum.population,
            m_strata.size() > 1
                ? fmt::format(" in the stratum '{}'; 'small: exhaustive' takes all of such strata",
                              stratum.label)
                : "");
      return std::min(sample.count, stratum.population);
    });
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleList&) {
    return std::vector<std::uint64_t>{m_set.drawn()};
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleErrorRate& sample) {
    return each([&](Stratum&) -> Result<std::uint64_t> { return sample.draws; });
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleSequential& sample) {
    if (sample.maximum != 0 && sample.maximum < m_strata.size())
      return bad_input("sample: a maximum of {} faults, fewer than the {} strata", sample.maximum,
                       m_strata.size());
    return spread(m_set, sample.minimum);
  }
  Result<std::vector<std::uint64_t>> operator()(const SampleGenetic& sample) {
    return std::vector<std::uint64_t>{sample.population};
  }
  // Some faults are drawn to be measured: a longer draw begins with them.
  Result<std::vector<std::uint64_t>> operator()(const SampleBudget& sample) {
    constexpr std::uint64_t k_measured = 200;
    QFI_CHECK(m_set.draw(spread(m_set, k_measured), m_threads));
    if (!m_bought) {
      QFI_TRY(const double seconds, m_set.expected_seconds_per_fault());
      const double bought = sample.seconds * m_threads / std::max(seconds, 1e-9);
      const auto population = static_cast<double>(m_set.population());
      m_bought = static_cast<std::uint64_t>(std::clamp(bought, 2.0, population));
    }
    return spread(m_set, *m_bought);
  }

 private:
  template <class Use>
  Result<std::vector<std::uint64_t>> each(const Use& use) {
    std::vector<std::uint64_t> targets;
    for (Stratum& stratum : m_strata) {
      QFI_TRY(targets.emplace_back(), use(stratum));
    }
    return targets;
  }

  FaultSet& m_set;
  std::vector<Stratum>& m_strata;
  unsigned m_threads;
  std::optional<std::uint64_t>& m_bought;  ///< known from an earlier run, or found out
};

}  // namespace

FaultSet::FaultSet(const Workload& workload, FaultsConfig config, Design design)
    : m_workload(workload), m_config(std::move(config)), m_design(design) {
  for (const FaultCounts& counts : workload.golden.of_image) m_golden_events.emplace_back(counts);
}

Result<void> FaultSet::draw_sample(unsigned threads, std::optional<std::uint64_t> bought) {
  m_bought = bought;
  QFI_TRY(const std::vector<std::uint64_t> targets,
          std::visit(Targets(*this, m_strata, threads, m_bought), m_config.sample));
  return draw(targets, threads);
}

Result<FaultSet::Done> FaultSet::take_recorded(const RunParams& params, std::uint64_t first,
                                               std::uint64_t blocks, const Take& take) const {
  Done done(first, drawn(), blocks);
  if (params.journal == nullptr) return done;
  const auto damaged = [&] {
    return bad_input("{}: damaged (a trial that does not fit); move it away, or begin anew with --restart",
                     params.journal->file().string());
  };
  QFI_CHECK(params.journal->read(params.set, first, drawn(), [&](TrialRow&& row) -> Result<void> {
    if (row.key.block >= blocks || row.counts.size() != k_count_fields.size()) return damaged();
    const Images images = images_of(row.key.fault, row.key.block);
    const FaultCounts counts = counts_of_numbers(row.counts);
    if (counts.images != images.count) return damaged();
    const auto trial =
        decode_details(row.details, counts, std::span(m_golden_events).subspan(images.first, images.count));
    if (!trial || !is_plausible(*trial, images)) return damaged();
    take(row.key.fault, row.key.block, *trial);
    done.at(row.key.fault, row.key.block) = true;
    return {};
  }));
  return done;
}

// What no trial of these images can count differently.
bool FaultSet::is_plausible(const Trial& trial, const Images& images) const {
  FaultCounts golden;
  for (std::size_t i = 0; i < images.count; ++i) golden += m_workload.golden.of_image[images.first + i];
  const auto operators = static_cast<int>(m_workload.program->model().operators.size());
  const auto fits = [&](const BitOutcome& outcome) {
    const FaultCounts& counts = outcome.counts;
    for (const CountField& field : k_count_fields)
      if (counts.*field.value > counts.units) return false;
    for (const auto& [index, ignored] : outcome.equal_after)
      if (index >= operators) return false;
    return counts.images == images.count && counts.units == golden.units &&
           counts.labelled == golden.labelled && counts.golden_correct == golden.golden_correct &&
           counts.confusion.classes() <= ConfusionMatrix::k_max_classes &&
           (m_workload.task == Task::segmentation || counts.confusion.classes() == 0) &&
           counts.output_identical <= counts.images && counts.nan + counts.infinity <= counts.images;
  };
  std::uint64_t changed = 0, correct = 0;
  for (const ImageEvents& events : trial.events) {
    changed += events.changed;
    correct += events.correct;
  }
  return fits(trial.outcome) && (!trial.with_protection || fits(*trial.with_protection)) &&
         changed == trial.outcome.counts.changed && correct == trial.outcome.counts.faulty_correct;
}

void FaultSet::record(const RunParams& params, std::uint64_t fault, std::uint64_t block,
                      const Trial& trial) const {
  if (params.journal == nullptr) return;
  const Images images = images_of(fault, block);
  params.journal->add(
      {{params.set, fault, block},
       fault_name(fault),
       count_numbers(trial.outcome.counts),
       encode_details(trial, std::span(m_golden_events).subspan(images.first, images.count))});
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

SampleScheme scheme_of(const SampleConfig& sample) {
  return std::visit(
      [](const auto& chosen) {
        if constexpr (requires { chosen.scheme; }) return chosen.scheme;
        else return SampleScheme::network;
      },
      sample);
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
}

}  // namespace qfi
