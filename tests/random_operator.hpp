// SPDX-License-Identifier: Apache-2.0
// Layers of random shape, weights and quantization.
#pragma once

#include <cmath>
#include <vector>

#include "draw.hpp"
#include "engine/multiply_accumulate.hpp"

namespace qfi::test {

inline MultiplyAccumulate random_operator(Draw& draw) {
  MultiplyAccumulate op;
  ConvolutionShape& s = op.shape;
  s.filter_h = draw(1, 4);
  s.filter_w = draw(1, 4);
  s.stride_h = draw(1, 3);
  s.stride_w = draw(1, 3);
  s.dilation_h = draw(1, 2);
  s.dilation_w = draw(1, 3);
  s.pad_h = draw(0, 3);
  s.pad_w = draw(0, 3);
  s.in_h = draw(1, 9);
  s.in_w = draw(1, 20);
  s.out_h = draw(1, 8);
  s.out_w = draw(1, 18);
  const int kind = draw(0, 4);  // plain, depthwise, depthwise with multiplier, grouped, transposed
  s.is_transposed = kind == 4;
  if (s.is_transposed) s.dilation_h = s.dilation_w = 1;
  s.groups = kind == 0 || kind == 4 ? 1 : draw(1, kind == 3 ? 3 : 37);
  s.in_c = s.groups * (kind == 1 || kind == 2 ? 1 : draw(1, 5));
  s.out_c = s.groups * (kind == 1 ? 1 : kind == 0 || kind == 4 ? draw(1, 40) : draw(1, 5));
  op.codes.type = draw(0, 1) == 0 ? CodeType::int8 : CodeType::uint8;
  const int first = smallest_code(op.codes.type);
  op.codes.input_zero_point = draw(first, first + 255);
  op.codes.weight_zero_point = op.codes.type == CodeType::int8 ? 0 : draw(0, 255);
  op.weights.resize(static_cast<std::size_t>(s.out_c) * s.taps());
  for (auto& weight : op.weights) weight = static_cast<std::uint8_t>(draw.bits());
  const bool is_extreme = draw(0, 9) == 0;
  for (int c = 0; c < s.out_c; ++c) {
    op.bias.push_back(is_extreme ? static_cast<std::int32_t>(draw.bits()) : draw(-20'000, 20'000));
    if (draw(0, 4) == 0) s.planes = 2;
  }
  op.requantizer.zero_point = draw(first, first + 255);
  op.requantizer.min = first;
  op.requantizer.max = first + 255 - draw(0, 20);
  const bool is_real = draw(0, 3) == 0;
  for (int c = 0; c < s.out_c; ++c) {
    const double factor =
        std::ldexp(1.0 + draw(0, 1000) / 1000.0, is_extreme ? draw(-31, 20) : draw(-14, -6));
    if (is_real) op.requantizer.real.push_back(factor);
    else op.requantizer.fixed_point.push_back(quantize_multiplier(factor));
  }
  return op;
}

inline std::vector<std::uint8_t> random_bytes(Draw& draw, std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(draw.bits());
  return bytes;
}

}  // namespace qfi::test
