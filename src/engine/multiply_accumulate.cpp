// SPDX-License-Identifier: Apache-2.0
#include "multiply_accumulate.hpp"

#include <algorithm>
#include <array>

#include "kernel.hpp"

namespace qfi {

std::uint8_t Requantizer::operator()(std::int32_t accumulator, std::size_t channel) const {
  const std::int32_t scaled = fixed_point.empty()
                                  ? round_to_int32(accumulator * real[channel])
                                  : multiply_by_quantized_multiplier(accumulator, fixed_point[channel]);
  return static_cast<std::uint8_t>(std::clamp(wrapping_add(scaled, zero_point), min, max));
}

ValidRange valid_outputs(int k, int out_size, int in_size, int stride, int dilation, int pad) {
  // Inside: 0 <= o * stride + k * dilation - pad < in_size.
  const std::int64_t start = std::int64_t{k} * dilation - pad;
  const std::int64_t first = start >= 0 ? 0 : (-start + stride - 1) / stride;
  const std::int64_t last_inside = in_size - 1 - start;
  const std::int64_t end = last_inside < 0 ? 0 : last_inside / stride + 1;
  ValidRange range;
  range.first = static_cast<int>(std::min<std::int64_t>(first, out_size));
  range.end = static_cast<int>(std::clamp<std::int64_t>(end, range.first, out_size));
  return range;
}

void count_pairs(const MultiplyAccumulate& op, std::size_t planes, const std::uint8_t* input,
                 PaddingTaps padding, std::span<std::uint64_t> counts) {
  const ConvolutionShape& s = op.shape;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto group_in_c = static_cast<std::size_t>(s.group_in_c());
  const auto group_out_c = static_cast<std::size_t>(s.group_out_c());
  const std::size_t padded_byte = byte_index(op.codes.input_zero_point);
  // Every weight of one tap and input channel meets the same inputs: count those once.
  for (int ky = 0; ky < s.filter_h; ++ky)
    for (int kx = 0; kx < s.filter_w; ++kx) {
      const ValidRange rows = valid_outputs(ky, s.out_h, s.in_h, s.stride_h, s.dilation_h, s.pad_h);
      const ValidRange columns = valid_outputs(kx, s.out_w, s.in_w, s.stride_w, s.dilation_w, s.pad_w);
      const auto inside = static_cast<std::uint64_t>(rows.end - rows.first) *
                          static_cast<std::uint64_t>(columns.end - columns.first);
      for (std::size_t channel = 0; channel < in_c; ++channel) {
        std::array<std::uint64_t, 256> seen{};
        for (std::size_t plane = 0; plane < planes; ++plane)
          for (int oy = rows.first; oy < rows.end; ++oy) {
            const int iy = oy * s.stride_h + ky * s.dilation_h - s.pad_h;
            for (int ox = columns.first; ox < columns.end; ++ox) {
              const int ix = ox * s.stride_w + kx * s.dilation_w - s.pad_w;
              const std::size_t pixel = static_cast<std::size_t>(iy) * static_cast<std::size_t>(s.in_w) +
                                        static_cast<std::size_t>(ix);
              ++seen[input[plane * s.in_plane() + pixel * in_c + channel]];
            }
          }
        if (padding == PaddingTaps::multiply) seen[padded_byte] += planes * (s.out_pixels() - inside);
        const std::size_t group = channel / group_in_c;
        const std::size_t tap = (static_cast<std::size_t>(ky) * static_cast<std::size_t>(s.filter_w) +
                                 static_cast<std::size_t>(kx)) *
                                    group_in_c +
                                channel % group_in_c;
        for (std::size_t out = group * group_out_c; out < (group + 1) * group_out_c; ++out) {
          std::uint64_t* row = &counts[std::size_t{op.weights[out * s.taps() + tap]} * 256];
          for (std::size_t x = 0; x < 256; ++x) row[x] += seen[x];
        }
      }
    }
}

}  // namespace qfi
