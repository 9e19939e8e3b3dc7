// SPDX-License-Identifier: Apache-2.0
// The oracle: one output at a time, taps in order, nothing clever.
#include "../../multiply_accumulate.hpp"

namespace qfi {
namespace {

template <class Term>
std::int32_t accumulate(const MultiplyAccumulate& op, const std::uint8_t* plane, int oy, int ox, int channel,
                        PaddingTaps padding, const Term& term) {
  const ConvolutionShape& s = op.shape;
  const int first_input = channel / s.group_out_c() * s.group_in_c();
  const std::uint8_t* weight = &op.weights[static_cast<std::size_t>(channel) * s.taps()];
  const auto zero_byte = static_cast<std::uint8_t>(op.codes.input_zero_point);
  std::int32_t sum = op.bias[static_cast<std::size_t>(channel)];
  for (int ky = 0; ky < s.filter_h; ++ky)
    for (int kx = 0; kx < s.filter_w; ++kx) {
      const int iy = input_place(oy, ky, s.in_h, s.stride_h, s.dilation_h, s.pad_h, s.is_transposed);
      const int ix = input_place(ox, kx, s.in_w, s.stride_w, s.dilation_w, s.pad_w, s.is_transposed);
      const bool is_inside = iy >= 0 && ix >= 0;
      for (int c = 0; c < s.group_in_c(); ++c, ++weight) {
        if (!is_inside && (padding == PaddingTaps::skip || s.is_transposed)) continue;
        const std::uint8_t x = is_inside ? plane[(iy * s.in_w + ix) * s.in_c + first_input + c] : zero_byte;
        sum = wrapping_add(sum, term(*weight, x));
      }
    }
  return sum;
}

std::int32_t exact_product(const OperandCodes& codes, std::uint8_t w, std::uint8_t x) {
  return (code_of_byte(w, codes.type) - codes.weight_zero_point) *
         (code_of_byte(x, codes.type) - codes.input_zero_point);
}

}  // namespace

std::int32_t exact_accumulator(const MultiplyAccumulate& op, const std::uint8_t* input, std::size_t element) {
  const ConvolutionShape& s = op.shape;
  const std::size_t in_plane = element % s.out_plane();
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const std::size_t pixel = in_plane / out_c;
  const auto out_w = static_cast<std::size_t>(s.out_w);
  return accumulate(op, input + element / s.out_plane() * s.in_plane(), static_cast<int>(pixel / out_w),
                    static_cast<int>(pixel % out_w), static_cast<int>(in_plane % out_c), PaddingTaps::skip,
                    [&](std::uint8_t w, std::uint8_t x) { return exact_product(op.codes, w, x); });
}

void multiply_accumulate_reference(const MultiplyAccumulate& op, std::size_t planes,
                                   const std::uint8_t* input, std::uint8_t* output, const ProductTable* table,
                                   PaddingTaps padding, std::int32_t* accumulators, std::vector<std::byte>&) {
  const ConvolutionShape& s = op.shape;
  const auto exact = [&](std::uint8_t w, std::uint8_t x) { return exact_product(op.codes, w, x); };
  const auto looked_up = [&](std::uint8_t w, std::uint8_t x) { return table->at(w, x); };
  for (std::size_t plane = 0; plane < planes; ++plane)
    for (int oy = 0; oy < s.out_h; ++oy)
      for (int ox = 0; ox < s.out_w; ++ox)
        for (int channel = 0; channel < s.out_c; ++channel) {
          const std::uint8_t* pixels = input + plane * s.in_plane();
          const std::int32_t sum = table == nullptr
                                       ? accumulate(op, pixels, oy, ox, channel, PaddingTaps::skip, exact)
                                       : accumulate(op, pixels, oy, ox, channel, padding, looked_up);
          if (accumulators != nullptr) *accumulators++ = sum;
          *output++ = static_cast<std::uint8_t>(op.requantizer(sum, static_cast<std::size_t>(channel)));
        }
}

}  // namespace qfi
