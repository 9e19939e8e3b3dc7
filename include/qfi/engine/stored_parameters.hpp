// SPDX-License-Identifier: Apache-2.0
// Owns StoredParameters: the memories that hold a network's learned numbers. A prepared Program goes in; each
// piece of memory comes out once, with all that reads it, whatever number of tensors and operators that is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "qfi/engine/program.hpp"

namespace qfi {

enum class ParameterKind : std::uint8_t { weights, biases };

/// A buffer of the file. Tensors that share it are one memory: a fault in it reaches all of them.
struct StoredParameters {
  std::vector<std::size_t> operators;  ///< that read it as parameters of this kind, rising; at least one
  /// All that lie in it, also those that other operators read, but no shapes, axes and other arguments;
  /// operators[0]'s first.
  std::vector<int> tensors;
  /// Output channels of operators[0]: that of an element is element / channel_stride % channels.
  std::size_t channels = 1;
  std::size_t channel_stride = 1;
};

/// The memories of all operators that are not folded, in the order of operators[0]. Weights are those of
/// convolutions and fully connected layers, a constant operand of BATCH_MATMUL, and the slopes of PRELU;
/// biases, what is added to their sums. Where an operator reads a constant that folded operators only convert
/// or move, value by value, that constant is what is stored; it has one channel where its values were moved.
std::vector<StoredParameters> stored_parameters(const Program& program, ParameterKind kind);

/// A constant that takes part in a calculation, but is neither weights nor biases: a summand, a factor.
struct OtherConstant {
  std::size_t operator_index = 0;  ///< the first that reads it
  int tensor = 0;
};

/// Each memory once, in the order of the operators. Shapes, axes and other INT32 or INT64 arguments are none.
std::vector<OtherConstant> other_constants(const Program& program);

}  // namespace qfi
