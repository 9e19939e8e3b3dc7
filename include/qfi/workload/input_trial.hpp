// SPDX-License-Identifier: Apache-2.0
// Owns the search for how a network wants its images. A program and a data set go in; the accuracies of the
// usual input scalings, channel orders and label offsets come out, the best first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qfi/data/data_set.hpp"
#include "qfi/engine/program.hpp"
#include "qfi/workload/task.hpp"

namespace qfi {

/// The name of what the user gives.
constexpr const char* k_input_as_given = "as given";

struct InputTrial {
  std::string name;  ///< for people: "0 .. 1"
  InputScaling scaling;
  int label_offset = 0;
  std::uint64_t correct = 0;
  std::uint64_t labelled = 0;
  double chance = 0;  ///< accuracy of guessing

  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(labelled); }
};

struct InputTrialParams {
  DataAndInput source;  ///< the input as it is given is tried first
  int scores = 0;       ///< the tensor that classes are read from; kept by the Program
  unsigned threads = 1;
};

/// All combinations that fit the input's type and the labels. Of equal accuracies the usual one stands first,
/// which is what is given, then as it comes. Errors: as evaluate().
Result<std::vector<InputTrial>> try_inputs(const Program& program, const InputTrialParams& params);

}  // namespace qfi
