// SPDX-License-Identifier: Apache-2.0
#include "avx512.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include "qfi/base/target_avx512.hpp"

namespace qfi {
namespace {

struct Avx512Floats {
  using Vector = __m512;
  static constexpr std::size_t k_count = 16;
  static Vector load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Vector values) { _mm512_storeu_ps(to, values); }
  static Vector all(float number) { return _mm512_set1_ps(number); }
  static Vector add_products(Vector sum, Vector numbers, Vector weights) {
    return _mm512_add_ps(sum, _mm512_mul_ps(numbers, weights));
  }
};

}  // namespace
}  // namespace qfi

#include "../float_sums_loop.hpp"

namespace qfi {

void add_float_tap_avx512(const FloatTap& tap, float* sums) { add_tap<Avx512Floats>(tap, sums); }

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
