// SPDX-License-Identifier: Apache-2.0
// The kernel tables: which one is in use, and each function of each table against the portable one or the
// plain loop, bit for bit.
#include "engine/kernels/instruction_set.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>

#include "available_sets.hpp"
#include "engine/kernels/portable/portable.hpp"
#include "qfi/engine/program.hpp"
#include "random_operator.hpp"

namespace qfi {
namespace {

using test::Draw;
using test::random_bytes;
using test::random_operator;

// What the variable asks for, as far as this CPU goes; not by the program's own reading of either.
struct Asked {
  std::string own;
  std::string library;  ///< empty: whatever the library takes for the best
};

Asked asked() {
  const char* variable = std::getenv("DNNL_MAX_CPU_ISA");
  const std::string most = variable == nullptr ? "" : variable;
#if defined(__x86_64__)
  const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (most == "SSE41") return {"no vector instructions", "SSE4.1 or less"};
  if (most == "AVX2" && has_avx2) return {"AVX2", "AVX2"};
  const bool has_avx512 = __builtin_cpu_supports("avx512bw") != 0 &&
                          __builtin_cpu_supports("avx512vl") != 0 &&
                          __builtin_cpu_supports("avx512dq") != 0 &&
                          __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("gfni") != 0;
  if (most.empty() && has_avx512) return {"AVX-512", ""};
  if (most.empty() && has_avx2) return {"AVX2", ""};
#endif
  return {"no vector instructions", ""};
}

TEST(InstructionSet, InUseIsTheOneAskedFor) {
  EXPECT_EQ(instruction_set().name, asked().own);
  EXPECT_THAT(instructions_in_use(), testing::EndsWith(", own kernels with " + asked().own));
  EXPECT_THAT(instructions_in_use(), testing::HasSubstr(" with " + asked().library));
}

TEST(InstructionSet, TablesAreInOrderAndComplete) {
  const auto sets = instruction_sets();
  EXPECT_EQ(sets.back(), &k_portable);
  EXPECT_TRUE(k_portable.is_available());
  EXPECT_EQ(test::available_sets().front(), &instruction_set());
  for (const InstructionSet* set : sets) {
    EXPECT_NE(set->finish, nullptr) << set->name;
    EXPECT_NE(set->linear_pair, nullptr) << set->name;
    EXPECT_NE(set->map_bytes, nullptr) << set->name;
    EXPECT_NE(set->add_pairs, nullptr) << set->name;
    EXPECT_NE(set->add_byte_pairs, nullptr) << set->name;
    EXPECT_NE(set->sum_channels, nullptr) << set->name;
    EXPECT_NE(set->add_float_tap, nullptr) << set->name;
  }
}

class Kernels : public testing::TestWithParam<const InstructionSet*> {};
INSTANTIATE_TEST_SUITE_P(Sets, Kernels, testing::ValuesIn(test::available_sets()),
                         [](const auto& info) { return test::test_name(*info.param); });

TEST_P(Kernels, FinishEqualsThePortableOne) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    const MultiplyAccumulate op = random_operator(draw);
    const ConvolutionShape& s = op.shape;
    const TapBias taps{
        std::vector<std::uint32_t>(op.weights.size() / static_cast<std::size_t>(s.group_in_c()), 77), {}};
    const BorderBias bias = make_border_bias(s, op.bias, taps);
    const ChannelFactors factors(op.requantizer);
    const auto planes = static_cast<std::size_t>(draw(1, 3));
    std::vector<std::vector<std::int32_t>> sums(3, std::vector<std::int32_t>(planes * s.out_plane()));
    for (auto& values : sums)
      for (auto& value : values) value = static_cast<std::int32_t>(draw.bits()) >> draw(0, 1) * 12;
    Finish finish{&s, &op.requantizer, &factors, &bias, planes, {}, {}, {}, nullptr, nullptr};
    finish.sums.push_back({sums[0].data(), draw(0, 1) == 0 ? 1 : static_cast<std::int32_t>(draw.bits())});
    if (draw(0, 1) == 0) finish.sums.push_back({sums[1].data(), static_cast<std::int32_t>(draw.bits())});
    if (draw(0, 1) == 0)
      finish.pixel_sums.push_back({sums[2].data(), static_cast<std::int32_t>(draw.bits())});
    const auto stride_more = static_cast<std::size_t>(draw(0, 1) * 7);
    const auto low = random_bytes(draw, planes * (s.out_plane() + stride_more));
    const auto high = random_bytes(draw, planes * (s.out_plane() + stride_more));
    if (draw(0, 1) == 0)
      finish.counts.push_back(
          {low.data(), draw(0, 1) == 0 ? high.data() : nullptr, draw(-9, 9), s.out_plane() + stride_more});
    std::vector<std::uint8_t> expected(planes * s.out_plane()), got(expected.size());
    std::vector<std::int32_t> expected_sums(expected.size()), got_sums(expected.size());
    finish.output = expected.data();
    finish.accumulators = expected_sums.data();
    finish_portable(finish);
    finish.output = got.data();
    finish.accumulators = got_sums.data();
    GetParam()->finish(finish);
    ASSERT_EQ(expected_sums, got_sums) << seed;
    ASSERT_EQ(expected, got) << seed;
  }
}

