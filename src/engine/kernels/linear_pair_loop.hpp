// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, by whose rules the compiler vectorizes it.
#include "linear_pair.hpp"

namespace qfi {
namespace {

template <class Code>
void map_pairs(const LinearPair& given, const std::uint8_t* __restrict x, const std::uint8_t* __restrict y,
               std::size_t count, std::uint8_t* __restrict to) {
  const LinearPair form = given;
  for (std::size_t i = 0; i < count; ++i) {
    std::int32_t value =
        (form.of_x * static_cast<Code>(x[i]) + form.of_y * static_cast<Code>(y[i]) + form.offset) >>
        form.shift;
    value = value < form.min ? form.min : value;
    value = value > form.max ? form.max : value;
    to[i] = static_cast<std::uint8_t>(value);
  }
}

void map_all_pairs(const LinearPair& form, bool is_signed, const std::uint8_t* x, const std::uint8_t* y,
                   std::size_t count, std::uint8_t* to) {
  if (is_signed) map_pairs<std::int8_t>(form, x, y, count, to);
  else map_pairs<std::uint8_t>(form, x, y, count, to);
}

}  // namespace
}  // namespace qfi
