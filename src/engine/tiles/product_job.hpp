// SPDX-License-Identifier: Apache-2.0
// Sums of products on a device that computes by tiles, as plain values, and the programs of one tile: where
// operands lie, how they are mapped and packed, how sums become stored outputs. The same functions run on a
// GPU and, in loops, on the CPU, so that all but the hardware's own instructions is tested without one.
// Pointers are to the machine's memory.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "../convolution_shape.hpp"
#include "qfi/arith/requantize.hpp"

namespace qfi::tiles {

constexpr int k_chunk = 16;       ///< bytes that are loaded at once
constexpr int k_step_chunks = 4;  ///< chunks of a row that are multiplied in one step
constexpr int k_step = 64;        ///< k_chunk * k_step_chunks bytes
constexpr int k_tile_rows = 128;  ///< rows of a tile of products
constexpr int k_most_terms = 66;  ///< factored products, and the zero point of weights

/// From an accumulator to a stored byte; arrays have one entry for each output channel.
struct Finish {
  const std::int32_t* multiplier = nullptr;
  const std::int32_t* shift = nullptr;
  const double* real = nullptr;  ///< in the place of multiplier and shift; nullptr: not
  std::int32_t zero_point = 0;
  std::int32_t min = 0;
  std::int32_t max = 0;
};

QFI_HOST_DEVICE inline int larger(int a, int b) { return a > b ? a : b; }
QFI_HOST_DEVICE inline int smaller(int a, int b) { return a < b ? a : b; }

/// n / d for n >= 0 and d > 0, in 32 bits where that does.
QFI_HOST_DEVICE inline std::int64_t quotient(std::int64_t n, int d) {
  if (n <= 0x7FFFFFFF) return static_cast<std::int32_t>(n) / d;
  return n / d;
}

QFI_HOST_DEVICE inline std::int32_t clamped(std::int32_t value, std::int32_t min, std::int32_t max) {
  return value < min ? min : value > max ? max : value;
}

/// How one output channel is finished.
struct ChannelFinish {
  std::int32_t multiplier = 0;
  std::int32_t left = 0;
  std::int32_t right = 0;
  std::int32_t half = 0;       ///< of the last bit that stays
  std::int32_t downwards = 0;  ///< of negative values, so that halves go away from zero
  double real = 0;
};
QFI_HOST_DEVICE inline ChannelFinish channel_finish(const Finish& finish, int channel) {
  ChannelFinish one;
  if (finish.real != nullptr) {
    one.real = finish.real[channel];
    return one;
  }
  const std::int32_t shift = finish.shift[channel];
  one.multiplier = finish.multiplier[channel];
  one.left = shift > 0 ? shift : 0;
  one.right = shift > 0 ? 0 : -shift;
  one.half = one.right > 0 ? static_cast<std::int32_t>(1U << (one.right - 1)) : 0;
  one.downwards = one.right > 0 ? 1 : 0;
  return one;
}

/// Does what Requantizer does, whose product never saturates, as multipliers are not negative.
QFI_HOST_DEVICE inline std::uint8_t finish_output(const Finish& finish, const ChannelFinish& channel,
                                                  std::int32_t sum) {
  std::int32_t scaled;
  if (finish.real != nullptr) {
    const double rounded = ::round(static_cast<double>(sum) * channel.real);
    const bool fits = rounded >= -2147483648.0 && rounded <= 2147483647.0;
    scaled = fits ? static_cast<std::int32_t>(rounded) : -2147483647 - 1;
  } else {
    const auto shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) << channel.left);
    const auto high = static_cast<std::int32_t>(
        (std::int64_t{shifted} * channel.multiplier + (std::int64_t{1} << 30)) >> 31);
    const std::int64_t rounded = std::int64_t{high} + channel.half - (high < 0 ? channel.downwards : 0);
    scaled = static_cast<std::int32_t>(rounded >> channel.right);
  }
  return static_cast<std::uint8_t>(clamped(wrapping_add(scaled, finish.zero_point), finish.min, finish.max));
}
QFI_HOST_DEVICE inline std::uint8_t finish_output(const Finish& finish, std::int32_t sum, int channel) {
  return finish_output(finish, channel_finish(finish, channel), sum);
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
  int rows = 0;
  bool is_signed = false;  ///< the inputs
  int terms = 0;
  std::int32_t last_scale = 1;
  const std::uint16_t* row_class = nullptr;     ///< of each output row
  const std::uint16_t* column_class = nullptr;  ///< of each output column
  int column_classes = 1;
  const std::int32_t* bias = nullptr;     ///< [row class][column class][out_c]
  const std::int32_t* counted = nullptr;  ///< [out_c][rows], added to the sums; nullptr: nothing
  Finish finish;
  std::uint8_t* output = nullptr;  ///< [row][out_c]
  Term term[k_most_terms];
};

