// SPDX-License-Identifier: Apache-2.0
#include "avx2.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include "qfi/base/target_avx2.hpp"

namespace qfi {
namespace {

struct Avx2Floats {
  using Vector = __m256;
  static constexpr std::size_t k_count = 8;
  static Vector load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, Vector values) { _mm256_storeu_ps(to, values); }
  static Vector all(float number) { return _mm256_set1_ps(number); }
  static Vector add_products(Vector sum, Vector numbers, Vector weights) {
    return _mm256_add_ps(sum, _mm256_mul_ps(numbers, weights));
  }
};

}  // namespace
}  // namespace qfi

#include "../float_sums_loop.hpp"

namespace qfi {

void add_float_tap_avx2(const FloatTap& tap, float* sums) { add_tap<Avx2Floats>(tap, sums); }

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
