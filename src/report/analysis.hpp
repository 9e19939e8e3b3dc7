// SPDX-License-Identifier: Apache-2.0
// What a report works out from results and the faults that they record.
#pragma once

#include <string>
#include <vector>

#include "qfi/results/results_file.hpp"

namespace qfi {

/// An estimate as it is rendered.
struct EstimateView {
  double value = 0;
  std::optional<Interval> interval;               ///< faults sampled, images fixed
  std::optional<Interval> image_population = {};  ///< faults and images sampled
  std::size_t rows = 1;                           ///< of a table whose intervals hold together

  EstimateView() = default;
  EstimateView(double estimate, std::optional<Interval> these_images)
      : value(estimate), interval(these_images) {}
  EstimateView(const SampledMean& mean)
      : value(mean.mean), interval(mean.these_images), image_population(mean.image_population) {}
  EstimateView(const FaultShare& share) : value(share.share), interval(share.interval) {}
  EstimateView(const DomainResults& domain) : value(domain.changed_share), interval(domain.interval) {}
};

/// The estimates of a set: of the whole, without a name, or of each of its bit error rates by their labels.
struct NamedEstimates {
  std::string name;
  const Estimates* estimates;
};
std::vector<NamedEstimates> estimates_of(const SetResults& set);

/// What stands for a campaign where there is room for one metric: accuracy under faults, or without labels
/// the share of classes that change. Its name is as tables have it.
const SampledMean& headline(const Estimates& estimates);
const char* headline_name(const CampaignResults& results);

/// How much accuracy collapsed faults keep.
inline constexpr const char* k_collapse_meaning = "accuracy at most twice chance, of two classes 75 %";

/// Faults of a stratum, in a paired design pairs of fault and image; nullopt: a bit error rate, of which
/// there is no end.
std::optional<double> population_of(const SetResults& set, const StratumResults& stratum);
double population_of(const SetResults& set, const DomainResults& domain);

/// That of the run that a set's faults are counted against, which is its own where its multiplier is not
/// exact; nullopt: no labels.
std::optional<double> golden_accuracy(const CampaignResults& results, const SetResults& set);

/// What a critical fault does: "some images change their class".
std::string critical_meaning(const CampaignResults& results);

/// What the interval on images like these assumes, where the first images of the data were taken; empty
/// otherwise.
std::string selection_note(const CampaignResults& results);

/// "operator 3"; of data "operator 3, accumulator" or "network input". Precondition: a row by layer.
std::string place_name(const DomainResults& domain);

/// That a set's multiplier is not exact, and what its faults are counted against; empty: it is exact.
std::string approximate_sentence(const CampaignResults& results, const SetResults& set);

/// The share of a part; 0 where there is no whole.
double share_of(std::uint64_t part, std::uint64_t whole);

/// The headline of a growing, random part of each stratum's faults; the last is the campaign's estimate.
/// Empty: no faults, or of bit error rates.
struct EstimateSoFar {
  std::uint64_t faults = 0;
  EstimateView mean;
};
std::vector<EstimateSoFar> convergence(const CampaignResults& results, const SetResults& set,
                                       const SetFaults& faults);

/// What hardening removes, worst first: cumulated shares of what is hardened (sites of which both faults were
/// drawn, or stored bits by layer and bit) and of the changed classes that go with it. From (0, 0) to (1, 1);
/// empty: too few faults to tell, or nothing changes. Of a sample of bits one half of a cell's faults
/// chooses, the other says what is removed: judged by what chose them, cells that chance made look bad would
/// seem worth it.
struct Hardened {
  double cost = 0;
  double removed = 0;
};
std::vector<Hardened> hardening(const SetResults& set, const SetFaults& faults);

}  // namespace qfi