TEST_P(Kernels, LinearPairEqualsThePortableOne) {
  Draw draw(1);
  for (const std::size_t count : std::initializer_list<std::size_t>{1, 15, 16, 33, 1000}) {
    const auto x = random_bytes(draw, count);
    const auto y = random_bytes(draw, count);
    const LinearPair form{
        draw(-4000000, 4000000), draw(-4000000, 4000000), draw(-9000000, 9000000), 20, -100, 90};
    for (const bool is_signed : {false, true}) {
      std::vector<std::uint8_t> expected(count + 1, 7), got(count + 1, 7);
      linear_pair_portable(form, is_signed, x.data(), y.data(), count, expected.data());
      GetParam()->linear_pair(form, is_signed, x.data(), y.data(), count, got.data());
      EXPECT_EQ(got, expected);
    }
  }
}

// The sums that oneDNN is left out for.
TEST_P(Kernels, ConvolutionEqualsThePlainLoop) {
  if (GetParam()->make_convolution == nullptr) GTEST_SKIP() << "no convolution of its own";
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Draw draw(seed);
    MultiplyAccumulate op = random_operator(draw);
    const ConvolutionShape& s = op.shape;
    if (s.is_transposed) continue;
    const std::size_t planes = 3;
    const auto convolution = GetParam()->make_convolution(s, op.codes.type, planes);
    std::vector<std::int8_t> weights(op.weights.begin(), op.weights.end());
    const auto packed = convolution->pack(weights);
    const auto input = random_bytes(draw, planes * s.in_plane());
    // The reference sees INT8 weights; UINT8 ones as those plus 128, with that zero point.
    op.codes.weight_zero_point = op.codes.type == CodeType::uint8 ? 128 : 0;
    op.codes.input_zero_point = 0;
    std::ranges::fill(op.bias, 0);
    for (std::size_t i = 0; i < weights.size(); ++i)
      op.weights[i] = static_cast<std::uint8_t>(weights[i] + op.codes.weight_zero_point);
    std::vector<std::int32_t> expected(planes * s.out_plane()), got(expected.size());
    std::vector<std::uint8_t> output(expected.size());
    std::vector<std::byte> scratch, memory(convolution->scratch_bytes() + 64);
    multiply_accumulate_reference(op, planes, input.data(), output.data(), nullptr, PaddingTaps::skip,
                                  expected.data(), scratch);
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    convolution->run(*packed, planes, input.data(), got.data(), memory.data() + (64 - address % 64) % 64);
    ASSERT_EQ(got, expected) << seed;
  }
}

TEST_P(Kernels, ChangedSumsAreTheDefinition) {
  Draw draw(1);
  for (const std::size_t channels : std::initializer_list<std::size_t>{16, 32, 48, 64, 112, 128, 176}) {
    std::vector<std::int16_t> weights(50 * channels * 2);
    for (auto& weight : weights) weight = static_cast<std::int16_t>(draw(-255, 255));
    std::vector<std::int32_t> from(channels);
    for (auto& sum : from) sum = static_cast<std::int32_t>(draw.bits());
    std::vector<InputPair> pairs;
    std::vector<std::int32_t> expected = from;
    for (int i = draw(0, 9); i > 0; --i) {
      const int first = draw(-255, 255);
      const int second = draw(-255, 255);
      const auto place = static_cast<std::uint32_t>(draw(0, 49)) * static_cast<std::uint32_t>(channels) * 2U;
      pairs.push_back({place, static_cast<std::int32_t>(static_cast<std::uint32_t>(second) << 16U |
                                                        (static_cast<std::uint32_t>(first) & 0xFFFFU))});
      for (std::size_t c = 0; c < channels; ++c)
        expected[c] =
            wrapping_add(expected[c], first * weights[place + 2 * c] + second * weights[place + 2 * c + 1]);
    }
    std::vector<std::int32_t> got(channels);
    GetParam()->add_pairs(pairs, weights.data(), from.data(), channels, got.data());
    EXPECT_EQ(got, expected) << channels;
    std::vector<std::int8_t> bytes(weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      bytes[i] = static_cast<std::int8_t>(weights[i]);
      weights[i] = bytes[i];
    }
    GetParam()->add_pairs(pairs, weights.data(), from.data(), channels, expected.data());
    GetParam()->add_byte_pairs(pairs, bytes.data(), from.data(), channels, got.data());
    EXPECT_EQ(got, expected) << channels << " with weights of a byte";
  }
}

