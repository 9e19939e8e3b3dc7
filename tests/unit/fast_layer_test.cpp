// SPDX-License-Identifier: Apache-2.0
// Convolutions and factored tables against the reference loop, bit for bit, with every instruction set.
#include "engine/fast_layer.hpp"

#include "available_sets.hpp"
#include "random_operator.hpp"
#include "random_table.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::Draw;
using test::faulty_table;
using test::random_bytes;
using test::random_codes;
using test::random_operator;

// A geometry as models have it: the output covers the input.
void fit_output(ConvolutionShape& s, Draw& draw) {
  const auto fit = [&](int in, int filter, int stride, int dilation, int& pad) {
    const int reach = (filter - 1) * dilation + 1;
    pad = std::min(pad, reach - 1);
    return std::max((in + pad + draw(0, reach - 1) - reach) / stride + 1, 1);
  };
  s.in_h += s.filter_h * 2;
  s.in_w += s.filter_w * 3;
  s.out_h = fit(s.in_h, s.filter_h, s.stride_h, s.dilation_h, s.pad_h);
  s.out_w = fit(s.in_w, s.filter_w, s.stride_w, s.dilation_w, s.pad_w);
}

OperandsInUse some_operands(Draw& draw) {
  OperandsInUse in_use;
  for (std::size_t i = 0; i < 256; ++i) {
    in_use.weights[i] = draw(0, 3) > 0;
    in_use.inputs[i] = draw(0, 7) > 0;
  }
  return in_use;
}

TEST(FactoredProducts, GiveEveryEntryOfTheTable) {
  std::size_t found = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    const OperandCodes codes = random_codes(draw);
    const ProductTable table = faulty_table(draw, codes, static_cast<int>(seed % 10));
    const OperandsInUse in_use = some_operands(draw);
    const FactorParams params{draw(0, 2) == 0 ? CodeType::uint8 : codes.type, draw(0, 1) == 0};
    auto factored = factor_products(error_table(table, codes), in_use, params);
    if (!factored) continue;
    ++found;
    EXPECT_LE(factored->product_terms.size() + factored->input_terms.size(), params.most_terms);
    add_zero_points(codes, params, *factored);
    for (std::size_t w = 0; w < 256; ++w)
      for (std::size_t x = 0; x < 256; ++x)
        if (in_use.weights[w] && in_use.inputs[x]) {
          ASSERT_EQ(factored->at(w, x, params.input_type), table.at(w, x)) << seed << " " << w << " " << x;
        }
  }
  EXPECT_GT(found, 170U);
}

TEST(ErrorPlanes, GiveEveryEntryOfTheTable) {
  std::size_t found = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    const OperandCodes codes = random_codes(draw);
    const ErrorTable errors = error_table(faulty_table(draw, codes, static_cast<int>(seed % 10)), codes);
    const OperandsInUse in_use = some_operands(draw);
    const auto planes = split_errors(errors, in_use, 4);
    if (!planes) continue;
    ++found;
    EXPECT_LE(planes->planes.size(), 4U);
    for (std::size_t w = 0; w < 256; ++w)
      for (std::size_t x = 0; x < 256; ++x)
        if (in_use.weights[w] && in_use.inputs[x]) {
          ASSERT_EQ(planes->at(w, x), errors.at(w, x)) << seed << " " << w << " " << x;
        }
  }
  EXPECT_GT(found, 80U);
}

// Products that one convolution can do are not given two.
TEST(FactoredProducts, AreAsFewAsTheStructureAllows) {
  const OperandCodes codes{CodeType::int8, 0, -128};
  OperandsInUse in_use;
  in_use.weights.fill(true);
  in_use.inputs.fill(true);
  const auto factor = [&](const ProductTable& table) {
    return factor_products(error_table(table, codes), in_use, {});
  };
  const auto terms = [&](int kind) {
    Draw draw(7);
    return factor(faulty_table(draw, codes, kind))->product_terms.size();
  };
  EXPECT_EQ(terms(0), 1U);
  EXPECT_EQ(terms(1), 2U) << "a partial product";
  EXPECT_EQ(terms(6), 1U) << "of the weight alone";
  EXPECT_EQ(terms(7), 1U) << "of the input alone";
  ProductTable stuck_weight, stuck_input;
  for (std::size_t w = 0; w < 256; ++w)
    for (std::size_t x = 0; x < 256; ++x) {
      const auto number = [](std::size_t byte) { return code_of_byte(byte, CodeType::int8); };
      stuck_weight.at(w, x) = number(w | 16U) * number(x) + 128 * number(w);
      stuck_input.at(w, x) = number(w) * number(x & 0xBFU) + 128 * number(w);
    }
  EXPECT_EQ(factor(stuck_weight)->product_terms.size(), 1U);
  EXPECT_EQ(factor(stuck_input)->product_terms.size(), 1U);
  Draw draw(1);
  EXPECT_FALSE(factor(faulty_table(draw, codes, 10))) << "no structure";
}

