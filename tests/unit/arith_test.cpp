// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "qfi/arith/fixed_point.hpp"
#include "qfi/arith/fixed_point_16.hpp"
#include "qfi/arith/product_table.hpp"
#include "qfi/arith/requantize.hpp"
#include "qfi/base/random.hpp"
#include "support.hpp"

namespace qfi {
namespace {

constexpr std::int32_t k_min = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t k_max = std::numeric_limits<std::int32_t>::max();

TEST(Requantize, FactorsAreTheNearestFixedPointNumbers) {
  EXPECT_EQ(quantize_multiplier(0.0).multiplier, 0);
  EXPECT_EQ(quantize_multiplier(1.0).multiplier, 1 << 30);
  EXPECT_EQ(quantize_multiplier(1.0).shift, 1);
  EXPECT_EQ(quantize_multiplier(0.75).multiplier, 1610612736);
  EXPECT_EQ(quantize_multiplier(0.75).shift, 0);
  EXPECT_EQ(quantize_multiplier(std::ldexp(1.0, -33)).multiplier, 0) << "below 2^-32";
  // 1 - 2^-53 rounds up to 2^31, which does not fit and becomes 2^30 with one more shift.
  EXPECT_EQ(quantize_multiplier(std::nextafter(1.0, 0.0)).multiplier, 1 << 30);
  EXPECT_EQ(quantize_multiplier(std::nextafter(1.0, 0.0)).shift, 1);
}

TEST(Requantize, HighMultiplicationRoundsHalfUpAndSaturatesOnce) {
  EXPECT_EQ(saturating_rounding_doubling_high_multiply(k_min, k_min), k_max);
  EXPECT_EQ(saturating_rounding_doubling_high_multiply(1 << 30, 1), 1) << "0.5";
  EXPECT_EQ(saturating_rounding_doubling_high_multiply(-(1 << 30), 1), 0) << "-0.5";
  EXPECT_EQ(saturating_rounding_doubling_high_multiply(k_max, k_max), k_max - 1);
}

// The definition of the reference kernels: a nudge by sign, then a division that truncates.
TEST(Requantize, HighMultiplicationEqualsItsDefinitionOnRandomNumbers) {
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    const auto a = static_cast<std::int32_t>(random_bits(1, "a", i));
    const auto b = static_cast<std::int32_t>(random_bits(1, "b", i) >> (i % 33));
    if (a == k_min && b == k_min) continue;
    const std::int64_t product = std::int64_t{a} * b;
    const std::int64_t nudge = product >= 0 ? std::int64_t{1} << 30 : 1 - (std::int64_t{1} << 30);
    ASSERT_EQ(saturating_rounding_doubling_high_multiply(a, b), (product + nudge) / (std::int64_t{1} << 31))
        << a << " " << b;
  }
}

TEST(Requantize, DivisionByPowersRoundsHalfAwayFromZero) {
  EXPECT_EQ(rounding_divide_by_power_of_two(5, 1), 3);
  EXPECT_EQ(rounding_divide_by_power_of_two(-5, 1), -3);
  EXPECT_EQ(rounding_divide_by_power_of_two(6, 2), 2);
  EXPECT_EQ(rounding_divide_by_power_of_two(-6, 2), -2);
  EXPECT_EQ(rounding_divide_by_power_of_two(k_min, 31), -1);
  EXPECT_EQ(rounding_divide_by_power_of_two(k_max, 31), 1);
  EXPECT_EQ(rounding_divide_by_power_of_two(7, 0), 7);
}

TEST(Requantize, LeftShiftWraps) {
  const QuantizedMultiplier four{1 << 30, 3};  // 0.5 * 2^3
  EXPECT_EQ(multiply_by_quantized_multiplier(3, four), 12);
  EXPECT_EQ(multiply_by_quantized_multiplier(1 << 29, four), 0) << "2^29 << 3 leaves 32 bits";
}

TEST(FixedPoint, ExponentialIsCloseToTheRealOne) {
  for (int i = 0; i <= 3200; ++i) {
    const double x = -i * 0.01;
    const auto fixed = static_cast<std::int32_t>(std::lround(x * (1 << 26)));
    if (x <= -31.9) continue;
    EXPECT_NEAR(exp_of_non_positive(fixed) / 2147483648.0, std::exp(x), 3e-7) << x;
  }
}

TEST(FixedPoint, ReciprocalIsCloseToTheRealOne) {
  for (const double x : {1.0, 1.5, 2.0, 3.0, 100.0, 4095.0}) {
    const Reciprocal r = reciprocal(static_cast<std::int32_t>(x * (1 << 19)), 12);
    EXPECT_NEAR(std::ldexp(r.mantissa / 2147483648.0, -r.exponent), 1.0 / x, 1e-8 / x + 1e-9) << x;
  }
}

TEST(FixedPoint16, LogisticAndTanhAreCloseToTheRealOnesForEveryNumber) {
  for (int x = -32768; x <= 32767; ++x) {
    const auto number = static_cast<std::int16_t>(x);
    ASSERT_NEAR(logistic_16(number), 32768 / (1 + std::exp(-x / 4096.0)), 14) << x;
    for (int bits = 0; bits <= 6; ++bits)
      ASSERT_NEAR(tanh_16(number, bits), 32768 * std::tanh(std::ldexp(x, bits - 15)), 32) << x << " " << bits;
  }
}

TEST(ProductTable, ExactOneHoldsTheProductOfEveryPair) {
  for (const OperandCodes codes : {OperandCodes{CodeType::int8, 0, -128}, OperandCodes{CodeType::int8, 0, 17},
                                   OperandCodes{CodeType::uint8, 130, 3}}) {
    const ProductTable table = ProductTable::exact(codes);
    const int first = smallest_code(codes.type);
    for (int w = first; w < first + 256; ++w)
      for (int x = first; x < first + 256; ++x)
        ASSERT_EQ(table.at(byte_index(w), byte_index(x)),
                  (w - codes.weight_zero_point) * (x - codes.input_zero_point));
  }
}

}  // namespace
}  // namespace qfi
