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
  std::string name;         ///< what is faulty, the same in every campaign that draws it
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

struct RecordedSet {
  std::string name;
  std::vector<std::string> strata;
  std::vector<std::uint64_t> populations;  ///< of the strata; empty: they have none
  RecordedEstimate faulty_accuracy;
  RecordedEstimate changed;
  std::optional<RecordedEstimate> critical;
  std::vector<RecordedLayer> layers;
  std::vector<RecordedFault> faults;  ///< empty: they are in no file that is there
};

struct ResultsRecord {
  std::string file;
  std::string images;  ///< which: a text that is equal where they are
  std::uint64_t golden_correct = 0;
  std::uint64_t labelled = 0;
  double confidence = 0.95;
  std::vector<RecordedSet> sets;
};

/// Errors name the file and the place in it.
Result<ResultsRecord> read_results(const std::filesystem::path& file);

}  // namespace qfi
