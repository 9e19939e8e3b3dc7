// SPDX-License-Identifier: Apache-2.0
// Owns ModelInventory, the list of what can be faulted in a model. A prepared Program goes in; its operators,
// stages and stored bits come out as plain values, for `qfi inspect`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qfi/engine/program.hpp"

namespace qfi {

struct TensorInventory {
  std::string name;
  TensorType type = TensorType::float32;
  std::vector<int> shape;
  std::vector<float> scales;
  std::vector<std::int32_t> zero_points;
  std::uint64_t values = 0;
};

/// A place where data of one image can be faulted: the network's input, an operator's accumulator
/// after the bias (before the activation), or its stored output.
struct StageInventory {
  enum class Kind : std::uint8_t { input, accumulator, output };
  Kind kind = Kind::output;
  std::string name;  ///< of the tensor, or of the operator's output
  std::uint64_t values = 0;
  std::uint64_t bits_per_value = 0;
  std::uint64_t bits() const { return values * bits_per_value; }
};

struct OperatorInventory {
  std::size_t index = 0;
  OperatorKind kind = OperatorKind::add;
  bool is_folded = false;  ///< computed once, from constants
  std::vector<TensorInventory> inputs;
  std::vector<TensorInventory> outputs;
  std::uint64_t multiplications = 0;  ///< of one image
  /// What is stored counts where it is read first; operators that read the same memory name that one.
  std::uint64_t weights = 0;
  std::uint64_t weight_bits = 0;
  std::optional<std::size_t> weights_of;
  std::uint64_t biases = 0;
  std::uint64_t bias_bits = 0;
  std::optional<std::size_t> biases_of;
  std::uint64_t other_constants = 0;  ///< values that are neither: summands, factors; in no population
  std::uint64_t neurons = 0;          ///< outputs of a convolution or fully connected layer but the last one
};

struct ModelInventory {
  std::vector<TensorInventory> inputs;
  std::vector<TensorInventory> outputs;
  std::vector<OperatorInventory> operators;
  std::vector<StageInventory> stages;
  std::string sha256;
  std::vector<std::string> warnings;
  std::uint64_t bytes_per_image = 0;  ///< of activations in memory

  /// The sum of one number over all operators.
  std::uint64_t total(std::uint64_t OperatorInventory::*number) const;
};
ModelInventory take_inventory(const Program& program);

}  // namespace qfi
