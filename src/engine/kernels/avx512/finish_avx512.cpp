// SPDX-License-Identifier: Apache-2.0
// 16 channels at a time.
#include "avx512.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include "qfi/base/target_avx512.hpp"
// Compiled for AVX-512, too.
#include "requantize_avx512.hpp"

namespace qfi {
namespace {

__m512i load(__mmask16 mask, const std::int32_t* from) { return _mm512_maskz_loadu_epi32(mask, from); }

__m512i load_bytes(__mmask16 mask, const std::uint8_t* from) {
  return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, from));
}

// What is added up at the pixels of one plane, some channels at a time. Element: of the plane, from channel
// lanes.first on.

/// One sum alone.
struct OneSum {
  static bool fits(const Finish& finish) {
    return finish.sums.size() == 1 && finish.sums[0].factor == 1 && finish.pixel_sums.empty() &&
           finish.counts.empty();
  }
  OneSum(const Finish& finish, const Lanes& lanes, std::size_t plane)
      : mask(lanes.mask), sums(finish.sums[0].sums + plane * finish.shape->out_plane()) {}
  __m512i operator()(std::size_t, std::size_t element) const { return load(mask, sums + element); }

  __mmask16 mask;
  const std::int32_t* sums;
};

/// One sum and the counts of one value.
struct OneSumAndCounts {
  static bool fits(const Finish& finish) {
    return finish.sums.size() == 1 && finish.sums[0].factor == 1 && finish.pixel_sums.empty() &&
           finish.counts.size() == 1;
  }
  OneSumAndCounts(const Finish& finish, const Lanes& lanes, std::size_t plane)
      : sum(finish, lanes, plane),
        low(finish.counts[0].low + plane * finish.counts[0].plane_stride),
        high(finish.counts[0].high == nullptr
                 ? nullptr
                 : finish.counts[0].high + plane * finish.counts[0].plane_stride),
        factor(_mm512_set1_epi32(finish.counts[0].factor)) {}
  __m512i operator()(std::size_t pixel, std::size_t element) const {
    __m512i count = load_bytes(sum.mask, low + element);
    if (high != nullptr)
      count = _mm512_or_si512(count, _mm512_slli_epi32(load_bytes(sum.mask, high + element), 8));
    return _mm512_add_epi32(sum(pixel, element), _mm512_mullo_epi32(count, factor));
  }

  OneSum sum;
  const std::uint8_t* low;
  const std::uint8_t* high;
  __m512i factor;
};

struct Everything {
  Everything(const Finish& given, const Lanes& lanes, std::size_t of_plane)
      : finish(given), mask(lanes.mask), plane(of_plane) {}
  __m512i operator()(std::size_t pixel, std::size_t element) const {
    const ConvolutionShape& s = *finish.shape;
    __m512i sum = _mm512_setzero_si512();
    const auto add = [&](__m512i values, std::int32_t factor) {
      sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(values, _mm512_set1_epi32(factor)));
    };
    for (const Finish::Sums& term : finish.sums)
      add(load(mask, term.sums + plane * s.out_plane() + element), term.factor);
    for (const Finish::Sums& term : finish.pixel_sums)
      add(_mm512_set1_epi32(term.sums[plane * s.out_pixels() + pixel]), term.factor);
    for (const Finish::Counts& term : finish.counts) {
      const std::size_t place = plane * term.plane_stride + element;
      add(load_bytes(mask, term.low + place), term.factor);
      if (term.high != nullptr) add(_mm512_slli_epi32(load_bytes(mask, term.high + place), 8), term.factor);
    }
    return sum;
  }

  const Finish& finish;
  __mmask16 mask;
  std::size_t plane;
};

template <class Added, class Requantize>
void finish_lanes(const Finish& finish, const Lanes& lanes) {
  const ConvolutionShape& s = *finish.shape;
  const auto out_h = static_cast<std::size_t>(s.out_h);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const Requantize requantize(*finish.requantizer, *finish.factors, lanes);
  for (std::size_t plane = 0; plane < finish.planes; ++plane) {
    const Added added(finish, lanes, plane);
    std::uint8_t* output = finish.output + plane * s.out_plane();
    std::size_t pixel = 0;
    std::size_t element = lanes.first;
    for (std::size_t oy = 0; oy < out_h; ++oy) {
      const std::int32_t* row_bias = finish.bias->of_row(oy, out_c) + lanes.first;
      for (std::size_t ox = 0; ox < out_w; ++ox, ++pixel, element += out_c) {
        const __m512i bias = load(lanes.mask, row_bias + finish.bias->column_class[ox] * out_c);
        const __m512i sum = _mm512_add_epi32(bias, added(pixel, element));
        if (finish.accumulators != nullptr)
          _mm512_mask_storeu_epi32(finish.accumulators + plane * s.out_plane() + element, lanes.mask, sum);
        _mm_mask_storeu_epi8(output + element, lanes.mask, requantize(sum));
      }
    }
  }
}

template <class Requantize>
void finish_all(const Finish& finish) {
  const auto out_c = static_cast<std::size_t>(finish.shape->out_c);
  for (std::size_t c = 0; c < out_c; c += 16) {
    const Lanes lanes{c, static_cast<__mmask16>(out_c - c >= 16 ? 0xFFFF : (1U << (out_c - c)) - 1U)};
    if (OneSum::fits(finish)) finish_lanes<OneSum, Requantize>(finish, lanes);
    else if (OneSumAndCounts::fits(finish)) finish_lanes<OneSumAndCounts, Requantize>(finish, lanes);
    else finish_lanes<Everything, Requantize>(finish, lanes);
  }
}

}  // namespace

void finish_avx512(const Finish& finish) {
  if (finish.requantizer->fixed_point.empty()) finish_all<RealFactors>(finish);
  else if (finish.factors->shifts_left) finish_all<FixedPoint<true>>(finish);
  else finish_all<FixedPoint<false>>(finish);
}

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
