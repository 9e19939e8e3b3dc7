// SPDX-License-Identifier: Apache-2.0
// Owns what `qfi run` prints. An Evaluation goes in; text for people, or JSON, comes out.
#pragma once

#include <string>

#include "qfi/workload/evaluate.hpp"

namespace qfi {

/// What was run, for the head of the report.
struct EvaluationSubject {
  std::string model;
  std::string model_sha256;
  std::string data;
  std::string fault;  ///< empty where the run is fault-free
};

std::string evaluation_table(const EvaluationSubject& subject, const DataSet& data,
                             const Evaluation& evaluation);

/// The JSON is the same for every machine, thread count and kernel set; times are left out.
std::string evaluation_json(const EvaluationSubject& subject, const DataSet& data,
                            const Evaluation& evaluation);

}  // namespace qfi
