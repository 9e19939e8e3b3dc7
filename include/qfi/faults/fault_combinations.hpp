// SPDX-License-Identifier: Apache-2.0
// Owns the numbering of faults that hit several bits at once. The number of bits, how many a fault hits and
// the fault models of each go in; how many such faults there are, and which one has a number, come out.
#pragma once

#include <cstdint>
#include <vector>

namespace qfi {

/// A population that draws do not exhaust.
inline constexpr std::uint64_t k_endless = std::uint64_t{1} << 62;

/// Faults that hit `together` different ones of `bits`, each by one of `models` fault models.
struct FaultCombinations {
  std::uint64_t bits = 0;
  std::uint64_t together = 1;
  std::uint64_t models = 1;

  /// How many there are; k_endless where they are as many or more.
  std::uint64_t count() const;
  /// The members of fault `index`: of each bit, rising, bit * models + model. Precondition: index < count() <
  /// k_endless.
  std::vector<std::uint64_t> members(std::uint64_t index) const;
};

}  // namespace qfi
