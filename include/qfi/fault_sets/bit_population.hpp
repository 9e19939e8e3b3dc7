// SPDX-License-Identifier: Apache-2.0
// Owns the stored values that an entry of `faults` means. A prepared model and the entry's config go in; the
// chosen tensors, and how their bits are kept, come out as a BitPopulation.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "qfi/config/config.hpp"

namespace qfi {

/// Says where the values of one StoredValues lie. Every memory of constants occurs once, whatever reads it.
struct ValuePlace {
  FaultTarget target = FaultTarget::weights;
  Stage stage = Stage::output;         ///< data
  std::size_t operator_index = 0;      ///< of `operators`, the first; network_input: 0
  int tensor = 0;                      ///< of `tensors`, the first; accumulator: the operator's output
  std::vector<std::size_t> operators;  ///< constants: the chosen ones that read them as parameters
  std::vector<int> tensors;  ///< constants: all tensors of this memory, which a fault changes at once
  std::size_t channels = 1;
  std::size_t channel_stride = 1;
  std::string label;  ///< "weights of operator 3", "biases of operators 3, 5"

  std::size_t channel_of(std::uint64_t element) const { return element / channel_stride % channels; }
};

struct BitPopulation {
  std::vector<StoredValues> stored;
  std::vector<ValuePlace> places;  ///< one for each of `stored`
  /// Weights: constants of the chosen operators that are neither weights nor biases, which no fault hits.
  std::uint64_t left_out = 0;
  /// The protections that are compared with plain storage, one for each of `stored`, which is plain then.
  std::vector<Storage> protected_storage;
  /// For each of `stored` the elements that have the protection, rising; all others are plain. nullopt where
  /// all have it.
  std::vector<std::optional<std::vector<std::uint64_t>>> protected_elements;

  /// How an element is kept where the protection is there.
  const Storage& storage_of(std::size_t values, std::uint64_t element) const {
    const auto& elements = protected_elements[values];
    const bool has_it = !elements || std::ranges::binary_search(*elements, element);
    return has_it ? protected_storage[values] : stored[values].storage;
  }
};

/// Finds the stored values. `scheme` decides which distances are there. Errors: nothing chosen, names that
/// nothing has, values of more than 32 bits, storage that cannot be, a mask that does not fit.
Result<BitPopulation> find_population(const Program& program, const BitFaultConfig& faults,
                                      SampleScheme scheme);

/// Re-quantizes the weights of every layer whose storage has fewer than 8 bits. Error: two entries say
/// different widths for a layer; see narrow_weights.
Result<void> narrow_stored_weights(Model& model, const std::vector<FaultsConfig>& faults);

}  // namespace qfi
