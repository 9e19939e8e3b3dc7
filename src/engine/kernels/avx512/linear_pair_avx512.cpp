// SPDX-License-Identifier: Apache-2.0
#include "avx512.hpp"

#if defined(__x86_64__)
#include "qfi/base/target_avx512.hpp"
//
#include "../linear_pair_loop.hpp"

namespace qfi {

void linear_pair_avx512(const LinearPair& form, bool is_signed, const std::uint8_t* x, const std::uint8_t* y,
                        std::size_t count, std::uint8_t* to) {
  map_all_pairs(form, is_signed, x, y, count, to);
}

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
