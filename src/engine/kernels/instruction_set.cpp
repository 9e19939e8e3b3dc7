// SPDX-License-Identifier: Apache-2.0
#include "instruction_set.hpp"

#include <algorithm>

#include "avx2/avx2.hpp"
#include "avx512/avx512.hpp"
#include "portable/portable.hpp"

namespace qfi {

std::span<const InstructionSet* const> instruction_sets() {
  static constexpr const InstructionSet* k_sets[] = {
#if defined(__x86_64__)
    &k_avx512,
    &k_avx2,
#endif
    &k_portable,
  };
  return k_sets;
}

const InstructionSet& instruction_set() {
  static const InstructionSet& chosen = **std::ranges::find_if(
      instruction_sets(), [](const InstructionSet* set) { return set->is_available(); });
  return chosen;
}

}  // namespace qfi
