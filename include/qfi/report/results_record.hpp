// SPDX-License-Identifier: Apache-2.0
// results.json, and the fault tables that it names, as others read them: for comparison and reports.
// The files are not trusted.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

struct RecordedFault {
  /// What is faulty, the same in every campaign that draws it; empty: several bits, which are not told apart.
  std::string name;
  std::size_t stratum = 0;             ///< of the set
  std::optional<std::uint64_t> layer;  ///< operator; of one stored bit
  std::optional<std::uint64_t> bit;    ///< of the value, likewise
  std::uint64_t units = 0;             ///< images or pixels
  std::uint64_t changed = 0;
  std::uint64_t labelled = 0;
  std::uint64_t golden_correct = 0;
  std::uint64_t faulty_correct = 0;
};

/// Where a fault of a netlist sits.
struct RecordedSite {
  std::string name;
  std::string region;  ///< what drives it
  std::optional<std::uint64_t> lowest_result_bit;
  bool stuck_at = false;
};

struct RecordedEstimate {
  double value = 0;
  std::optional<Interval> interval;               ///< faults sampled, images fixed
  std::optional<Interval> image_population = {};  ///< faults and images sampled
};

/// A class of faults: harmless, critical, ..
struct RecordedShare {
  std::string name;
  std::uint64_t faults = 0;
  RecordedEstimate share;
};

/// Faults of single bits, by layer, bit or both.
struct RecordedDomain {
  std::optional<std::uint64_t> layer;
  std::optional<std::uint64_t> bit;
  double population = 0;  ///< as RecordedStratum's
  std::uint64_t drawn = 0;
  RecordedEstimate changed;  ///< share of trials (pixels) whose class changes
  double deviation = 0;      ///< of that share, over the drawn faults
  std::uint64_t nan = 0;     ///< trials
  std::uint64_t infinity = 0;
  std::optional<double> global_iou, weighted_iou;  ///< segmentation; of all trials together
};

/// Constants whose bits are faulted.
struct RecordedConstant {
  std::string label;
  std::uint64_t layer = 0;
  std::vector<std::uint64_t> codes;         ///< 8 bits: values in 16 equal steps from -128; else empty
  std::optional<double> share_from_1_to_2;  ///< FLOAT32: of the magnitudes
};

/// What a genetic search found of a layer.
struct RecordedVulnerability {
  std::uint64_t layer = 0;
  std::uint64_t bits_tried = 0;
  std::uint64_t bits_vulnerable = 0;
  double lvf = 0;
};

struct RecordedDirection {
  std::string name;
  std::optional<std::uint64_t> layer;  ///< nothing: all
  std::uint64_t trials = 0;
  std::optional<RecordedEstimate> changed;  ///< nothing: no trials
};

/// Of a set, or of one bit error rate of it.
struct RecordedSummary {
  std::string name;  ///< empty: of the whole set
  RecordedEstimate faulty_accuracy;
  std::optional<RecordedEstimate> faulty_top5;
  RecordedEstimate changed;
  std::optional<RecordedEstimate> critical;
  std::vector<RecordedShare> shares;
  std::vector<std::uint64_t> histogram;  ///< drawn faults by faulty accuracy in equal steps; may be empty
};

struct RecordedStratum {
  std::string label;
  /// Faults (paired: faults times images); nothing: a bit error rate, of which there is no end.
  std::optional<double> population;
  std::optional<std::uint64_t> layer;  ///< all of its faults are of that operator
  std::optional<double> bit_error_rate;
};

/// Trials whose values were the golden ones again after that operator.
struct RecordedMasking {
  std::string place;
  std::uint64_t trials = 0;
};

struct RecordedSet {
  std::string name;
  bool is_netlist = false;
  std::vector<RecordedStratum> strata;
  std::vector<RecordedSummary> summaries;  ///< one at least
  std::vector<RecordedDomain> by_layer, by_bit, by_layer_and_bit;
  std::optional<RecordedSummary> with_protection;  ///< of the same faults
  std::vector<RecordedConstant> constants;
  std::vector<RecordedVulnerability> search;  ///< the most vulnerable first
  std::vector<RecordedDirection> directions;
  std::vector<RecordedMasking> masking;
  std::uint64_t trials = 0;  ///< of all drawn faults
  std::vector<RecordedFault> faults;
  std::string missing_table;        ///< why `faults` is empty, where it should not be
  std::vector<RecordedSite> sites;  ///< of each fault; faults of a netlist only
  /// All else that is said of it, name by name: sample, netlist, proof, ..
  std::vector<std::pair<std::string, std::string>> facts;
};

struct ResultsRecord {
  std::string file;
  std::string images;  ///< which, with their labels and the task: a text that is equal where they are
  std::string model;   ///< file name
  bool is_segmentation = false;
  bool is_paired = false;
  std::uint64_t image_count = 0;
  std::uint64_t golden_correct = 0;
  std::uint64_t labelled = 0;
  double confidence = 0.95;
  std::vector<RecordedSet> sets;
  std::string config;  ///< JSON
  /// Versions, seed, hashes, name by name.
  std::vector<std::pair<std::string, std::string>> facts;
};

/// Errors name the file and the place in it.
Result<ResultsRecord> read_results(const std::filesystem::path& file);

}  // namespace qfi
