// SPDX-License-Identifier: Apache-2.0
#include <Eigen/Core>

#include "portable.hpp"

namespace qfi {
namespace {

struct PlainFloats {
  using Vector = Eigen::Array<float, 4, 1>;
  static constexpr std::size_t k_count = 4;
  static Vector load(const float* from) { return Eigen::Map<const Vector>(from); }
  static void store(float* to, const Vector& values) {
    Eigen::Map<Vector> place(to);
    place = values;
  }
  static float all(float number) { return number; }
  static Vector add_products(const Vector& sum, float number, const Vector& weights) {
    return sum + number * weights;
  }
};

}  // namespace
}  // namespace qfi

#include "../float_sums_loop.hpp"

namespace qfi {

void add_float_tap_portable(const FloatTap& tap, float* sums) { add_tap<PlainFloats>(tap, sums); }

}  // namespace qfi
