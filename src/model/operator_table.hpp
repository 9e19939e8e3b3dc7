// SPDX-License-Identifier: Apache-2.0
// The numbers of the .tflite format: operators and their tables of options.
#pragma once

#include <string>

#include "qfi/model/model.hpp"

namespace qfi {

struct OperatorInfo {
  OperatorKind kind;
  int code;          ///< BuiltinOperator of the format
  int options_type;  ///< BuiltinOptions of the format; 0: none are read
};

/// nullptr: qfi does not run it.
const OperatorInfo* find_operator(int code);

/// The format's name of any operator, for messages.
std::string operator_name(int code, const std::string& custom);

}  // namespace qfi
