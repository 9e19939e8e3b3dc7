// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/pilot.hpp"

#include <algorithm>
#include <cmath>

namespace qfi {
namespace {

constexpr std::uint64_t k_pilot_faults = 64;
constexpr std::uint64_t k_pilot_images = 16;
constexpr std::uint64_t k_most_images = 64;

// Weighted as the strata are, of which each has some of the faults.
PilotFacts facts_of(const FaultSet& set, std::uint64_t images) {
  PilotFacts facts{set.drawn(), images, 0, 0, set.set_up_cost()};
  double weights = 0, sum = 0, squares = 0, within = 0;
  for (std::uint64_t fault = 0; fault < set.drawn(); ++fault) {
    const Stratum& stratum = set.strata()[set.stratum_of(fault)];
    const double weight = static_cast<double>(stratum.population) / static_cast<double>(stratum.drawn);
    const FaultCounts counts = set.counts_of(fault);
    const double share = static_cast<double>(counts.changed) / static_cast<double>(counts.units);
    weights += weight;
    sum += weight * share;
    squares += weight * share * share;
    within += weight * share * (1.0 - share);
  }
  const auto of_fault = static_cast<double>(images);
  const double mean = sum / weights;
  facts.within_variance = within / weights * of_fault / std::max(of_fault - 1.0, 1.0);
  facts.between_variance = std::max(0.0, squares / weights - mean * mean - facts.within_variance / of_fault);
  return facts;
}

}  // namespace

std::uint64_t best_images_of_a_fault(const PilotFacts& facts, std::span<const std::uint64_t> possible) {
  // Where nothing was seen to change, a change is taken to be as much the fault's as the image's.
  double ratio = 1.0;
  if (facts.between_variance > 0) ratio = facts.within_variance / facts.between_variance;
  else if (facts.within_variance > 0) return possible.back();
  const double best = std::sqrt(facts.set_up_cost * ratio);
  const auto distance = [best](std::uint64_t images) {
    return std::abs(std::log(static_cast<double>(images) / std::max(best, 1.0)));
  };
  return *std::ranges::min_element(possible, {}, distance);
}

Result<std::optional<PilotFacts>> choose_images_of_a_fault(FaultSet& set, unsigned threads) {
  std::vector<std::uint64_t> possible = set.possible_images_of_a_fault();
  if (possible.empty()) return bad_input("design: nested needs at least 2 images");
  const FaultCounts& golden = set.workload().golden.counts;
  if (golden.units != golden.images)
    return bad_input("design: nested: auto is for one class of an image; say how many images a fault meets");
  std::erase_if(possible, [](std::uint64_t images) { return images > k_most_images; });
  if (possible.size() == 1) {
    QFI_CHECK(set.set_images_of_a_fault(1));
    return std::nullopt;
  }
  const auto after = std::ranges::upper_bound(possible, k_pilot_images);
  const std::uint64_t images = after == possible.begin() + 1 ? possible[1] : *(after - 1);
  QFI_CHECK(set.set_images_of_a_fault(images));
  QFI_CHECK(set.draw(spread(set, k_pilot_faults), threads));
  RunParams params;
  params.threads = threads;
  QFI_CHECK(set.run(params));
  const PilotFacts facts = facts_of(set, images);
  QFI_CHECK(set.set_images_of_a_fault(best_images_of_a_fault(facts, possible)));
  return facts;
}

}  // namespace qfi
