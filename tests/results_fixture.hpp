// SPDX-License-Identifier: Apache-2.0
// Small results of campaigns, made by hand.
#pragma once

#include "qfi/results/results_file.hpp"

namespace qfi::test {

/// A campaign on 100 images, of which the golden run gets 90 right, with one set of that kind and one
/// stratum.
inline ResultsFile small_campaign(KindResults kind, std::uint64_t population) {
  ResultsFile campaign;
  campaign.file = "r.json";
  CampaignResults& results = campaign.results;
  results.task = &classification_task();
  results.config = "{}";
  results.inputs.model.file = "m.tflite";
  results.inputs.data.images = 100;
  const std::uint64_t none = 0;
  results.golden = {std::uint64_t{100}, std::uint64_t{90}, std::uint64_t{95}, 0.9, 0.95, none, none, none};
  SetResults& set = results.sets.emplace_back();
  set.name = "unit";
  set.kind = std::move(kind);
  StratumResults& stratum = set.strata.emplace_back();
  stratum.label = "network";
  stratum.population = population;
  set.summary.emplace();
  campaign.faults.emplace_back();
  return campaign;
}

}  // namespace qfi::test
