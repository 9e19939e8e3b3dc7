// SPDX-License-Identifier: Apache-2.0
#include "avx2.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include "qfi/base/target_avx2.hpp"

namespace qfi {
namespace {

struct Avx2Lanes {
  using Vector = __m256i;
  static constexpr std::size_t k_count = 8;
  static Vector load(const std::int32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static void store(std::int32_t* to, Vector values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), values);
  }
  static Vector all(std::int32_t pair) { return _mm256_set1_epi32(pair); }
  static Vector add_products(Vector sum, Vector inputs, const std::int16_t* weights) {
    const __m256i of_lanes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(inputs, of_lanes));
  }
  static Vector add_products(Vector sum, Vector inputs, const std::int8_t* weights) {
    const __m128i of_lanes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(inputs, _mm256_cvtepi8_epi16(of_lanes)));
  }
};

}  // namespace
}  // namespace qfi

#include "../changed_sums_loop.hpp"

namespace qfi {

void add_pairs_avx2(std::span<const InputPair> pairs, const std::int16_t* weights, const std::int32_t* from,
                    std::size_t channels, std::int32_t* sums) {
  add_pairs_in_lanes<Avx2Lanes>(pairs, weights, from, channels, sums);
}

void add_byte_pairs_avx2(std::span<const InputPair> pairs, const std::int8_t* weights,
                         const std::int32_t* from, std::size_t channels, std::int32_t* sums) {
  add_pairs_in_lanes<Avx2Lanes>(pairs, weights, from, channels, sums);
}

void sum_channels_avx2(const ChannelTaps& taps, std::int32_t* sums) { sum_all_channels(taps, sums); }

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
