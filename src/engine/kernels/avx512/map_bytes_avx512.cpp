// SPDX-License-Identifier: Apache-2.0
// 64 bytes at a time: one look-up in each half of the table, chosen by the top bit.
#include "avx512.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include "qfi/base/target_avx512.hpp"

namespace qfi {

void map_bytes_avx512(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from, std::size_t count,
                      std::uint8_t* to) {
  const __m512i a = _mm512_loadu_si512(table.data());
  const __m512i b = _mm512_loadu_si512(table.data() + 64);
  const __m512i c = _mm512_loadu_si512(table.data() + 128);
  const __m512i d = _mm512_loadu_si512(table.data() + 192);
  const auto map = [&](__m512i x) {
    const __m512i low = _mm512_permutex2var_epi8(a, x, b);
    const __m512i high = _mm512_permutex2var_epi8(c, x, d);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
  };
  std::size_t i = 0;
  for (; i + 64 <= count; i += 64) _mm512_storeu_si512(to + i, map(_mm512_loadu_si512(from + i)));
  if (i == count) return;
  const __mmask64 rest = (std::uint64_t{1} << (count - i)) - 1;
  _mm512_mask_storeu_epi8(to + i, rest, map(_mm512_maskz_loadu_epi8(rest, from + i)));
}

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
