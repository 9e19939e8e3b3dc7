// SPDX-License-Identifier: Apache-2.0
// The parts that results.json is put together from.
#pragma once

#include <nlohmann/json.hpp>

#include "qfi/results/results.hpp"

namespace qfi {

using Json = nlohmann::ordered_json;

/// To 9 digits: what differs behind them between mathematical libraries does not reach the file.
double rounded(double value);
double ratio(std::uint64_t part, std::uint64_t whole);
/// null: not known.
Json interval_json(const std::optional<Interval>& interval);
Json optional_json(const std::optional<double>& value);
Json share_json(const FaultShare& share);
Json counts_json(const FaultCounts& counts, Task task);
Json estimates_json(const FaultSet& set, const SetEstimates& estimates);

/// Members of a fault set's entry in the plan and in the results.
Json plan_json_of(const StuckAtSet& set, double confidence);
Json results_json_of(const StuckAtSet& set, double confidence);
Json plan_json_of(const TableSet& set);
Json results_json_of(const TableSet& set);
Json plan_json_of(const BitSet& set);
Json results_json_of(const BitSet& set, const SetFiles& files, double confidence);

}  // namespace qfi
