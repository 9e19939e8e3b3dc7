// SPDX-License-Identifier: Apache-2.0
// Tiles of sums in registers: V vectors of 16 channels by P pixels, four products of each in one vpdpbusd.
#include "avx512.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "qfi/base/target_avx512.hpp"
// Compiled for AVX-512, too.
#include "requantize_avx512.hpp"

namespace qfi {
namespace {

// Sums come as x + 2^31.
__m512i plain_sum(__m512i x) { return _mm512_xor_si512(x, _mm512_set1_epi32(INT32_MIN)); }

// This finishes 16 channels by their QuickFactors.
class Quick {
 public:
  Quick(const TileJob& job, const Lanes& lanes, std::size_t vector)
      : m_multiplier(load(job.quick[vector].multiplier.data())),
        m_odd_multiplier(_mm512_srli_epi64(m_multiplier, 32)),
        m_even(load(job.quick[vector].even.data())),
        m_odd(load(job.quick[vector].odd.data())),
        m_sign_shift(load(job.quick[vector].sign_shift.data())),
        m_right(load(job.quick[vector].right.data())),
        m_min(_mm512_set1_epi32(job.requantizer->min)),
        m_max(_mm512_set1_epi32(job.requantizer->max)) {
    static_cast<void>(lanes);
  }

  __m128i operator()(__m512i x) const {
    const __m512i even = _mm512_add_epi64(_mm512_mul_epu32(x, m_multiplier), m_even);
    const __m512i odd = _mm512_add_epi64(_mm512_mul_epu32(_mm512_srli_epi64(x, 32), m_odd_multiplier), m_odd);
    const __m512i high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
    const __m512i halves = _mm512_add_epi32(high, _mm512_srlv_epi32(x, m_sign_shift));
    const __m512i scaled = _mm512_srav_epi32(halves, m_right);
    return _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(scaled, m_min), m_max));
  }

 private:
  static __m512i load(const void* from) { return _mm512_loadu_si512(from); }
  __m512i m_multiplier, m_odd_multiplier, m_even, m_odd, m_sign_shift, m_right, m_min, m_max;
};

// This finishes them in any other way, from the sum itself.
template <class Requantize>
class Slow {
 public:
  Slow(const TileJob& job, const Lanes& lanes, std::size_t)
      : m_requantize(*job.requantizer, *job.factors, lanes) {}
  __m128i operator()(__m512i x) const { return m_requantize(plain_sum(x)); }

 private:
  Requantize m_requantize;
};

template <std::size_t V, std::size_t P, class Requantize>
[[gnu::always_inline]] inline void store(const TileJob& job, const __m512i (&sums)[P][V]) {
#pragma GCC unroll 4
  for (std::size_t v = 0; v < V; ++v) {
    const Lanes lanes{job.first_channel + v * 16, v + 1 < V ? __mmask16{0xFFFF} : job.last_mask};
    const Requantize requantize(job, lanes, v);
#pragma GCC unroll 16
    for (std::size_t p = 0; p < P; ++p)
      _mm_mask_storeu_epi8(job.output + job.outputs[p] + v * 16, lanes.mask, requantize(sums[p][v]));
  }
}

template <std::size_t V, std::size_t P>
[[gnu::noinline]] void store_accumulators(const TileJob& job, const __m512i (&sums)[P][V]) {
  for (std::size_t v = 0; v < V; ++v)
    for (std::size_t p = 0; p < P; ++p)
      _mm512_mask_storeu_epi32(job.accumulators + job.outputs[p] + v * 16,
                               v + 1 < V ? __mmask16{0xFFFF} : job.last_mask, plain_sum(sums[p][v]));
}

template <std::size_t V, std::size_t P, bool flips>
[[gnu::always_inline]] inline void multiply(const TileJob& job, const TileTerm& term, __m512i (&sums)[P][V]) {
  const std::uint8_t* pixels[P];
#pragma GCC unroll 16
  for (std::size_t p = 0; p < P; ++p) pixels[p] = term.input + job.inputs[p];
  const __m512i top = _mm512_set1_epi8(static_cast<char>(0x80));
  const TileStep* const end = job.steps.data() + job.steps.size();
  for (const TileStep* step = job.steps.data(); step != end; ++step) {
    const std::ptrdiff_t offset = step->input;
    const std::int8_t* const from =
        term.weights + static_cast<std::ptrdiff_t>(step->weights) * static_cast<int>(V);
    __m512i weights[V];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < V; ++v) weights[v] = _mm512_loadu_si512(from + v * 64);
#pragma GCC unroll 16
    for (std::size_t p = 0; p < P; ++p) {
      std::int32_t four;
      std::memcpy(&four, pixels[p] + offset, sizeof(four));
      __m512i x = _mm512_set1_epi32(four);
      if constexpr (flips) x = _mm512_xor_si512(x, top);
#pragma GCC unroll 4
      for (std::size_t v = 0; v < V; ++v) sums[p][v] = _mm512_dpbusd_epi32(sums[p][v], x, weights[v]);
    }
  }
}

// The start values come with the last term, after all scaling.
template <std::size_t V, std::size_t P>
void run_tile(const TileJob& job) {
  __m512i sums[P][V];
  for (std::size_t t = 0; t < job.terms.size(); ++t) {
    const TileTerm& term = job.terms[t];
    const bool is_last = t + 1 == job.terms.size();
    const __m512i scale = _mm512_set1_epi32(term.scale);
#pragma GCC unroll 16
    for (std::size_t p = 0; p < P; ++p)
#pragma GCC unroll 4
      for (std::size_t v = 0; v < V; ++v) {
        sums[p][v] = t == 0 ? _mm512_setzero_si512() : _mm512_mullo_epi32(sums[p][v], scale);
        if (is_last)
          sums[p][v] = _mm512_add_epi32(sums[p][v], _mm512_loadu_si512(job.start + job.starts[p] + v * 16));
      }
    if (term.flips) multiply<V, P, true>(job, term, sums);
    else multiply<V, P, false>(job, term, sums);
  }
  if (job.accumulators != nullptr) store_accumulators<V, P>(job, sums);
  if (job.quick != nullptr) store<V, P, Quick>(job, sums);
  else if (job.requantizer->fixed_point.empty()) store<V, P, Slow<RealFactors>>(job, sums);
  else if (job.factors->shifts_left) store<V, P, Slow<FixedPoint<true>>>(job, sums);
  else store<V, P, Slow<FixedPoint<false>>>(job, sums);
}

// 24 sums at once, four vectors of weights at most, and an input: the registers.
constexpr TileKind k_kinds[] = {{4, 6, run_tile<4, 6>}, {2, 12, run_tile<2, 12>}, {1, 16, run_tile<1, 16>}};

}  // namespace

std::span<const TileKind> tiles_avx512() { return k_kinds; }

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
