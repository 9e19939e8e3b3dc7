// SPDX-License-Identifier: Apache-2.0
// Sums of 16 channels as stored outputs. To be included behind target_avx512.hpp.
#pragma once

#include <immintrin.h>

#include "../finish.hpp"

namespace qfi {
namespace {

struct Lanes {
  std::size_t first = 0;
  __mmask16 mask = 0;
};

// multiply_by_quantized_multiplier of 16 channels; their factors stay in registers.
template <bool shifts_left>
class FixedPoint {
 public:
  FixedPoint(const Requantizer& requantizer, const ChannelFactors& factors, const Lanes& lanes)
      : m_multiplier(_mm512_loadu_si512(&factors.multiplier[lanes.first])),
        m_odd_multiplier(_mm512_srli_epi64(m_multiplier, 32)),
        m_left(_mm512_loadu_si512(&factors.left[lanes.first])),
        m_right(_mm512_loadu_si512(&factors.right[lanes.first])),
        m_zero(_mm512_set1_epi32(requantizer.zero_point)),
        m_min(_mm512_set1_epi32(requantizer.min)),
        m_max(_mm512_set1_epi32(requantizer.max)) {
    const __m512i one = _mm512_set1_epi32(1);
    m_remainder = _mm512_sub_epi32(_mm512_sllv_epi32(one, m_right), one);
    m_half = _mm512_srli_epi32(m_remainder, 1);
  }

  // The multiplier is never negative, so that the one product that would saturate does not occur.
  __m128i operator()(__m512i x) const {
    if constexpr (shifts_left) x = _mm512_sllv_epi32(x, m_left);
    const __m512i nudge = _mm512_set1_epi64(std::int64_t{1} << 30);
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32(x, m_multiplier), nudge);
    __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(x, 32), m_odd_multiplier), nudge);
    even = _mm512_srli_epi64(even, 31);
    odd = _mm512_slli_epi64(odd, 1);
    const __m512i high = _mm512_mask_blend_epi32(0xAAAA, even, odd);
    const __m512i threshold = _mm512_add_epi32(m_half, _mm512_srli_epi32(high, 31));
    const __mmask16 rounds_up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(high, m_remainder), threshold);
    __m512i scaled = _mm512_srav_epi32(high, m_right);
    scaled = _mm512_mask_add_epi32(scaled, rounds_up, scaled, _mm512_set1_epi32(1));
    scaled = _mm512_add_epi32(scaled, m_zero);
    return _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(scaled, m_min), m_max));
  }

 private:
  __m512i m_multiplier, m_odd_multiplier, m_left, m_right, m_zero, m_min, m_max, m_remainder, m_half;
};

// round_to_int32(accumulator * real) of 16 channels.
class RealFactors {
 public:
  RealFactors(const Requantizer& requantizer, const ChannelFactors&, const Lanes& lanes)
      : m_low(_mm512_maskz_loadu_pd(static_cast<__mmask8>(lanes.mask), &requantizer.real[lanes.first])),
        m_high(_mm512_maskz_loadu_pd(static_cast<__mmask8>(lanes.mask >> 8),
                                     requantizer.real.data() + lanes.first + 8)),
        m_zero(_mm512_set1_epi32(requantizer.zero_point)),
        m_min(_mm512_set1_epi32(requantizer.min)),
        m_max(_mm512_set1_epi32(requantizer.max)) {}

  __m128i operator()(__m512i x) const {
    const __m256i low = rounded(_mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(x)), m_low));
    const __m256i high = rounded(_mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(x, 1)), m_high));
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    const __m512i scaled = _mm512_add_epi32(both, m_zero);
    return _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(scaled, m_min), m_max));
  }

 private:
  // Halves away from zero; what does not fit becomes the smallest int32, as the conversion does.
  static __m256i rounded(__m512d x) {
    const __m512d whole = _mm512_roundscale_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    const __mmask8 goes_away =
        _mm512_cmp_pd_mask(_mm512_abs_pd(_mm512_sub_pd(x, whole)), _mm512_set1_pd(0.5), _CMP_GE_OQ);
    const __m512d one = _mm512_or_pd(_mm512_and_pd(x, _mm512_set1_pd(-0.0)), _mm512_set1_pd(1.0));
    return _mm512_cvttpd_epi32(_mm512_mask_add_pd(whole, goes_away, whole, one));
  }
  __m512d m_low, m_high;
  __m512i m_zero, m_min, m_max;
};

}  // namespace
}  // namespace qfi
