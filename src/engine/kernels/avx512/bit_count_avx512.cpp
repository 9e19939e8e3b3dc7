// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "avx512.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include "qfi/base/target_avx512.hpp"

namespace qfi {
namespace {

using Vector = __m512i;

// 16 x 16 bytes in each 128-bit lane: byte k of row i and byte i of row k change places.
inline void transpose_16(Vector* rows) {
  for (int stage = 0; stage < 4; ++stage) {
    Vector next[16];
    for (int i = 0; i < 8; ++i) {
      next[2 * i] = _mm512_unpacklo_epi8(rows[i], rows[i + 8]);
      next[2 * i + 1] = _mm512_unpackhi_epi8(rows[i], rows[i + 8]);
    }
    for (int i = 0; i < 16; ++i) rows[i] = next[i];
  }
}

// Qword k of row i and qword i of row k change places.
inline void transpose_8_qwords(Vector* rows) {
  Vector a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm512_unpacklo_epi64(rows[i], rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi64(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    b[i] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0x88);
    b[i + 2] = _mm512_shuffle_i64x2(a[i], a[i + 2], 0xDD);
    b[i + 4] = _mm512_shuffle_i64x2(a[i + 4], a[i + 6], 0x88);
    b[i + 6] = _mm512_shuffle_i64x2(a[i + 4], a[i + 6], 0xDD);
  }
  for (int i = 0; i < 4; ++i) {
    rows[i] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0x88);
    rows[i + 4] = _mm512_shuffle_i64x2(b[i], b[i + 4], 0xDD);
  }
}

// The bytes of 16 channels, each of 64 planes, at one place of the input; 16 bytes of each plane are read.
inline void load_channels(const std::uint8_t* first, std::size_t plane_bytes, Vector* channels) {
  const auto load = [&](std::size_t plane) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(first + plane * plane_bytes));
  };
  for (std::size_t i = 0; i < 16; ++i) {
    Vector row = _mm512_castsi128_si512(load(i));
    row = _mm512_inserti32x4(row, load(16 + i), 1);
    row = _mm512_inserti32x4(row, load(32 + i), 2);
    channels[i] = _mm512_inserti32x4(row, load(48 + i), 3);
  }
  transpose_16(channels);
}

// Fills in the words of one place and 64 planes, in both copies of the row.
inline void store_bits(const BitCounts& counts, std::size_t channel, Vector bytes, std::uint64_t* first,
                       std::uint64_t* second) {
  for (std::size_t k = counts.first_lookup[channel]; k < counts.first_lookup[channel + 1]; ++k) {
    const BitLookup& lookup = counts.lookups[k];
    const std::uint8_t* table = lookup.table->data();
    const Vector low =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(table), bytes, _mm512_loadu_si512(table + 64));
    const Vector high =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), bytes, _mm512_loadu_si512(table + 192));
    const Vector bits = _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), low, high);
    for (std::size_t b = 0; b < 8; ++b) {
      if (lookup.bit_plane[b] == BitLookup::k_none) continue;
      const std::uint64_t word = _mm512_test_epi8_mask(bits, _mm512_set1_epi8(static_cast<char>(1U << b)));
      const std::size_t place = lookup.bit_plane[b] * counts.rows.words;
      first[place] = word;
      second[place] = word;
    }
  }
}

// One padded row of the input. Its bytes are first copied together, as planes are often a power of two apart,
// which the caches do not like.
void build_row(const BitCounts& counts, const ConvolutionShape& s, std::size_t planes,
               const std::uint8_t* input, int padded_row, const BitMemory& memory) {
  const BitRows& rows = counts.rows;
  std::uint64_t* first = memory.rows + static_cast<std::size_t>(padded_row % rows.ring) * rows.row_words();
  std::uint64_t* second = first + static_cast<std::size_t>(rows.ring) * rows.row_words();
  const int y = padded_row - s.pad_h;
  if (y < 0 || y >= s.in_h) {
    std::memset(first, 0, rows.row_words() * sizeof(std::uint64_t));
    std::memset(second, 0, rows.row_words() * sizeof(std::uint64_t));
    return;
  }
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const std::size_t row_bytes = static_cast<std::size_t>(s.in_w) * in_c;
  const std::size_t channels = counts.first_lookup.size() - 1;
  const auto stride = static_cast<std::size_t>(s.stride_w);
  for (std::size_t group = 0; group < rows.groups && group * 64 < planes; ++group) {
    const std::uint8_t* row = input + group * 64 * s.in_plane() + static_cast<std::size_t>(y) * row_bytes;
    for (std::size_t plane = 0; plane < 64 && group * 64 + plane < planes; ++plane)
      std::memcpy(memory.bytes + plane * rows.copied_bytes, row + plane * s.in_plane(), row_bytes);
    for (int x = 0; x < s.in_w; ++x) {
      const auto padded = static_cast<std::size_t>(x + s.pad_w);
      if (padded / stride >= rows.segment) break;
      const std::size_t place = (padded % stride * rows.segment + padded / stride) * rows.groups + group;
      const std::uint8_t* pixel = memory.bytes + static_cast<std::size_t>(x) * in_c + counts.first_channel;
      for (std::size_t c = 0; c < channels; c += 16) {
        Vector bytes[16];
        load_channels(pixel + c, rows.copied_bytes, bytes);
        for (std::size_t i = 0; i < 16 && c + i < channels; ++i)
          store_bits(counts, c + i, bytes[i], first + place, second + place);
      }
    }
  }
}

