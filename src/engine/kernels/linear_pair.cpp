// SPDX-License-Identifier: Apache-2.0
#include "linear_pair.hpp"

#include "linear_pair_loop.hpp"
#include "qfi/base/cpu.hpp"

namespace qfi {

void linear_pair_portable(const LinearPair& form, bool is_signed, const std::uint8_t* x,
                          const std::uint8_t* y, std::size_t count, std::uint8_t* to) {
  map_all_pairs(form, is_signed, x, y, count, to);
}

LinearPairFunction linear_pair_function() {
#if defined(__x86_64__)
  if (has_avx512()) return linear_pair_avx512;
  if (has_avx2()) return linear_pair_avx2;
#endif
  return linear_pair_portable;
}

}  // namespace qfi
