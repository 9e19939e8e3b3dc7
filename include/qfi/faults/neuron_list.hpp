// SPDX-License-Identifier: Apache-2.0
// Neurons. A file that lists them with their vulnerability goes in; the most vulnerable ones come out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

/// An output value of a layer that multiplies weights, after its activation.
struct Neuron {
  std::size_t operator_index = 0;
  std::uint64_t element = 0;  ///< of the layer's output
  bool operator==(const Neuron&) const = default;
  auto operator<=>(const Neuron&) const = default;
};

struct NeuronList {
  std::vector<Neuron> critical;  ///< rising
  double highest_nvf = 0;        ///< of all neurons of the file
};

/// The neurons of a file of `qfi nvf` (columns by name; layer, element and nvf are needed) whose NVF is at
/// least `threshold`. Errors name file and line.
Result<NeuronList> read_critical_neurons(const std::filesystem::path& file, double threshold);

}  // namespace qfi