struct Sum {
  Vector sum;
  Vector carry;
};
inline Sum full_add(Vector a, Vector b, Vector c) {
  return {_mm512_ternarylogic_epi64(a, b, c, 0x96), _mm512_ternarylogic_epi64(a, b, c, 0xE8)};
}

// 16 words more: into the counter's lowest four bits; gives the carry of weight 16.
inline Vector add_16(const std::uint8_t* base, const std::uint32_t* entries, Vector* counter) {
  const auto word = [&](int i) { return _mm512_loadu_si512(base + entries[i]); };
  const Sum a = full_add(word(0), word(1), word(2));
  const Sum b = full_add(word(3), word(4), word(5));
  const Sum c = full_add(word(6), word(7), word(8));
  const Sum d = full_add(word(9), word(10), word(11));
  const Sum e = full_add(word(12), word(13), word(14));
  const Sum f = full_add(a.sum, b.sum, c.sum);
  const Sum g = full_add(d.sum, e.sum, word(15));
  const Sum h = full_add(f.sum, g.sum, counter[0]);
  counter[0] = h.sum;
  const Sum i = full_add(a.carry, b.carry, c.carry);
  const Sum j = full_add(d.carry, e.carry, f.carry);
  const Sum k = full_add(i.sum, j.sum, g.carry);
  const Sum l = full_add(k.sum, h.carry, counter[1]);
  counter[1] = l.sum;
  const Sum m = full_add(i.carry, j.carry, k.carry);
  const Sum n = full_add(m.sum, l.carry, counter[2]);
  counter[2] = n.sum;
  const Sum o = full_add(m.carry, n.carry, counter[3]);
  counter[3] = o.sum;
  return o.carry;
}

inline void ripple(Vector carry, int from, int bits, Vector* counter) {
  for (int b = from; b < bits; ++b) {
    const Vector next = _mm512_and_si512(counter[b], carry);
    counter[b] = _mm512_xor_si512(counter[b], carry);
    carry = next;
  }
}

// Counts the words of one output channel for 8 words of places.
inline void count_entries(const std::uint8_t* base, const std::uint32_t* entry, const std::uint32_t* end,
                          int bits, Vector* counter) {
  for (int b = 0; b < 16; ++b) counter[b] = _mm512_setzero_si512();
  for (; end - entry >= 64; entry += 64) {
    const Vector a = add_16(base, entry, counter);
    const Sum low = full_add(a, add_16(base, entry + 16, counter), counter[4]);
    const Vector b = add_16(base, entry + 32, counter);
    const Sum high = full_add(b, add_16(base, entry + 48, counter), low.sum);
    counter[4] = high.sum;
    const Sum both = full_add(low.carry, high.carry, counter[5]);
    counter[5] = both.sum;
    ripple(both.carry, 6, bits, counter);
  }
  for (; entry < end; entry += 16) ripple(add_16(base, entry, counter), 4, bits, counter);
}

// 8 bit planes of 8 words to the bytes of 64 planes for each word.
inline void to_bytes(const Vector* planes, Vector* bytes) {
  alignas(64) static constexpr std::array<std::uint8_t, 64> k_order = [] {
    std::array<std::uint8_t, 64> order{};
    for (std::size_t g = 0; g < 8; ++g)
      for (std::size_t b = 0; b < 8; ++b) order[g * 8 + 7 - b] = static_cast<std::uint8_t>(b * 8 + g);
    return order;
  }();
  const Vector order = _mm512_load_si512(k_order.data());
  const Vector identity = _mm512_set1_epi64(static_cast<long long>(0x8040201008040201U));
  for (int i = 0; i < 8; ++i) bytes[i] = planes[i];
  transpose_8_qwords(bytes);
  for (int i = 0; i < 8; ++i)
    bytes[i] = _mm512_gf2p8affine_epi64_epi8(identity, _mm512_permutexvar_epi8(order, bytes[i]), 0);
}

