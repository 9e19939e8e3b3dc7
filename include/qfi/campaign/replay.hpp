// SPDX-License-Identifier: Apache-2.0
// Owns the replay of one trial: one fault on one image, operator by operator. The files of a finished
// campaign and the number of a fault go in; what differs from the golden run, and the scores, come out.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "qfi/config/config.hpp"
#include "qfi/workload/task.hpp"

namespace qfi {

struct ReplayParams {
  std::filesystem::path results;       ///< results.json; run.json and faults.csv lie beside it
  std::size_t set = 0;                 ///< which entry of `faults`
  std::uint64_t fault = 0;             ///< number of the fault in the results
  std::optional<std::uint64_t> image;  ///< its place in the data; nullopt takes the fault's own, if paired
  std::filesystem::path config;        ///< empty to take the one that run.json names
  std::uint64_t model_memory = k_model_memory;
  std::uint64_t data_memory = k_data_memory;
  ConfigParams variables;  ///< where `config` is empty, what run.json says comes first
};

struct ReplayedOperator {
  std::size_t index = 0;
  std::string kind;
  std::string output;
  std::uint64_t values = 0;
  std::uint64_t different = 0;
  double largest = 0;  ///< largest difference, in stored codes or as a float
};

struct ReplayedClass {
  int label = 0;  ///< class
  double golden = 0;
  double faulty = 0;
};

struct Replay {
  std::string fault;  ///< what it is, one line
  std::uint64_t image = 0;
  const Task* task = nullptr;
  std::vector<ReplayedOperator> operators;
  std::vector<ReplayedClass> scores;  ///< scores of all classes; empty where the task has none
  std::optional<int> label;           ///< classification; nullopt: there are none
  FaultCounts counts;
};

/// Runs the trial again. Errors: files that are missing, damaged or do not belong together; a fault or an
/// image that is not there.
Result<Replay> replay(const ReplayParams& params);

}  // namespace qfi
