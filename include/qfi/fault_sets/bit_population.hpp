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

/// Where the values of one StoredValues lie. Every tensor of constants occurs once, whatever reads it.
struct ValuePlace {
  FaultTarget target = FaultTarget::weights;
  Stage stage = Stage::output;     ///< data
  std::size_t operator_index = 0;  ///< network_input: 0
  int tensor = 0;                  ///< accumulator: the operator's output
  std::size_t channels = 1;
  /// Output channel of an element: element / (elements / channels), or element % channels.
  bool is_channel_last = false;
  std::string label;  ///< "weights of operator 3"

  std::size_t channel_of(std::uint64_t element, std::size_t elements) const {
    return is_channel_last ? element % channels : element / (elements / channels);
  }
};

struct BitPopulation {
  std::vector<StoredValues> stored;
  std::vector<ValuePlace> places;  ///< one for each of `stored`
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
