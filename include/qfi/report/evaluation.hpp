// SPDX-License-Identifier: Apache-2.0
// Evaluation -> text for people, and JSON.
#pragma once

#include <string>

#include "qfi/workload/evaluate.hpp"

namespace qfi {

/// What was run, for the head of the report.
struct EvaluationSubject {
  std::string model;
  std::string model_sha256;
  std::string data;
  std::string fault;  ///< empty: fault-free
};

std::string evaluation_table(const EvaluationSubject& subject, const DataSet& data,
                             const Evaluation& evaluation);

/// Times are left out: the same for every machine, thread count and kernel set.
std::string evaluation_json(const EvaluationSubject& subject, const DataSet& data,
                            const Evaluation& evaluation);

}  // namespace qfi
