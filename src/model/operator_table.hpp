// SPDX-License-Identifier: Apache-2.0
// Owns what the .tflite format numbers and qfi reads: operators with their options, element types. Numbers
// and tables of a file go in, kinds and plain values come out. The numbers and names themselves stand in
// tflite_subset.fbs.
#pragma once

#include <string>

#include "qfi/model/model.hpp"
#include "tflite_subset_generated.h"

namespace qfi {

/// An operator that qfi runs.
struct OperatorInfo {
  OperatorKind kind;
  tflite::BuiltinOperator code;
  /// Reads and checks the operator's own options; errors complete the operator's label. nullptr: the operator
  /// has none that matter.
  Result<OperatorOptions> (*read_options)(const tflite::Operator& source,
                                          flatbuffers::Verifier& verifier) = nullptr;
};

/// nullptr: qfi does not run it.
const OperatorInfo* find_operator(tflite::BuiltinOperator code);

/// The format's name of any operator, for messages.
std::string operator_name(tflite::BuiltinOperator code, const std::string& custom);

/// The element type; its error names a type that qfi does not read.
Result<TensorType> read_tensor_type(tflite::TensorType type);

}  // namespace qfi
