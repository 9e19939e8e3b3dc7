// SPDX-License-Identifier: Apache-2.0
// The parts that CampaignResults are computed from.
#pragma once

#include "qfi/results/compute.hpp"

namespace qfi {

/// To 9 digits: what differs behind them between mathematical libraries does not reach results.
double rounded(double value);
std::optional<double> rounded(const std::optional<double>& value);
std::optional<Interval> rounded(const std::optional<Interval>& interval);
SampledMean rounded(const SampledMean& mean);
FaultShare rounded(const FaultShare& share);
std::vector<Number> rounded(std::vector<Number> numbers);
double ratio(std::uint64_t part, std::uint64_t whole);

Estimates compute_estimates(const FaultSet& set, const SetEstimates& estimates);

// Each kind of fault set: what is known before it runs, and what came out.
NetlistResults plan_results(const StuckAtSet& set, double confidence);
StoredBitResults plan_results(const BitSet& set, double confidence);
TableResults plan_results(const TableSet& set, double confidence);
/// `driver`: the set's.
void complete(const StuckAtSet& set, const Driver& driver, const SetFiles& files,
              const IntervalConfig& intervals, NetlistResults& results);
void complete(const BitSet& set, const Driver& driver, const SetFiles& files, const IntervalConfig& intervals,
              StoredBitResults& results);
void complete(const TableSet& set, const Driver& driver, const SetFiles& files,
              const IntervalConfig& intervals, TableResults& results);

}  // namespace qfi
