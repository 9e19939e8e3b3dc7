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
#include "../kernels/linear_pair.hpp"
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
  std::int32_t half = 0;      ///< of the last bit that stays
  std::int32_t downwards = 0; ///< of negative values, so that halves go away from zero
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

/// As Requantizer does it: its product never saturates, as multipliers are not negative.
QFI_HOST_DEVICE inline std::uint8_t finish_output(const Finish& finish, const ChannelFinish& channel, std::int32_t sum) {
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
QFI_HOST_DEVICE inline void map_chunk(const Chunk& chunk, const std::uint32_t* maps, std::uint32_t (&mapped)[4][4]) {
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

/// Errors of one value that some pairs of operands have are counted for 32 images at once, a bit for each. A
/// class of weights has the same errors; its pattern says under which inputs. First the bits of every input
/// and pattern: words[group of 32 images][channel][pattern][pixel].
struct BitsJob {
  const std::uint8_t* input = nullptr;  ///< [image][in_h][in_w][in_c]
  int pixels = 1;                       ///< in_h * in_w
  int channels = 1;
  int images = 0;
  int pattern_words = 1;                    ///< 32 patterns each
  const std::uint32_t* patterns = nullptr;  ///< [input byte][pattern_words]
  std::uint32_t* words = nullptr;
};

QFI_HOST_DEVICE inline int groups_of(int images) { return (images + 31) / 32; }

/// Bit j of row i becomes bit i of row j.
QFI_HOST_DEVICE inline void transpose_bits(std::uint32_t (&rows)[32]) {
  std::uint32_t mask = 0x0000FFFFU;
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
  for (int half = 16; half > 0; half /= 2) {
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
    for (int i = 0; i < 32; ++i) {
      if ((i & half) != 0) continue;
      const std::uint32_t swapped = ((rows[i] >> half) ^ rows[i + half]) & mask;
      rows[i] ^= swapped << half;
      rows[i + half] ^= swapped;
    }
    mask ^= mask << (half / 2);
  }
}

/// The words of 32 patterns for one pixel and channel of a group. `patterns`: as the job's.
QFI_HOST_DEVICE inline void make_words(const BitsJob& job, const std::uint32_t* patterns, std::int64_t group,
                                       int channel, int pattern_word, int pixel) {
  std::uint32_t rows[32];
  const std::uint8_t* input =
      job.input + (group * 32 * job.pixels + pixel) * static_cast<std::int64_t>(job.channels) + channel;
  const std::int64_t of_image = static_cast<std::int64_t>(job.pixels) * job.channels;
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
  for (int i = 0; i < 32; ++i)
    rows[i] = group * 32 + i < job.images ? patterns[input[i * of_image] * job.pattern_words + pattern_word] : 0U;
  transpose_bits(rows);
  std::uint32_t* words =
      job.words +
      (((group * job.channels + channel) * job.pattern_words + pattern_word) * 32) * static_cast<std::int64_t>(job.pixels) +
      pixel;
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
  for (int j = 0; j < 32; ++j) words[static_cast<std::int64_t>(j) * job.pixels] = rows[j];
}

/// The class of every weight of a layer, in the order in which they are counted.
struct ClassJob {
  const std::uint8_t* weights = nullptr;     ///< [out_c][taps][in_c]
  const std::uint16_t* of_weight = nullptr;  ///< of each weight byte; k_no_class: without errors
  int out_c = 1, taps = 1, in_c = 1;
  std::uint16_t* classes = nullptr;  ///< [out_c][in_c][taps]
};
constexpr std::uint16_t k_no_class = 0xFFFF;

QFI_HOST_DEVICE inline std::uint16_t class_at(const ClassJob& job, std::int64_t place) {
  const int tap = static_cast<int>(place % job.taps);
  const std::int64_t rest = place / job.taps;
  const std::int64_t out = rest / job.in_c;
  const std::int64_t channel = rest - out * job.in_c;
  return job.of_weight[job.weights[(out * job.taps + tap) * job.in_c + channel]];
}

constexpr int k_most_counted_taps = 32;  ///< of a filter: each has a bit

/// sums[out][image][pixel] = (or +=) factor * how many pairs of that output have the error.
struct CountJob {
  ConvolutionShape shape;
  int images = 0;
  int patterns = 32;  ///< of the words
  const std::uint32_t* words = nullptr;
  const std::uint16_t* classes = nullptr;
  std::int32_t factor = 1;
  bool adds = false;
  std::int32_t* sums = nullptr;  ///< [out_c][images][out_h * out_w]
};

/// Counts bits in 32 columns at once: word k holds bit k of every count.
class BitCounter {
 public:
  static constexpr int k_bits = 20;

  QFI_HOST_DEVICE void add(std::uint32_t word) { add_at(0, word); }
  /// Four words in two full adders and what they carry.
  QFI_HOST_DEVICE void add(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    const std::uint32_t low = full_add(m_bits[0], a, b);
    const std::uint32_t high = full_add(m_bits[0], c, d);
    add_at(2, full_add(m_bits[1], low, high));
  }
  QFI_HOST_DEVICE std::int32_t count(int column) const {
    std::int32_t sum = 0;
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
    for (int k = 0; k < k_bits; ++k) sum |= static_cast<std::int32_t>((m_bits[k] >> column & 1U) << k);
    return sum;
  }

 private:
  // sum becomes the lowest bit of the three, and the other one is returned.
  QFI_HOST_DEVICE static std::uint32_t full_add(std::uint32_t& sum, std::uint32_t a, std::uint32_t b) {
    const std::uint32_t carry = (sum & a) | (sum & b) | (a & b);
    sum = sum ^ a ^ b;
    return carry;
  }
  QFI_HOST_DEVICE void add_at(int first, std::uint32_t carry) {
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
    for (int k = 0; k < k_bits; ++k) {
      if (k < first) continue;
      if (carry == 0) break;
      const std::uint32_t next = m_bits[k] & carry;
      m_bits[k] ^= carry;
      carry = next;
    }
  }
  std::uint32_t m_bits[k_bits] = {};
};

/// One output pixel of a group of images, one output channel; `lane` counts pixels of all groups.
QFI_HOST_DEVICE inline void count_output(const CountJob& job, int out, int lane) {
  const ConvolutionShape& s = job.shape;
  const int out_pixels = s.out_h * s.out_w;
  const int in_pixels = s.in_h * s.in_w;
  const int group = lane / out_pixels;
  const int pixel = lane - group * out_pixels;
  const int oy = pixel / s.out_w;
  const int top = oy * s.stride_h - s.pad_h;
  const int left = (pixel - oy * s.out_w) * s.stride_w - s.pad_w;
  const int taps = s.filter_h * s.filter_w;
  std::uint32_t inside = 0;
  for (int tap = 0; tap < taps; ++tap) {
    const int y = top + tap / s.filter_w * s.dilation_h;
    const int x = left + tap % s.filter_w * s.dilation_w;
    if (y >= 0 && y < s.in_h && x >= 0 && x < s.in_w) inside |= 1U << tap;
  }
  const std::int64_t of_channel = static_cast<std::int64_t>(job.patterns) * in_pixels;
  const std::uint32_t* words = job.words + group * of_channel * s.in_c + (top * s.in_w + left);
  const std::uint16_t* classes = job.classes + static_cast<std::int64_t>(out) * s.in_c * taps;
  BitCounter counter;
  std::uint32_t waiting[4] = {};
  for (int channel = 0; channel < s.in_c; ++channel, words += of_channel) {
    int dx = 0, row = 0;
    for (int tap = 0; tap < taps; ++tap) {
      const std::uint16_t of_tap = *classes++;
      const int place = row + dx;
      dx += s.dilation_w;
      if (dx == s.filter_w * s.dilation_w) {
        dx = 0;
        row += s.dilation_h * s.in_w;
      }
      const bool counts = of_tap != k_no_class && (inside >> tap & 1U) != 0;
      waiting[tap & 3] = counts ? words[static_cast<std::int64_t>(of_tap) * in_pixels + place] : 0U;
      if ((tap & 3) == 3) counter.add(waiting[0], waiting[1], waiting[2], waiting[3]);
    }
    for (int rest = 0; rest < (taps & 3); ++rest) counter.add(waiting[rest]);
  }
  const std::int64_t rows = static_cast<std::int64_t>(job.images) * out_pixels;
  std::int32_t* sums = job.sums + out * rows + static_cast<std::int64_t>(group) * 32 * out_pixels + pixel;
  for (int i = 0; i < 32 && group * 32 + i < job.images; ++i, sums += out_pixels) {
    const std::int32_t counted = wrapping_multiply(job.factor, counter.count(i));
    *sums = job.adds ? wrapping_add(*sums, counted) : counted;
  }
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
  const std::int64_t pixel = quotient(element, s.out_c);
  const int out = static_cast<int>(element - pixel * s.out_c);
  const std::int64_t image = quotient(pixel, s.out_w * s.out_h);
  const int in_plane = static_cast<int>(pixel - image * (s.out_w * s.out_h));
  const int oy = in_plane / s.out_w;
  const int ox = in_plane - oy * s.out_w;
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

/// output[i] = table[x[i]], or table[x[i] * 256 + y[i]]; or the linear form of both, where there is no table.
struct ElementJob {
  const std::uint8_t* x = nullptr;
  const std::uint8_t* y = nullptr;      ///< nullptr: one input
  const std::uint8_t* table = nullptr;  ///< nullptr: the form
  LinearPair form;
  bool is_signed = false;
  std::int64_t count = 0;
  std::uint8_t* output = nullptr;
};

QFI_HOST_DEVICE inline std::uint8_t linear_output(const ElementJob& job, std::uint8_t x, std::uint8_t y) {
  const LinearPair& form = job.form;
  const std::int32_t sum = form.of_x * code_of(x, job.is_signed) + form.of_y * code_of(y, job.is_signed) + form.offset;
  return static_cast<std::uint8_t>(clamped(sum >> form.shift, form.min, form.max));
}

QFI_HOST_DEVICE inline std::uint8_t element_output(const ElementJob& job, const std::uint8_t* table, std::int64_t i) {
  if (table == nullptr) return linear_output(job, job.x[i], job.y[i]);
  return job.y == nullptr ? table[job.x[i]] : table[job.x[i] * 256 + job.y[i]];
}

/// Moves units of bytes: a unit of an image's output is one of an input, or a constant.
struct GatherJob {
  struct Input {
    const std::uint8_t* bytes = nullptr;
    std::int64_t image_bytes = 0;
  };
  Input input[k_most_gather_inputs];
  const std::int64_t* sources = nullptr;  ///< input << 40 | place in bytes, or -1 - constant
  int unit = 1;                           ///< bytes: 1, or k_chunk, all places then being multiples of it
  std::int64_t outputs = 0;               ///< units of an image
  std::int64_t images = 0;
  std::uint8_t* output = nullptr;
};

/// nullptr: a constant, of `source` as the job's.
QFI_HOST_DEVICE inline const std::uint8_t* gathered(const GatherJob& job, std::int64_t image, std::int64_t source) {
  if (source < 0) return nullptr;
  const GatherJob::Input& input = job.input[source >> 40];
  return input.bytes + image * input.image_bytes + (source & ((std::int64_t{1} << 40) - 1));
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
  const std::int64_t pixel = quotient(element, s.out_c);
  const int channel = static_cast<int>(element - pixel * s.out_c);
  const std::int64_t image = quotient(pixel, s.out_w * s.out_h);
  const int in_plane = static_cast<int>(pixel - image * (s.out_w * s.out_h));
  const int top = in_plane / s.out_w * s.stride_h - s.pad_h;
  const int left = in_plane % s.out_w * s.stride_w - s.pad_w;
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
