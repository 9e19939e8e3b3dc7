// SPDX-License-Identifier: Apache-2.0
#include "avx512.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include "qfi/base/target_avx512.hpp"

namespace qfi {
namespace {

struct Avx512Lanes {
  using Vector = __m512i;
  static constexpr std::size_t k_count = 16;
  static Vector load(const std::int32_t* from) { return _mm512_loadu_si512(from); }
  static void store(std::int32_t* to, Vector values) { _mm512_storeu_si512(to, values); }
  static Vector all(std::int32_t pair) { return _mm512_set1_epi32(pair); }
  static Vector add_products(Vector sum, Vector inputs, const std::int16_t* weights) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(inputs, _mm512_loadu_si512(weights)));
  }
  static Vector add_products(Vector sum, Vector inputs, const std::int8_t* weights) {
    const __m256i of_lanes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(inputs, _mm512_cvtepi8_epi16(of_lanes)));
  }
};

}  // namespace
}  // namespace qfi

#include "../changed_sums_loop.hpp"

namespace qfi {

void add_pairs_avx512(std::span<const InputPair> pairs, const std::int16_t* weights, const std::int32_t* from,
                      std::size_t channels, std::int32_t* sums) {
  add_pairs_in_lanes<Avx512Lanes>(pairs, weights, from, channels, sums);
}

void add_byte_pairs_avx512(std::span<const InputPair> pairs, const std::int8_t* weights,
                           const std::int32_t* from, std::size_t channels, std::int32_t* sums) {
  add_pairs_in_lanes<Avx512Lanes>(pairs, weights, from, channels, sums);
}

void sum_channels_avx512(const ChannelTaps& taps, std::int32_t* sums) { sum_all_channels(taps, sums); }

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