// Stores the counts' bytes of 16 output channels of 64 planes at one place where they belong.
inline void store_channels(Vector* channels, std::size_t planes, std::size_t plane_stride, __mmask16 mask,
                           std::uint8_t* to) {
  transpose_16(channels);
  if (planes >= 64 && mask == 0xFFFF) {
    for (std::size_t i = 0; i < 16; ++i, to += plane_stride) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_castsi512_si128(channels[i]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16 * plane_stride),
                       _mm512_extracti32x4_epi32(channels[i], 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 32 * plane_stride),
                       _mm512_extracti32x4_epi32(channels[i], 2));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 48 * plane_stride),
                       _mm512_extracti32x4_epi32(channels[i], 3));
    }
    return;
  }
  const auto store = [&](std::size_t plane, __m128i bytes) {
    if (plane < planes) _mm_mask_storeu_epi8(to + plane * plane_stride, mask, bytes);
  };
  for (std::size_t i = 0; i < 16; ++i) {
    store(i, _mm512_castsi512_si128(channels[i]));
    store(16 + i, _mm512_extracti32x4_epi32(channels[i], 1));
    store(32 + i, _mm512_extracti32x4_epi32(channels[i], 2));
    store(48 + i, _mm512_extracti32x4_epi32(channels[i], 3));
  }
}

void add_to_bytes(std::uint8_t* low, std::uint8_t* high, std::size_t count, const std::uint8_t* more_low,
                  const std::uint8_t* more_high) {
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned sum = (low[i] | (high == nullptr ? 0U : unsigned{high[i]} << 8U)) + more_low[i] +
                         (high == nullptr ? 0U : unsigned{more_high[i]} << 8U);
    low[i] = static_cast<std::uint8_t>(sum);
    if (high != nullptr) high[i] = static_cast<std::uint8_t>(sum >> 8U);
  }
}

// One output row of all channels.
void count_row(const BitCounts& counts, const ConvolutionShape& s, std::size_t planes,
               const std::uint8_t* base, std::size_t oy, const CountedBytes& output) {
  const BitRows& rows = counts.rows;
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  for (std::size_t word = 0; word < out_w * rows.groups; word += 8)
    for (std::size_t c = 0; c < out_c; c += 16) {
      const std::size_t taken = out_c - c < 16 ? out_c - c : 16;
      const auto mask = static_cast<__mmask16>((1U << taken) - 1U);
      Vector low[8][16], high[8][16];
      for (std::size_t i = 0; i < 16; ++i) {
        Vector counter[16], bytes[8];
        if (i < taken) {
          count_entries(base + word * 8, &counts.entries[counts.first_entry[c + i]],
                        &counts.entries[counts.first_entry[c + i + 1]], counts.bits, counter);
        } else {
          for (auto& bit : counter) bit = _mm512_setzero_si512();
        }
        to_bytes(counter, bytes);
        for (std::size_t k = 0; k < 8; ++k) low[k][i] = bytes[k];
        if (output.high == nullptr) continue;
        to_bytes(counter + 8, bytes);
        for (std::size_t k = 0; k < 8; ++k) high[k][i] = bytes[k];
      }
      for (std::size_t k = 0; k < 8 && word + k < out_w * rows.groups; ++k) {
        const std::size_t x = (word + k) / rows.groups;
        const std::size_t first_plane = (word + k) % rows.groups * 64;
        if (first_plane >= planes) continue;
        const std::size_t left = planes - first_plane;
        const std::size_t place = first_plane * output.plane_stride + (oy * out_w + x) * out_c + c;
        if (!output.adds) {
          store_channels(low[k], left, output.plane_stride, mask, output.low + place);
          if (output.high != nullptr)
            store_channels(high[k], left, output.plane_stride, mask, output.high + place);
          continue;
        }
        alignas(64) std::uint8_t more_low[64 * 16], more_high[64 * 16];
        store_channels(low[k], left, 16, mask, more_low);
        if (output.high != nullptr) store_channels(high[k], left, 16, mask, more_high);
        for (std::size_t plane = 0; plane < left && plane < 64; ++plane) {
          const std::size_t at = place + plane * output.plane_stride;
          add_to_bytes(output.low + at, output.high == nullptr ? nullptr : output.high + at, taken,
                       more_low + plane * 16, more_high + plane * 16);
        }
      }
    }
}

}  // namespace

void count_bits_avx512(const BitCounts& counts, const ConvolutionShape& s, std::size_t planes,
                       const std::uint8_t* input, const CountedBytes& output, const BitMemory& memory) {
  const BitRows& rows = counts.rows;
  std::memset(memory.rows, 0, rows.memory_words() * sizeof(std::uint64_t));
  int built = 0;  // padded rows before it
  for (int oy = 0; oy < s.out_h; ++oy) {
    const int first = oy * s.stride_h;
    for (built = built < first ? first : built; built < first + rows.ring; ++built)
      build_row(counts, s, planes, input, built, memory);
    const std::uint64_t* base = memory.rows + static_cast<std::size_t>(first % rows.ring) * rows.row_words();
    count_row(counts, s, planes, reinterpret_cast<const std::uint8_t*>(base), static_cast<std::size_t>(oy),
              output);
  }
}

}  // namespace qfi
#include "qfi/base/target_end.hpp"

#endif
