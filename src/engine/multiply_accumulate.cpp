// SPDX-License-Identifier: Apache-2.0
#include "multiply_accumulate.hpp"

#include <algorithm>
#include <array>

#include "kernel.hpp"

namespace qfi {

namespace {

// 0 <= small_index * stride + shift < large_size, for the small indices 0 .. small_size-1.
struct IndexRange {
  int first = 0;
  int count = 0;
};
IndexRange inside(int small_size, int large_size, int stride, std::int64_t shift) {
  const std::int64_t first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
  const std::int64_t last_inside = large_size - 1 - shift;
  const std::int64_t end = last_inside < 0 ? 0 : last_inside / stride + 1;
  IndexRange range;
  range.first = static_cast<int>(std::min<std::int64_t>(first, small_size));
  range.count = static_cast<int>(std::clamp<std::int64_t>(end, range.first, small_size)) - range.first;
  return range;
}

TapRange tap_range(bool is_transposed, int out_size, int in_size, int stride, int dilation, int pad, int k) {
  const std::int64_t shift = std::int64_t{k} * dilation - pad;
  const auto large = [&](int small) { return static_cast<int>(std::int64_t{small} * stride + shift); };
  if (is_transposed) {
    const IndexRange in = inside(in_size, out_size, stride, shift);
    return {large(in.first), stride, in.first, 1, in.count};
  }
  const IndexRange out = inside(out_size, in_size, stride, shift);
  return {out.first, 1, large(out.first), stride, out.count};
}

}  // namespace

TapRange tap_rows(const ConvolutionShape& s, int ky) {
  return tap_range(s.is_transposed, s.out_h, s.in_h, s.stride_h, s.dilation_h, s.pad_h, ky);
}

TapRange tap_columns(const ConvolutionShape& s, int kx) {
  return tap_range(s.is_transposed, s.out_w, s.in_w, s.stride_w, s.dilation_w, s.pad_w, kx);
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
      const TapRange rows = tap_rows(s, ky);
      const TapRange columns = tap_columns(s, kx);
      const auto inside_pixels =
          static_cast<std::uint64_t>(rows.count) * static_cast<std::uint64_t>(columns.count);
      for (std::size_t channel = 0; channel < in_c; ++channel) {
        std::array<std::uint64_t, 256> seen{};
        for (std::size_t plane = 0; plane < planes; ++plane)
          for (int r = 0; r < rows.count; ++r)
            for (int c = 0; c < columns.count; ++c) {
              const int iy = rows.first_in + r * rows.in_step;
              const int ix = columns.first_in + c * columns.in_step;
              const std::size_t pixel = static_cast<std::size_t>(iy) * static_cast<std::size_t>(s.in_w) +
                                        static_cast<std::size_t>(ix);
              ++seen[input[plane * s.in_plane() + pixel * in_c + channel]];
            }
        if (padding == PaddingTaps::multiply && !s.is_transposed)
          seen[padded_byte] += planes * (s.out_pixels() - inside_pixels);
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
