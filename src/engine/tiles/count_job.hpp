// SPDX-License-Identifier: Apache-2.0
// Counting of errors, 32 images in a word, as plain values and the programs of one word; see product_job.hpp.
#pragma once

#include "product_job.hpp"

namespace qfi::tiles {

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
    rows[i] =
        group * 32 + i < job.images ? patterns[input[i * of_image] * job.pattern_words + pattern_word] : 0U;
  transpose_bits(rows);
  std::uint32_t* words = job.words +
                         (((group * job.channels + channel) * job.pattern_words + pattern_word) * 32) *
                             static_cast<std::int64_t>(job.pixels) +
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

}  // namespace qfi::tiles
