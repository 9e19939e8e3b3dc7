// SPDX-License-Identifier: Apache-2.0
// 8 channels at a time, and no counted errors: those need AVX-512.
#include "../portable/portable.hpp"
#include "avx2.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "qfi/base/target_avx2.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_lanes = 8;

__m256i load(const std::int32_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

// From numbers to 8 bytes.
class Clamp {
 public:
  explicit Clamp(const Requantizer& requantizer)
      : m_zero(_mm256_set1_epi32(requantizer.zero_point)),
        m_min(_mm256_set1_epi32(requantizer.min)),
        m_max(_mm256_set1_epi32(requantizer.max)) {}

  __m128i operator()(__m256i scaled) const {
    scaled = _mm256_add_epi32(scaled, m_zero);
    scaled = _mm256_min_epi32(_mm256_max_epi32(scaled, m_min), m_max);
    const __m256i bytes = _mm256_shuffle_epi8(
        scaled, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1,
                                 -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    return _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  }

 private:
  __m256i m_zero, m_min, m_max;
};

// multiply_by_quantized_multiplier of 8 channels; their factors stay in registers.
class FixedPoint {
 public:
  FixedPoint(const Finish& finish, std::size_t first)
      : m_multiplier(load(&finish.factors->multiplier[first])),
        m_odd_multiplier(_mm256_srli_epi64(m_multiplier, 32)),
        m_left(load(&finish.factors->left[first])),
        m_right(load(&finish.factors->right[first])),
        m_clamp(*finish.requantizer) {
    const __m256i one = _mm256_set1_epi32(1);
    m_remainder = _mm256_sub_epi32(_mm256_sllv_epi32(one, m_right), one);
    m_half = _mm256_srli_epi32(m_remainder, 1);
  }

  // 8 bytes. The multiplier is never negative, so that the one product that would saturate does not occur.
  __m128i operator()(__m256i x) const {
    x = _mm256_sllv_epi32(x, m_left);
    const __m256i nudge = _mm256_set1_epi64x(std::int64_t{1} << 30);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(x, m_multiplier), nudge);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(x, 32), m_odd_multiplier), nudge);
    const __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
    const __m256i threshold = _mm256_add_epi32(m_half, _mm256_srli_epi32(high, 31));
    const __m256i rounds_up = _mm256_cmpgt_epi32(_mm256_and_si256(high, m_remainder), threshold);
    return m_clamp(_mm256_sub_epi32(_mm256_srav_epi32(high, m_right), rounds_up));
  }

 private:
  __m256i m_multiplier, m_odd_multiplier, m_left, m_right, m_remainder, m_half;
  Clamp m_clamp;
};

// round_to_int32(accumulator * real) of 8 channels.
class RealFactors {
 public:
  RealFactors(const Finish& finish, std::size_t first) : m_clamp(*finish.requantizer) {
    alignas(32) double factors[k_lanes] = {};
    const std::vector<double>& real = finish.requantizer->real;
    std::copy_n(real.begin() + static_cast<std::ptrdiff_t>(first), std::min(k_lanes, real.size() - first),
                factors);
    m_low = _mm256_load_pd(factors);
    m_high = _mm256_load_pd(factors + 4);
  }

  __m128i operator()(__m256i x) const {
    const __m128i low = rounded(_mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(x)), m_low));
    const __m128i high = rounded(_mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_extracti128_si256(x, 1)), m_high));
    return m_clamp(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1));
  }

 private:
  // Halves away from zero; what does not fit becomes the smallest int32, as the conversion does.
  static __m128i rounded(__m256d x) {
    const __m256d sign = _mm256_set1_pd(-0.0);
    const __m256d whole = _mm256_round_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    const __m256d rest = _mm256_andnot_pd(sign, _mm256_sub_pd(x, whole));
    const __m256d goes_away = _mm256_cmp_pd(rest, _mm256_set1_pd(0.5), _CMP_GE_OQ);
    const __m256d one = _mm256_or_pd(_mm256_and_pd(x, sign), _mm256_set1_pd(1.0));
    return _mm256_cvttpd_epi32(_mm256_add_pd(whole, _mm256_and_pd(one, goes_away)));
  }
  __m256d m_low, m_high;
  Clamp m_clamp;
};

struct Lanes {
  std::size_t first = 0;
  std::size_t count = 0;
  __m256i mask;
};

template <class Requantize>
void finish_lanes(const Finish& finish, const Lanes& lanes) {
  const ConvolutionShape& s = *finish.shape;
  const auto out_h = static_cast<std::size_t>(s.out_h);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const Requantize requantize(finish, lanes.first);
  const auto load_lanes = [&](const std::int32_t* from) { return _mm256_maskload_epi32(from, lanes.mask); };
  std::size_t pixel = 0;
  for (std::size_t plane = 0; plane < finish.planes; ++plane)
    for (std::size_t oy = 0; oy < out_h; ++oy) {
      const std::int32_t* row_bias = finish.bias->of_row(oy, out_c) + lanes.first;
      for (std::size_t ox = 0; ox < out_w; ++ox, ++pixel) {
        const std::size_t element = pixel * out_c + lanes.first;
        __m256i sum = load_lanes(row_bias + finish.bias->column_class[ox] * out_c);
        const auto add = [&](__m256i values, std::int32_t factor) {
          sum = _mm256_add_epi32(
              sum, factor == 1 ? values : _mm256_mullo_epi32(values, _mm256_set1_epi32(factor)));
        };
        for (const Finish::Sums& term : finish.sums) add(load_lanes(term.sums + element), term.factor);
        for (const Finish::Sums& term : finish.pixel_sums)
          add(_mm256_set1_epi32(term.sums[pixel]), term.factor);
        if (finish.accumulators != nullptr)
          _mm256_maskstore_epi32(finish.accumulators + element, lanes.mask, sum);
        std::uint64_t bytes = static_cast<std::uint64_t>(_mm_cvtsi128_si64(requantize(sum)));
        std::uint8_t* output = finish.output + element;
        if (lanes.count == k_lanes) {
          std::memcpy(output, &bytes, k_lanes);
        } else {
          for (std::size_t c = 0; c < lanes.count; ++c, bytes >>= 8U)
            output[c] = static_cast<std::uint8_t>(bytes);
        }
      }
    }
}

}  // namespace

void finish_avx2(const Finish& finish) {
  if (!finish.counts.empty()) return finish_portable(finish);
  const auto out_c = static_cast<std::size_t>(finish.shape->out_c);
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  for (std::size_t c = 0; c < out_c; c += k_lanes) {
    const std::size_t count = std::min(k_lanes, out_c - c);
    const Lanes lanes{c, count, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane)};
    if (finish.requantizer->fixed_point.empty()) finish_lanes<RealFactors>(finish, lanes);
    else finish_lanes<FixedPoint>(finish, lanes);
  }
}

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