TEST_P(Kernels, FloatSumsTakeTheirProductsInOrder) {
  Draw draw(3);
  const auto number = [&] { return std::ldexp(static_cast<float>(draw(-9999, 9999)), draw(-20, 20)); };
  for (const std::size_t pixels : {std::size_t{1}, k_float_pixels})
    for (const std::size_t channels : std::initializer_list<std::size_t>{1, 3, 16, 33}) {
      std::vector<float> weights(channels * k_float_lanes), inputs(channels * pixels),
          sums(k_float_lanes * pixels);
      for (auto* values : {&weights, &inputs, &sums})
        for (float& value : *values) value = number();
      FloatTap tap{weights.data(), channels, {}, pixels};
      std::vector<float> expected = sums;
      for (std::size_t p = 0; p < pixels; ++p) {
        tap.inputs[p] = inputs.data() + p * channels;
        for (std::size_t lane = 0; lane < k_float_lanes; ++lane)
          for (std::size_t c = 0; c < channels; ++c) {
            const volatile float product = inputs[p * channels + c] * weights[c * k_float_lanes + lane];
            expected[p * k_float_lanes + lane] += product;
          }
      }
      GetParam()->add_float_tap(tap, sums.data());
      EXPECT_EQ(sums, expected) << pixels << " pixels, " << channels << " channels";
    }
}

TEST_P(Kernels, SumsOfChannelsAreTheDefinition) {
  Draw draw(2);
  for (const std::size_t channels : std::initializer_list<std::size_t>{1, 7, 16, 33, 100})
    for (const bool is_signed : {false, true}) {
      constexpr std::size_t k_taps = 9;
      const auto inputs = random_bytes(draw, k_taps * channels);
      std::vector<std::int16_t> weights(k_taps * channels);
      for (auto& weight : weights) weight = static_cast<std::int16_t>(draw(-255, 255));
      std::vector<std::int32_t> bias(channels);
      for (auto& sum : bias) sum = static_cast<std::int32_t>(draw.bits());
      std::vector<ChannelTaps::Tap> taps;
      std::vector<std::int32_t> expected = bias;
      constexpr std::int32_t k_zero_point = 5;
      for (std::size_t t = 0; t < k_taps; t += 2) {
        taps.push_back({inputs.data() + t * channels, weights.data() + t * channels});
        for (std::size_t c = 0; c < channels; ++c) {
          const std::uint8_t byte = inputs[t * channels + c];
          const std::int32_t code = is_signed ? static_cast<std::int8_t>(byte) : byte;
          expected[c] = wrapping_add(expected[c], (code - k_zero_point) * weights[t * channels + c]);
        }
      }
      std::vector<std::int32_t> got(channels);
      GetParam()->sum_channels({taps, bias.data(), k_zero_point, is_signed, channels}, got.data());
      EXPECT_EQ(got, expected) << channels;
    }
}

TEST_P(Kernels, MapBytesEqualsThePortableOne) {
  Draw draw(1);
  std::array<std::uint8_t, 256> table;
  for (auto& entry : table) entry = static_cast<std::uint8_t>(draw.bits());
  for (const std::size_t count : std::initializer_list<std::size_t>{0, 1, 63, 64, 65, 1000}) {
    const auto from = random_bytes(draw, count);
    std::vector<std::uint8_t> expected(count + 1, 7), got(count + 1, 7);
    map_bytes_portable(table, from.data(), count, expected.data());
    GetParam()->map_bytes(table, from.data(), count, got.data());
    EXPECT_EQ(expected, got);
  }
}

}  // namespace
}  // namespace qfi
