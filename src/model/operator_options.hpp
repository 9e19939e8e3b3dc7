// SPDX-License-Identifier: Apache-2.0
// The options of an operator, from its table in a .tflite file.
#pragma once

#include "operator_table.hpp"
#include "tflite_subset_generated.h"

namespace qfi {

/// Verifies the options table as that of `known` and reads it; a field that is absent has the format's
/// default. Errors: a missing, foreign or damaged table; a value that qfi does not run.
Result<OperatorOptions> read_operator_options(const tflite::Operator& source, const OperatorInfo& known,
                                              flatbuffers::Verifier& verifier);

}  // namespace qfi
