// SPDX-License-Identifier: Apache-2.0
// The work of a device that computes by tiles, as plain values, and the programs of one tile: where operands
// lie, how they are mapped and packed, how sums become stored outputs. The same functions run on a GPU and,
// in loops, on the CPU, so that all but the hardware's own instructions is tested without one. Pointers are
// to the machine's memory.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "../convolution_shape.hpp"
#include "qfi/arith/requantize.hpp"

namespace qfi::tiles {

constexpr int k_chunk = 16;            ///< bytes that are loaded at once
constexpr int k_step_chunks = 4;       ///< chunks of a row that are multiplied in one step
constexpr int k_step = 64;             ///< k_chunk * k_step_chunks bytes
constexpr int k_tile_rows = 128;       ///< rows of a tile of products
constexpr int k_most_terms = 66;       ///< factored products, the zero point of weights, the last factor
constexpr int k_most_gather_inputs = 8;

/// From an accumulator to a stored byte; arrays have one entry for each output channel.
struct Finish {
  const std::int32_t* multiplier = nullptr;
  const std::int32_t* shift = nullptr;
  const double* real = nullptr;  ///< in the place of multiplier and shift; nullptr: not
  std::int32_t zero_point = 0;
  std::int32_t min = 0;
  std::int32_t max = 0;
};

QFI_HOST_DEVICE inline std::int32_t clamped(std::int32_t value, std::int32_t min, std::int32_t max) {
  return value < min ? min : value > max ? max : value;
}

/// As Requantizer does it.
QFI_HOST_DEVICE inline std::uint8_t finish_output(const Finish& finish, std::int32_t sum, int channel) {
  std::int32_t scaled;
  if (finish.real != nullptr) {
    const double rounded = ::round(static_cast<double>(sum) * finish.real[channel]);
    const bool fits = rounded >= -2147483648.0 && rounded <= 2147483647.0;
    scaled = fits ? static_cast<std::int32_t>(rounded) : -2147483647 - 1;
  } else {
    scaled = multiply_by_quantized_multiplier(
        sum, QuantizedMultiplier{finish.multiplier[channel], finish.shift[channel]});
  }
  return static_cast<std::uint8_t>(clamped(wrapping_add(scaled, finish.zero_point), finish.min, finish.max));
}

/// A chunk of a row's operands: how far its pixel lies from the row's first one.
struct ChunkPlace {
  std::int16_t dy = 0;
  std::int16_t dx = 0;
  std::int32_t offset = 0;  ///< bytes
};

/// Sums of products of all pixels with all output channels, as a matrix product: a row is an output pixel of
/// an image, a column an output channel, and the inner dimension runs over terms, taps and input channels.
struct ProductJob {
  struct Term {
    const std::uint8_t* input = nullptr;   ///< codes, [image][in_h][in_w][pitch]
    const std::int8_t* weights = nullptr;  ///< [out_c][steps * k_step]
    std::int32_t scale = 1;                ///< that the sum of the terms before is multiplied with
  };
  const ChunkPlace* places = nullptr;  ///< of the chunks of a term
  int chunks = 0;
  int steps = 0;  ///< of k_step_chunks chunks each
  int in_h = 1, in_w = 1, pitch = k_chunk;
  int out_h = 1, out_w = 1, out_c = 1;
  int stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0;
  std::int64_t rows = 0;
  bool is_signed = false;  ///< the inputs
  int terms = 0;
  std::int32_t last_scale = 1;
  const std::uint16_t* row_class = nullptr;     ///< of each output row
  const std::uint16_t* column_class = nullptr;  ///< of each output column
  int column_classes = 1;
  const std::int32_t* bias = nullptr;  ///< [row class][column class][out_c]
  Finish finish;
  std::uint8_t* output = nullptr;  ///< [row][out_c]
  Term term[k_most_terms];
};

/// The first pixel that a row meets, which may lie outside, and its bias.
struct RowPlace {
  std::int64_t base = 0;  ///< bytes
  int y = 0;
  int x = 0;
  int bias = 0;
};

QFI_HOST_DEVICE inline RowPlace row_place(const ProductJob& job, std::int64_t row) {
  const int pixels = job.out_h * job.out_w;
  const std::int64_t image = row / pixels;
  const int pixel = static_cast<int>(row - image * pixels);
  const int oy = pixel / job.out_w;
  const int ox = pixel - oy * job.out_w;
  RowPlace place;
  place.y = oy * job.stride_h - job.pad_h;
  place.x = ox * job.stride_w - job.pad_w;
  place.base = ((image * job.in_h + place.y) * job.in_w + place.x) * job.pitch;
  place.bias = (job.row_class[oy] * job.column_classes + job.column_class[ox]) * job.out_c;
  return place;
}

/// Whether a row has this chunk; without it its operands are 0.
QFI_HOST_DEVICE inline bool has_chunk(const ProductJob& job, const RowPlace& row, const ChunkPlace& chunk) {
  return static_cast<unsigned>(row.y + chunk.dy) < static_cast<unsigned>(job.in_h) &&
         static_cast<unsigned>(row.x + chunk.dx) < static_cast<unsigned>(job.in_w);
}

QFI_HOST_DEVICE inline std::int32_t scaled_sum(std::int32_t sum, std::int32_t scale) {
  return wrapping_multiply(sum, scale);
}

/// Writes copies of a layer's inputs, each byte mapped, in rows of whole chunks: pixel by pixel, or unrolled,
/// output pixel by output pixel with all that it meets. What lies outside, and what fills the last chunk,
/// is 0.
struct CopyJob {
  const std::uint8_t* input = nullptr;  ///< [image][in_h][in_w][in_c]
  ConvolutionShape shape;
  bool is_unrolled = false;
  std::int64_t rows = 0;  ///< pixels of all images: of the input, or unrolled of the output
  int pitch = k_chunk;    ///< bytes of a row of a copy
  int copies = 0;
  const std::uint8_t* maps = nullptr;  ///< of each copy, 256 bytes
  std::uint8_t* to = nullptr;          ///< copies side by side
  std::int64_t copy_bytes = 0;         ///< from copy to copy
};

/// Where byte k of a copy's row comes from; -1: from nowhere.
QFI_HOST_DEVICE inline std::int64_t source_of(const CopyJob& job, std::int64_t row, int k) {
  const ConvolutionShape& s = job.shape;
  if (!job.is_unrolled) return k < s.in_c ? row * s.in_c + k : -1;
  const int tap = k / s.in_c;
  if (tap >= s.filter_h * s.filter_w) return -1;
  const int pixels = s.out_h * s.out_w;
  const std::int64_t image = row / pixels;
  const int pixel = static_cast<int>(row - image * pixels);
  const int iy = input_place(pixel / s.out_w, tap / s.filter_w, s.in_h, s.stride_h, s.dilation_h, s.pad_h, false);
  const int ix = input_place(pixel % s.out_w, tap % s.filter_w, s.in_w, s.stride_w, s.dilation_w, s.pad_w, false);
  if (iy < 0 || ix < 0) return -1;
  return ((image * s.in_h + iy) * s.in_w + ix) * s.in_c + (k - tap * s.in_c);
}

/// Makes a layer's weights ready for some terms, and the biases: what weights add by themselves depends on
/// which taps of a pixel lie inside.
struct PackJob {
  const std::uint8_t* weights = nullptr;  ///< stored bytes, [out_c][taps][in_c]
  int out_c = 1, filter_h = 1, filter_w = 1, in_c = 1;
  int tap_pitch = 1;  ///< bytes from tap to tap in a packed row
  int row_bytes = k_step;
  int copies = 0;
  const std::int8_t* maps = nullptr;  ///< of each copy, 256 weights
  std::int8_t* to = nullptr;          ///< [copy][out_c][row_bytes]
  const std::int32_t* inside = nullptr;   ///< 256 values: what a weight adds where its tap lies inside
  const std::int32_t* outside = nullptr;  ///< and in the padding; nullptr: nothing
  const std::uint8_t* row_taps = nullptr;     ///< [row class][filter_h]: 1 inside
  const std::uint8_t* column_taps = nullptr;  ///< [column class][filter_w]
  int row_classes = 1, column_classes = 1;
  const std::int32_t* bias = nullptr;  ///< of the layer, [out_c]
  std::int32_t* to_bias = nullptr;     ///< [row class][column class][out_c]
  std::uint32_t* tap_sums = nullptr;   ///< scratch, [out_c][2][filter_h * filter_w]
};

/// Byte k of a packed row comes from this tap and input channel; channel -1: from none.
struct WeightPlace {
  int tap = 0;
  int channel = -1;
};
QFI_HOST_DEVICE inline WeightPlace weight_place(const PackJob& job, int k) {
  WeightPlace place;
  place.tap = k / job.tap_pitch;
  const int channel = k - place.tap * job.tap_pitch;
  if (place.tap < job.filter_h * job.filter_w && channel < job.in_c) place.channel = channel;
  return place;
}
QFI_HOST_DEVICE inline std::uint8_t weight_at(const PackJob& job, int out, int tap, int channel) {
  return job.weights[(static_cast<std::int64_t>(out) * job.filter_h * job.filter_w + tap) * job.in_c + channel];
}

/// The bias of one channel for one class of pixels, from the sums of its taps: `inside` and `outside` each
/// [filter_h * filter_w].
QFI_HOST_DEVICE inline std::int32_t class_bias(const PackJob& job, int row_class, int column_class, int out,
                                               const std::uint32_t* inside, const std::uint32_t* outside) {
  auto sum = static_cast<std::uint32_t>(job.bias[out]);
  for (int ky = 0; ky < job.filter_h; ++ky)
    for (int kx = 0; kx < job.filter_w; ++kx) {
      const bool is_inside = job.row_taps[row_class * job.filter_h + ky] != 0 &&
                             job.column_taps[column_class * job.filter_w + kx] != 0;
      if (is_inside) sum += inside[ky * job.filter_w + kx];
      else if (job.outside != nullptr) sum += outside[ky * job.filter_w + kx];
    }
  return static_cast<std::int32_t>(sum);
}

/// Sums of single products, exact or looked up: every shape and every table, output by output.
struct LookUpJob {
  ConvolutionShape shape;
  std::int64_t images = 0;  ///< the shape's own planes included
  const std::uint8_t* input = nullptr;
  const std::uint8_t* weights = nullptr;  ///< [out_c][filter_h][filter_w][group_in_c]
  const std::int32_t* bias = nullptr;     ///< [out_c]
  const std::int32_t* table = nullptr;    ///< [weight byte][input byte]; nullptr: exact
  bool is_signed = false;                 ///< the codes
  std::int32_t weight_zero_point = 0;
  std::int32_t input_zero_point = 0;
  bool multiplies_padding = false;
  Finish finish;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::int32_t code_of(std::uint8_t byte, bool is_signed) {
  return is_signed ? static_cast<std::int8_t>(byte) : byte;
}

QFI_HOST_DEVICE inline std::int32_t product_at(const LookUpJob& job, std::uint8_t weight, std::uint8_t input) {
  if (job.table != nullptr) return job.table[weight * 256 + input];
  return (code_of(weight, job.is_signed) - job.weight_zero_point) *
         (code_of(input, job.is_signed) - job.input_zero_point);
}

/// Output `element` of all images.
QFI_HOST_DEVICE inline std::uint8_t look_up_output(const LookUpJob& job, std::int64_t element) {
  const ConvolutionShape& s = job.shape;
  const int out = static_cast<int>(element % s.out_c);
  const std::int64_t pixel = element / s.out_c;
  const int ox = static_cast<int>(pixel % s.out_w);
  const int oy = static_cast<int>(pixel / s.out_w % s.out_h);
  const std::int64_t image = pixel / s.out_w / s.out_h;
  const int channels = s.group_in_c();
  const int first = out / s.group_out_c() * channels;
  const std::uint8_t* weights = job.weights + static_cast<std::int64_t>(out) * s.filter_h * s.filter_w * channels;
  const auto padded = static_cast<std::uint8_t>(job.input_zero_point);
  std::int32_t sum = job.bias[out];
  for (int ky = 0; ky < s.filter_h; ++ky) {
    const int iy = input_place(oy, ky, s.in_h, s.stride_h, s.dilation_h, s.pad_h, s.is_transposed);
    for (int kx = 0; kx < s.filter_w; ++kx, weights += channels) {
      const int ix = input_place(ox, kx, s.in_w, s.stride_w, s.dilation_w, s.pad_w, s.is_transposed);
      const bool is_inside = iy >= 0 && ix >= 0;
      if (!is_inside && (!job.multiplies_padding || job.table == nullptr || s.is_transposed)) continue;
      const std::uint8_t* input =
          is_inside ? job.input + ((image * s.in_h + iy) * s.in_w + ix) * s.in_c + first : nullptr;
      for (int c = 0; c < channels; ++c)
        sum = wrapping_add(sum, product_at(job, weights[c], is_inside ? input[c] : padded));
    }
  }
  return finish_output(job.finish, sum, out);
}

/// output[i] = table[x[i]], or table[x[i] * 256 + y[i]].
struct ElementJob {
  const std::uint8_t* x = nullptr;
  const std::uint8_t* y = nullptr;  ///< nullptr: one input
  const std::uint8_t* table = nullptr;
  std::int64_t count = 0;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::uint8_t element_output(const ElementJob& job, const std::uint8_t* table, std::int64_t i) {
  return job.y == nullptr ? table[job.x[i]] : table[job.x[i] * 256 + job.y[i]];
}

/// Moves bytes: output i of an image is a byte of an input, or a constant.
struct GatherJob {
  struct Input {
    const std::uint8_t* bytes = nullptr;
    std::int64_t image_bytes = 0;
  };
  Input input[k_most_gather_inputs];
  const std::int64_t* sources = nullptr;  ///< input << 40 | place, or -1 - constant
  std::int64_t outputs = 0;               ///< of an image
  std::int64_t images = 0;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::uint8_t gathered(const GatherJob& job, std::int64_t image, std::int64_t output) {
  const std::int64_t source = job.sources[output];
  if (source < 0) return static_cast<std::uint8_t>(-1 - source);
  const GatherJob::Input& input = job.input[source >> 40];
  return input.bytes[image * input.image_bytes + (source & ((std::int64_t{1} << 40) - 1))];
}

/// Pools: each output channel from a window of its own input channel.
struct PoolJob {
  ConvolutionShape shape;
  std::int64_t images = 0;  ///< the shape's own planes included
  bool is_average = false;
  bool is_signed = false;
  std::int32_t min = 0;
  std::int32_t max = 0;
  const std::uint8_t* input = nullptr;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline int larger(int a, int b) { return a > b ? a : b; }
QFI_HOST_DEVICE inline int smaller(int a, int b) { return a < b ? a : b; }

QFI_HOST_DEVICE inline std::uint8_t pooled(const PoolJob& job, std::int64_t element) {
  const ConvolutionShape& s = job.shape;
  const int channel = static_cast<int>(element % s.out_c);
  const std::int64_t pixel = element / s.out_c;
  const std::int64_t image = pixel / s.out_w / s.out_h;
  const int top = static_cast<int>(pixel / s.out_w % s.out_h) * s.stride_h - s.pad_h;
  const int left = static_cast<int>(pixel % s.out_w) * s.stride_w - s.pad_w;
  std::int32_t sum = 0;
  std::int32_t best = job.is_signed ? -128 : 0;
  int taps = 0;
  for (int y = larger(top, 0); y < smaller(top + s.filter_h, s.in_h); ++y)
    for (int x = larger(left, 0); x < smaller(left + s.filter_w, s.in_w); ++x) {
      const std::int32_t value =
          code_of(job.input[((image * s.in_h + y) * s.in_w + x) * s.in_c + channel], job.is_signed);
      sum += value;
      best = larger(best, value);
      ++taps;
    }
  const std::int32_t half = sum > 0 ? taps / 2 : -(taps / 2);
  const std::int32_t value = job.is_average ? (sum + half) / taps : best;
  return static_cast<std::uint8_t>(clamped(value, job.min, job.max));
}

/// Sums over the rows of [count][outputs], rescaled: MEAN of pixels.
struct SumJob {
  std::int64_t images = 0;
  int count = 1;
  int outputs = 1;
  bool is_signed = false;
  std::int32_t start = 0;
  std::int32_t multiplier = 0;
  std::int32_t shift = 0;
  std::int32_t zero_point = 0;
  const std::uint8_t* input = nullptr;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::uint8_t summed(const SumJob& job, std::int64_t element) {
  const std::int64_t image = element / job.outputs;
  const std::uint8_t* input =
      job.input + image * job.count * job.outputs + (element - image * job.outputs);
  std::int32_t sum = job.start;
  for (int i = 0; i < job.count; ++i, input += job.outputs)
    sum = wrapping_add(sum, code_of(*input, job.is_signed));
  const std::int32_t scaled = wrapping_add(
      multiply_by_quantized_multiplier(sum, QuantizedMultiplier{job.multiplier, job.shift}), job.zero_point);
  return static_cast<std::uint8_t>(job.is_signed ? clamped(scaled, -128, 127) : clamped(scaled, 0, 255));
}

}  // namespace qfi::tiles
