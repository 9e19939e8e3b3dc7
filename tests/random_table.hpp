// SPDX-License-Identifier: Apache-2.0
// Product tables as faults leave them.
#pragma once

#include "draw.hpp"
#include "qfi/arith/product_table.hpp"
#include "qfi/arith/requantize.hpp"
#include "qfi/base/random.hpp"

namespace qfi::test {

// Errors of the kinds that faults make, on top of the exact products.
inline ProductTable faulty_table(Draw& draw, const OperandCodes& codes, int kind) {
  ProductTable table = ProductTable::exact(codes);
  const auto add = [&](const auto& error) {
    for (std::size_t w = 0; w < 256; ++w)
      for (std::size_t x = 0; x < 256; ++x)
        table.at(w, x) = wrapping_add(table.at(w, x), static_cast<std::int32_t>(error(w, x)));
  };
  const auto bit = [](std::size_t byte, int k) { return static_cast<std::uint32_t>(byte >> k & 1U); };
  const int i = draw(0, 7);
  const int k = draw(0, 7);
  const int shift = draw(0, 31);
  const auto codes_of = [&](std::size_t byte) {
    return static_cast<std::uint32_t>(code_of_byte(byte, codes.type));
  };
  switch (kind) {
    case 0: break;
    case 1: add([&](std::size_t w, std::size_t x) { return (bit(w, i) & bit(x, k)) << shift; }); break;
    case 2: add([&](std::size_t w, std::size_t x) { return (bit(w, i) | bit(x, k)) << shift; }); break;
    case 3:  // a stuck bit of the weight
      add([&](std::size_t w, std::size_t x) { return (bit(w, i) << i) * codes_of(x); });
      break;
    case 4:  // and of the input
      add([&](std::size_t w, std::size_t x) { return (~bit(x, k) << k) * codes_of(w); });
      break;
    case 5:
      add([&](std::size_t w, std::size_t x) { return (w % 3 == 0 ? 1U : 0U) * (x % 5 + (x % 7 << 20U)); });
      break;
    case 6:
      add([&](std::size_t w, std::size_t) { return static_cast<std::uint32_t>(w * w) << shift; });
      break;
    case 7:
      add([&](std::size_t, std::size_t x) { return static_cast<std::uint32_t>(x * x * x) << shift; });
      break;
    case 8: add([&](std::size_t w, std::size_t x) { return (w & x & 4U) << 3U; }); break;
    case 9:  // few classes of weights, anything else arbitrary
      add([&](std::size_t w, std::size_t x) {
        return static_cast<std::uint32_t>(random_bits(w % 3, "error", x + static_cast<std::size_t>(shift)));
      });
      break;
    default:  // no structure
      add([&](std::size_t w, std::size_t x) {
        return static_cast<std::uint32_t>(random_bits(w, "error", x));
      });
  }
  return table;
}

inline OperandCodes random_codes(Draw& draw) {
  OperandCodes codes;
  codes.type = draw(0, 1) == 0 ? CodeType::int8 : CodeType::uint8;
  const int first = smallest_code(codes.type);
  codes.input_zero_point = draw(first, first + 255);
  if (codes.type == CodeType::uint8) codes.weight_zero_point = draw(0, 255);
  return codes;
}

}  // namespace qfi::test
