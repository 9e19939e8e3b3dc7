// SPDX-License-Identifier: Apache-2.0
// What CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED have in common: sums of
// products of weights and inputs, then requantization.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "convolution_shape.hpp"
#include "qfi/arith/product_table.hpp"
#include "qfi/arith/requantize.hpp"
#include "qfi/engine/program.hpp"

namespace qfi {

/// std::lround as x86 does it: whatever does not fit, NaN included, becomes the smallest int32.
std::int32_t round_to_int32(double value);

/// int32 accumulator -> stored output, per output channel.
struct Requantizer {
  std::vector<QuantizedMultiplier> fixed_point;  ///< empty: `real` is used
  std::vector<double> real;                      ///< FULLY_CONNECTED: round(acc * real) in double
  std::int32_t zero_point = 0;
  std::int32_t min = 0;
  std::int32_t max = 0;

  /// Accumulator: std::int32_t, or std::int64_t for INT16 activations.
  template <class Accumulator>
  std::int32_t operator()(Accumulator accumulator, std::size_t channel) const {
    const std::int32_t scaled = fixed_point.empty()
                                    ? round_to_int32(static_cast<double>(accumulator) * real[channel])
                                    : multiply_by_quantized_multiplier(accumulator, fixed_point[channel]);
    return std::clamp(wrapping_add(scaled, zero_point), min, max);
  }
  std::size_t bytes() const {
    return fixed_point.size() * sizeof(QuantizedMultiplier) + real.size() * sizeof(double);
  }
};

struct MultiplyAccumulate {
  ConvolutionShape shape;
  OperandCodes codes;
  std::vector<std::uint8_t> weights;  ///< stored bytes, [out_c][filter_h][filter_w][group_in_c]
  std::vector<std::int32_t> bias;     ///< [out_c]
  Requantizer requantizer;
  std::size_t data_input = 0;  ///< which of the operator's inputs the weights meet
};

/// `input`: planes * [in_h][in_w][in_c] bytes; `output`: planes * [out_h][out_w][out_c].
/// `planes` counts images times the shape's own planes. Products come from `table`, or are exact
/// where it is nullptr. Each output's accumulator, bias included, is left in `accumulators` unless that is
/// nullptr. `scratch` is the kernel's to resize.
using MultiplyAccumulateFunction = void (*)(const MultiplyAccumulate& op, std::size_t planes,
                                            const std::uint8_t* input, std::uint8_t* output,
                                            const ProductTable* table, PaddingTaps padding,
                                            std::int32_t* accumulators, std::vector<std::byte>& scratch);

void multiply_accumulate_reference(const MultiplyAccumulate& op, std::size_t planes,
                                   const std::uint8_t* input, std::uint8_t* output, const ProductTable* table,
                                   PaddingTaps padding, std::int32_t* accumulators,
                                   std::vector<std::byte>& scratch);
void multiply_accumulate_portable(const MultiplyAccumulate& op, std::size_t planes, const std::uint8_t* input,
                                  std::uint8_t* output, const ProductTable* table, PaddingTaps padding,
                                  std::int32_t* accumulators, std::vector<std::byte>& scratch);

/// The exact accumulator of output `element` of one image, whose input begins at `input`.
std::int32_t exact_accumulator(const MultiplyAccumulate& op, const std::uint8_t* input, std::size_t element);

/// The most that either function resizes its scratch to.
std::size_t multiply_accumulate_scratch_bytes(const ConvolutionShape& shape);

/// What PairCounter counts, tap by tap: adds to counts[weight byte * 256 + input byte].
void count_pairs(const MultiplyAccumulate& op, std::size_t planes, const std::uint8_t* input,
                 PaddingTaps padding, std::span<std::uint64_t> counts);

/// The outputs of one dimension that tap `k` reaches, and the inputs that it meets there:
/// output first_out + i * out_step meets input first_in + i * in_step, i = 0 .. count-1.
struct TapRange {
  int first_out = 0;
  int out_step = 1;
  int first_in = 0;
  int in_step = 1;
  int count = 0;
};
TapRange tap_rows(const ConvolutionShape& shape, int ky);
TapRange tap_columns(const ConvolutionShape& shape, int kx);

}  // namespace qfi
