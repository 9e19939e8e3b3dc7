// SPDX-License-Identifier: Apache-2.0
#include "qfi/arith/requantize.hpp"

#include <cassert>
#include <cmath>

namespace qfi {

QuantizedMultiplier quantize_multiplier(double factor) {
  assert(factor >= 0 && factor <= 2147483647.0);
  if (factor == 0.0) return {};
  int shift = 0;
  const double fraction = std::frexp(factor, &shift);
  auto fixed = static_cast<std::int64_t>(std::round(fraction * 2147483648.0));
  if (fixed == std::int64_t{1} << 31) {
    fixed /= 2;
    ++shift;
  }
  if (shift < -31) return {};
  return {static_cast<std::int32_t>(fixed), shift};
}

}  // namespace qfi
