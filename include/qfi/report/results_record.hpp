// SPDX-License-Identifier: Apache-2.0
// results.json, and the fault tables that it names, as others read them: for comparison, export and reports.
// The files are not trusted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/campaign/statistics.hpp"

namespace qfi {

struct RecordedFault {
  /// What is faulty, the same in every campaign that draws it; empty: several bits, which are not told apart.
  std::string name;
  std::size_t stratum = 0;  ///< of the set
  std::uint64_t units = 0;
  std::uint64_t changed = 0;
  std::uint64_t labelled = 0;
  std::uint64_t golden_correct = 0;
  std::uint64_t faulty_correct = 0;
};

struct RecordedEstimate {
  double value = 0;
  std::optional<Interval> interval;
};

struct RecordedLayer {
  std::string name;
  RecordedEstimate changed;  ///< share of trials (pixels) whose class changes
};

/// What is compared: of a set, or of one bit error rate of it.
struct RecordedSummary {
  std::string name;  ///< empty: of the whole set
  RecordedEstimate faulty_accuracy;
  RecordedEstimate changed;
  std::optional<RecordedEstimate> critical;
};

struct RecordedSet {
  std::string name;
  std::vector<std::string> strata;
  /// Of the strata, faults (paired: faults times images); empty: bit error rates.
  std::vector<double> populations;
  std::vector<RecordedSummary> summaries;  ///< one at least
  std::vector<RecordedLayer> layers;
  std::vector<RecordedFault> faults;  ///< empty: they are in no file that is there
};

struct ResultsRecord {
  std::string file;
  std::string images;  ///< which, with their labels and the task: a text that is equal where they are
  std::uint64_t golden_correct = 0;
  std::uint64_t labelled = 0;
  double confidence = 0.95;
  std::vector<RecordedSet> sets;
};

/// Errors name the file and the place in it.
Result<ResultsRecord> read_results(const std::filesystem::path& file);

}  // namespace qfi
