// SPDX-License-Identifier: Apache-2.0
// Owns what `qfi run` does. A program and a data set go in; the counts of an inference over all images come
// out, fault-free or under one fault.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qfi/data/data_set.hpp"
#include "qfi/engine/program.hpp"
#include "qfi/workload/task.hpp"

namespace qfi {

/// A tensor of all images, written to an .npy file of the shape [images, ..].
struct TensorFile {
  int tensor = 0;
  std::filesystem::path path;
  bool is_forced = false;  ///< replaces any file, not only one with the same header
};

struct EvaluateParams {
  InputScaling scaling;
  int scores = 0;  ///< the tensor that classes are read from; kept by the Program
  Metric metric;
  std::vector<TensorFile> files;
  std::size_t max_bytes = std::size_t{1} << 30;  ///< of batches; what the files hold comes on top
  unsigned threads = 1;
  const Units* units = nullptr;  ///< nullptr: exact products
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

struct Evaluation {
  const Task* task = nullptr;  ///< nullptr where the data have no labels
  AnswerShape answer;          ///< of the task
  std::uint64_t images = 0;
  std::uint64_t images_per_batch = 0;
  FaultCounts counts;  ///< with the confusion matrix, of images or pixels
  TieCounts ties;
  std::uint64_t nan_or_infinity = 0;  ///< images with such a score (FLOAT32)
  double seconds = 0;
};

/// Threads, and images in the batch of each.
struct BatchPlan {
  unsigned threads = 1;
  std::size_t images = 1;
};
/// As many of both as `max_bytes` allow; `has_tables` says that runs have product tables. Error: not even one
/// image fits.
Result<BatchPlan> plan_batches(const Program& program, std::size_t images, std::size_t max_bytes,
                               unsigned threads, bool has_tables);

/// Runs the program on all images. Errors: inputs that do not fit, labels that are no classes, files that
/// cannot be written.
Result<Evaluation> evaluate(const Program& program, const DataSet& data, const EvaluateParams& params);

}  // namespace qfi