/// What was counted for an output.
QFI_HOST_DEVICE inline std::int32_t counted_at(const ProductJob& job, int row, int out) {
  return job.counted == nullptr ? 0 : job.counted[static_cast<std::int64_t>(out) * job.rows + row];
}

/// The first pixel that a row meets, which may lie outside, and its bias.
struct RowPlace {
  std::int64_t base = 0;  ///< bytes
  int y = 0;
  int x = 0;
  int bias = 0;
};

QFI_HOST_DEVICE inline RowPlace row_place(const ProductJob& job, int row) {
  const int pixels = job.out_h * job.out_w;
  const int image = row / pixels;
  const int pixel = row - image * pixels;
  const int oy = pixel / job.out_w;
  const int ox = pixel - oy * job.out_w;
  RowPlace place;
  place.y = oy * job.stride_h - job.pad_h;
  place.x = ox * job.stride_w - job.pad_w;
  place.base = ((std::int64_t{image} * job.in_h + place.y) * job.in_w + place.x) * job.pitch;
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
/// is 0. The maps of four copies stand side by side in a word.
struct CopyJob {
  const std::uint8_t* input = nullptr;  ///< [image][in_h][in_w][in_c]
  ConvolutionShape shape;
  bool is_unrolled = false;
  std::int64_t rows = 0;  ///< pixels of all images: of the input, or unrolled of the output
  int pitch = k_chunk;    ///< bytes of a row of a copy
  int copies = 0;
  const std::uint32_t* maps = nullptr;  ///< [copy / 4][256], bits 8 * (copy % 4) and on
  std::uint8_t* to = nullptr;           ///< copies side by side
  std::int64_t copy_bytes = 0;          ///< from copy to copy
};

QFI_HOST_DEVICE inline int map_words(int copies) { return (copies + 3) / 4 * 256; }

/// A chunk of a row before it is mapped; bit k of `is_there`: byte k comes from an input.
struct Chunk {
  std::uint32_t words[4] = {};
  std::uint32_t is_there = 0;
};

QFI_HOST_DEVICE inline void set_byte(Chunk& chunk, int k, std::uint8_t byte) {
  chunk.words[k / 4] |= static_cast<std::uint32_t>(byte) << (k % 4 * 8);
  chunk.is_there |= 1U << k;
}

/// Bytes first .. first + k_chunk - 1 of a row.
QFI_HOST_DEVICE inline Chunk read_chunk(const CopyJob& job, std::int64_t row, int first) {
  const ConvolutionShape& s = job.shape;
  Chunk chunk;
  if (!job.is_unrolled) {
    const std::uint8_t* from = job.input + row * s.in_c + first;
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
    for (int k = 0; k < k_chunk; ++k)
      if (first + k < s.in_c) set_byte(chunk, k, from[k]);
    return chunk;
  }
  const int pixels = s.out_h * s.out_w;
  const std::int64_t image = quotient(row, pixels);
  const int pixel = static_cast<int>(row - image * pixels);
  const int top = pixel / s.out_w * s.stride_h - s.pad_h;
  const int left = pixel % s.out_w * s.stride_w - s.pad_w;
  const int tap = first / s.in_c;
  int channel = first - tap * s.in_c;
  int ky = tap / s.filter_w;
  int kx = tap - ky * s.filter_w;
  const std::uint8_t* from = job.input + image * static_cast<std::int64_t>(s.in_plane());
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
  for (int k = 0; k < k_chunk; ++k) {
    const int y = top + ky * s.dilation_h;
    const int x = left + kx * s.dilation_w;
    if (ky < s.filter_h && static_cast<unsigned>(y) < static_cast<unsigned>(s.in_h) &&
        static_cast<unsigned>(x) < static_cast<unsigned>(s.in_w))
      set_byte(chunk, k, from[(y * s.in_w + x) * s.in_c + channel]);
    if (++channel < s.in_c) continue;
    channel = 0;
    if (++kx < s.filter_w) continue;
    kx = 0;
    ++ky;
  }
  return chunk;
}

/// Byte j of word i becomes byte i of word j.
QFI_HOST_DEVICE inline void transpose_bytes(std::uint32_t (&words)[4]) {
  const std::uint32_t a = (words[0] & 0x00FF00FFU) | (words[1] & 0x00FF00FFU) << 8;
  const std::uint32_t b = (words[0] >> 8 & 0x00FF00FFU) | (words[1] & 0xFF00FF00U);
  const std::uint32_t c = (words[2] & 0x00FF00FFU) | (words[3] & 0x00FF00FFU) << 8;
  const std::uint32_t d = (words[2] >> 8 & 0x00FF00FFU) | (words[3] & 0xFF00FF00U);
  words[0] = (a & 0xFFFFU) | c << 16;
  words[1] = (b & 0xFFFFU) | d << 16;
  words[2] = a >> 16 | (c & 0xFFFF0000U);
  words[3] = b >> 16 | (d & 0xFFFF0000U);
}

/// The chunk under four maps: mapped[copy] are its words. `maps`: of these copies, 256 words.
QFI_HOST_DEVICE inline void map_chunk(const Chunk& chunk, const std::uint32_t* maps,
                                      std::uint32_t (&mapped)[4][4]) {
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
  for (int word = 0; word < 4; ++word) {
    std::uint32_t bytes[4];
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
    for (int k = 0; k < 4; ++k) {
      const bool is_there = (chunk.is_there >> (word * 4 + k) & 1U) != 0;
      bytes[k] = is_there ? maps[chunk.words[word] >> (8 * k) & 0xFFU] : 0U;
    }
    transpose_bytes(bytes);
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
    for (int copy = 0; copy < 4; ++copy) mapped[copy][word] = bytes[copy];
  }
}

/// Makes a layer's weights ready for some terms, and the biases: what weights add by themselves depends on
/// which taps of a pixel lie inside.
struct PackJob {
  const std::uint8_t* weights = nullptr;  ///< stored bytes, [out_c][taps][in_c]
  int out_c = 1, filter_h = 1, filter_w = 1, in_c = 1;
  int tap_pitch = 1;  ///< bytes from tap to tap in a packed row
  int row_bytes = k_step;
  int copies = 0;
  const std::int8_t* maps = nullptr;          ///< of each copy, 256 weights
  std::int8_t* to = nullptr;                  ///< [copy][out_c][row_bytes]
  const std::int32_t* inside = nullptr;       ///< 256 values: what a weight adds where its tap lies inside
  const std::int32_t* outside = nullptr;      ///< and in the padding; nullptr: nothing
  const std::uint8_t* row_taps = nullptr;     ///< [row class][filter_h]: 1 inside
  const std::uint8_t* column_taps = nullptr;  ///< [column class][filter_w]
  int row_classes = 1, column_classes = 1;
  const std::int32_t* bias = nullptr;  ///< of the layer, [out_c]
  std::int32_t* to_bias = nullptr;     ///< [row class][column class][out_c]
  std::uint32_t* tap_sums = nullptr;   ///< scratch, [out_c][2][filter_h * filter_w]
  int first_row = 0;                   ///< of this layer's channels among those of all layers
};
/// All layers of a fault at once.
struct PackAllJob {
  const PackJob* jobs = nullptr;  ///< in the order of first_row
  int count = 0;
  int rows = 0;         ///< channels of all layers
  int most_copies = 0;  ///< of a layer
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
/// The weight stored there.
QFI_HOST_DEVICE inline std::uint8_t weight_at(const PackJob& job, int out, int tap, int channel) {
  return job
      .weights[(static_cast<std::int64_t>(out) * job.filter_h * job.filter_w + tap) * job.in_c + channel];
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

}  // namespace qfi::tiles