class RandomLayers : public testing::TestWithParam<std::tuple<const InstructionSet*, std::uint64_t>> {};

TEST_P(RandomLayers, EqualTheReference) {
  const auto [set, seed] = GetParam();
  Draw draw(seed);
  int done = 0;
  int tables = 0;
  int counted = 0;
  for (int repetition = 0; repetition < 40; ++repetition) {
    MultiplyAccumulate op = random_operator(draw);
    if (!op.shape.is_transposed && draw(0, 3) > 0) fit_output(op.shape, draw);
    const auto fast = FastLayer::make(op, *set);
    if (!fast) continue;
    ++done;
    const auto planes = static_cast<std::size_t>(draw(1, 40) + (draw(0, 3) == 0 ? 100 : 0)) *
                        static_cast<std::size_t>(op.shape.planes);
    const auto input = random_bytes(draw, planes * op.shape.in_plane());
    const ProductTable table = faulty_table(draw, op.codes, repetition % 11);
    OperandsInUse in_use = some_operands(draw);
    in_use.inputs.fill(true);
    for (const std::uint8_t weight : op.weights) in_use.weights[weight] = true;
    TableAnalysis analysis(error_table(table, op.codes), in_use);
    for (const PaddingTaps padding : {PaddingTaps::skip, PaddingTaps::multiply})
      for (const auto& [used, way] :
           {std::pair{static_cast<const ProductTable*>(nullptr), ErrorWay::cheapest},
            std::pair{&table, ErrorWay::cheapest}, std::pair{&table, ErrorWay::products},
            std::pair{&table, ErrorWay::counts}}) {
        const auto products = used == nullptr ? nullptr : fast->prepare(analysis, table, padding, way);
        if (used != nullptr && !products) continue;
        tables += used != nullptr ? 1 : 0;
        counted += products && products->errors ? 1 : 0;
        std::vector<std::byte> scratch;
        std::vector<std::uint8_t> expected(planes * op.shape.out_plane()), got(expected.size());
        std::vector<std::int32_t> expected_sums(expected.size()), sums(expected.size());
        multiply_accumulate_reference(op, planes, input.data(), expected.data(), used, padding,
                                      expected_sums.data(), scratch);
        fast->run(products.get(), planes, input.data(), got.data(), sums.data(), scratch);
        ASSERT_EQ(expected_sums, sums)
            << "seed " << seed << " repetition " << repetition << " table " << (used != nullptr)
            << " padding " << int(padding == PaddingTaps::multiply);
        ASSERT_EQ(expected, got) << "seed " << seed << " repetition " << repetition;
        EXPECT_LE(scratch.size(), used == nullptr ? fast->scratch_bytes() : fast->table_scratch_bytes());
      }
  }
  EXPECT_GT(done, 5) << "of 40 layers";
  EXPECT_GT(tables, done);
  EXPECT_GE(counted, set->count_bits != nullptr ? 5 : 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomLayers,
                         testing::Combine(testing::ValuesIn(test::available_sets()),
                                          testing::Range<std::uint64_t>(0, 12)),
                         [](const auto& info) {
                           return fmt::format("{}_{}", test::test_name(*std::get<0>(info.param)),
                                              std::get<1>(info.param));
                         });

MultiplyAccumulate plain_layer(const ConvolutionShape& shape, CodeType type) {
  MultiplyAccumulate op;
  op.shape = shape;
  op.codes = {type, type == CodeType::int8 ? 0 : 128, smallest_code(type)};
  op.weights.resize(static_cast<std::size_t>(shape.out_c) * shape.taps());
  op.bias.assign(static_cast<std::size_t>(shape.out_c), 0);
  op.requantizer.fixed_point.assign(op.bias.size(), quantize_multiplier(1e-5));
  op.requantizer.min = smallest_code(type);
  op.requantizer.max = op.requantizer.min + 255;
  return op;
}

void expect_exact_sums(const MultiplyAccumulate& op, const std::vector<std::uint8_t>& input,
                       std::size_t planes) {
  const auto fast = FastLayer::make(op);
  if (!fast) return;  // refused is right, too
  std::vector<std::byte> scratch;
  std::vector<std::uint8_t> outputs(planes * op.shape.out_plane());
  std::vector<std::int32_t> expected(outputs.size()), sums(outputs.size());
  multiply_accumulate_reference(op, planes, input.data(), outputs.data(), nullptr, PaddingTaps::skip,
                                expected.data(), scratch);
  fast->run(nullptr, planes, input.data(), outputs.data(), sums.data(), scratch);
  EXPECT_EQ(expected == sums, true);
}

// Above 2^24 a float no longer holds every integer, and some of the library's ways go through float.
TEST(FastLayer, IsExactWhereSumsAreLarge) {
  for (const CodeType type : {CodeType::int8, CodeType::uint8})
    for (const int channels : {64, 96, 128, 257, 512})
      for (const int filter : {1, 3})
        for (const int pad : {0, 1}) {
          ConvolutionShape shape;
          shape.in_c = filter == 1 ? channels * 8 : channels;
          shape.out_c = 24;
          shape.filter_h = shape.filter_w = filter;
          shape.in_h = shape.in_w = 5;
          shape.pad_h = shape.pad_w = filter == 1 ? 0 : pad;
          shape.out_h = shape.out_w = 5 + 2 * shape.pad_h - filter + 1;
          MultiplyAccumulate op = plain_layer(shape, type);
          for (std::size_t i = 0; i < op.weights.size(); ++i)
            op.weights[i] =
                static_cast<std::uint8_t>((type == CodeType::int8 ? 127 : 255) - random_below(1, "w", i, 2));
          std::vector<std::uint8_t> input(3 * shape.in_plane());
          for (std::size_t i = 0; i < input.size(); ++i)
            input[i] =
                static_cast<std::uint8_t>((type == CodeType::int8 ? 127 : 255) - random_below(1, "x", i, 3));
          SCOPED_TRACE(fmt::format("type {} channels {} filter {} pad {}", static_cast<int>(type), shape.in_c,
                                   filter, pad));
          expect_exact_sums(op, input, 3);
        }
}

// The library's grouped convolutions are wrong for some shapes; one that is right does not vouch for another.
TEST(FastLayer, IsProvedForEachShape) {
  Draw draw(3);
  const auto check = [&](int in_c, int out_c, int in_h, int in_w, int out_h, int out_w, int stride_w,
                         int pad_h) {
    ConvolutionShape shape;
    shape.groups = 2;
    shape.in_c = in_c;
    shape.out_c = out_c;
    shape.in_h = in_h;
    shape.in_w = in_w;
    shape.out_h = out_h;
    shape.out_w = out_w;
    shape.filter_h = 4;
    shape.stride_w = stride_w;
    shape.pad_h = pad_h;
    MultiplyAccumulate op = plain_layer(shape, CodeType::int8);
    op.weights = random_bytes(draw, op.weights.size());
    expect_exact_sums(op, random_bytes(draw, 2 * shape.in_plane()), 2);
  };
  check(10, 6, 6, 5, 3, 3, 2, 0);
  check(96, 34, 5, 4, 6, 2, 2, 2);
  for (const int channels : {32, 64, 96, 128}) check(channels, 34, 5, 4, 6, 2, 2, 2);
}

// Tables are analysed for the weights of all layers that share them; a layer may have none of those that err.
TEST(FastLayer, MayHaveNoneOfTheWeightsThatErr) {
  ConvolutionShape shape;
  shape.in_c = 20;
  shape.out_c = 17;
  shape.in_h = shape.in_w = shape.out_h = shape.out_w = 4;
  shape.filter_h = shape.filter_w = 3;
  shape.pad_h = shape.pad_w = 1;
  MultiplyAccumulate op = plain_layer(shape, CodeType::int8);
  std::ranges::fill(op.weights, std::uint8_t{6});
  ProductTable table = ProductTable::exact(op.codes);
  for (std::size_t x = 0; x < 256; x += 3) table.at(9, x) += 7;
  OperandsInUse in_use{{}, ByteSet::all()};
  in_use.weights[6] = in_use.weights[9] = true;
  const auto fast = FastLayer::make(op);
  if (!fast) GTEST_SKIP() << "no fast way on this CPU";
  Draw draw(1);
  const auto input = random_bytes(draw, 3 * shape.in_plane());
  for (const ErrorWay way : {ErrorWay::products, ErrorWay::counts}) {
    TableAnalysis analysis(error_table(table, op.codes), in_use);
    const auto products = fast->prepare(analysis, table, PaddingTaps::skip, way);
    if (!products) continue;
    std::vector<std::byte> scratch;
    std::vector<std::uint8_t> expected(3 * shape.out_plane()), got(expected.size());
    multiply_accumulate_reference(op, 3, input.data(), expected.data(), &table, PaddingTaps::skip, nullptr,
                                  scratch);
    fast->run(products.get(), 3, input.data(), got.data(), nullptr, scratch);
    EXPECT_EQ(got, expected);
  }
}

}  // namespace
}  // namespace qfi
