// SPDX-License-Identifier: Apache-2.0
// Which values the key `mask` prunes: those that are 0 in an `.npz` file, or all that are zero. An entry of
// `faults` and its places go in; which elements of a place are kept comes out.
#pragma once

#include "qfi/fault_sets/bit_population.hpp"

namespace qfi {

class PruneMask {
 public:
  PruneMask(const Model& model, const BitFaultConfig& faults) : m_model(model), m_faults(faults) {}

  bool is_given() const { return m_faults.mask.has_value() || m_faults.masks_zeros; }
  /// For each element whether it is kept. Error: a file without the tensor, or with an array of another size.
  Result<std::vector<bool>> kept(const ValuePlace& place) const;
  /// `kept`: the places that have values left. Errors: no value is left; the file has an array that is of no
  /// tensor of the model. Warnings: an array of a tensor that is none of `places`; nothing is pruned.
  Result<void> check(std::span<const ValuePlace> places, std::span<const ValuePlace> kept, bool prunes) const;

 private:
  Result<void> check_arrays(std::span<const ValuePlace> places) const;
  const Tensor& tensor_of(const ValuePlace& place) const {
    return m_model.tensors[static_cast<std::size_t>(place.tensor)];
  }

  const Model& m_model;
  const BitFaultConfig& m_faults;
};

}  // namespace qfi
