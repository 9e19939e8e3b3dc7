// SPDX-License-Identifier: Apache-2.0
// The blocked kernels against the reference, bit for bit, over random shapes; and the pair counts.
#include "engine/multiply_accumulate.hpp"

#include <algorithm>

#include "engine/changed_layer.hpp"
#include "engine/kernels/instruction_set.hpp"
#include "qfi/engine/pair_counter.hpp"
#include "random_operator.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::Draw;
using test::random_bytes;
using test::random_operator;

ProductTable random_table(Draw& draw, const OperandCodes& codes) {
  ProductTable table = ProductTable::exact(codes);
  const int kind = draw(0, 2);
  for (std::size_t w = 0; w < 256; ++w)
    for (std::size_t x = 0; x < 256; ++x)
      if (kind == 0 || (kind == 1 && (w & 4) != 0 && (x & 1) != 0))
        table.at(w, x) = static_cast<std::int32_t>(draw.bits());
  return table;
}

class RandomShapes : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomShapes, PortableKernelsEqualTheReference) {
  Draw draw(GetParam());
  for (int repetition = 0; repetition < 40; ++repetition) {
    const MultiplyAccumulate op = random_operator(draw);
    const auto planes = static_cast<std::size_t>(draw(1, 9)) * static_cast<std::size_t>(op.shape.planes);
    const auto input = random_bytes(draw, planes * op.shape.in_plane());
    const ProductTable table = random_table(draw, op.codes);
    std::vector<std::byte> scratch;
    for (const ProductTable* used : {static_cast<const ProductTable*>(nullptr), &table})
      for (const PaddingTaps padding : {PaddingTaps::skip, PaddingTaps::multiply}) {
        std::vector<std::uint8_t> expected(planes * op.shape.out_plane());
        std::vector<std::uint8_t> got(expected.size());
        std::vector<std::int32_t> expected_sums(expected.size());
        std::vector<std::int32_t> sums(expected.size());
        multiply_accumulate_reference(op, planes, input.data(), expected.data(), used, padding,
                                      expected_sums.data(), scratch);
        multiply_accumulate_portable(op, planes, input.data(), got.data(), used, padding, sums.data(),
                                     scratch);
        ASSERT_EQ(expected, got) << "seed " << GetParam() << " repetition " << repetition << " table "
                                 << (used != nullptr) << " padding " << int(padding == PaddingTaps::multiply);
        ASSERT_EQ(expected_sums, sums);
        if (used != nullptr) continue;
        for (std::size_t i = 0; i < sums.size(); ++i)
          ASSERT_EQ(exact_accumulator(op, input.data(), i), sums[i]);
      }
  }
}

TEST_P(RandomShapes, ExactTablesEqualExactProductsUnderBothPaddings) {
  Draw draw(GetParam() + 1000);
  for (int repetition = 0; repetition < 10; ++repetition) {
    const MultiplyAccumulate op = random_operator(draw);
    const auto input = random_bytes(draw, 3 * op.shape.in_plane());
    const ProductTable table = ProductTable::exact(op.codes);
    std::vector<std::byte> scratch;
    std::vector<std::uint8_t> expected(3 * op.shape.out_plane());
    std::vector<std::uint8_t> got(expected.size());
    multiply_accumulate_reference(op, 3, input.data(), expected.data(), nullptr, PaddingTaps::skip, nullptr,
                                  scratch);
    for (const PaddingTaps padding : {PaddingTaps::skip, PaddingTaps::multiply}) {
      multiply_accumulate_portable(op, 3, input.data(), got.data(), &table, padding, nullptr, scratch);
      ASSERT_EQ(expected, got);
    }
  }
}

// Each pair's count is what the accumulators move by when only that entry of the table changes.
TEST_P(RandomShapes, PairCountsAreTheProductsThatAreReallyFormed) {
  Draw draw(GetParam() + 2000);
  for (int repetition = 0; repetition < 6; ++repetition) {
    MultiplyAccumulate op = random_operator(draw);
    ConvolutionShape& s = op.shape;
    const auto input = random_bytes(draw, 2 * s.in_plane());
    for (const PaddingTaps padding : {PaddingTaps::skip, PaddingTaps::multiply}) {
      std::vector<std::uint64_t> counts(k_code_pairs, 0);
      count_pairs(op, 2, input.data(), padding, counts);
      PairCounter first(op, padding), second(op, padding);
      first.add(1, input.data());
      second.add(1, input.data() + s.in_plane());
      first.add(second);
      std::vector<std::uint64_t> counted(k_code_pairs, 0);
      first.add_to(counted);
      EXPECT_EQ(counted, counts);
      std::uint64_t inside = 0;
      for (int ky = 0; ky < s.filter_h; ++ky)
        for (int kx = 0; kx < s.filter_w; ++kx)
          for (int oy = 0; oy < s.out_h; ++oy)
            for (int ox = 0; ox < s.out_w; ++ox) {
              const int y = input_place(oy, ky, s.in_h, s.stride_h, s.dilation_h, s.pad_h, s.is_transposed);
              const int x = input_place(ox, kx, s.in_w, s.stride_w, s.dilation_w, s.pad_w, s.is_transposed);
              const bool multiplies_padding = padding == PaddingTaps::multiply && !s.is_transposed;
              inside += (y >= 0 && x >= 0) || multiplies_padding ? 1 : 0;
            }
      std::uint64_t total = 0;
      for (const std::uint64_t count : counts) total += count;
      EXPECT_EQ(total, 2 * inside * static_cast<std::uint64_t>(s.out_c) *
                           static_cast<std::uint64_t>(s.group_in_c()));
      // One pair in detail: a table that is 1 there and 0 elsewhere, summed over all outputs.
      const std::uint8_t w = op.weights[op.weights.size() / 2];
      const std::uint8_t x = input[input.size() / 2];
      MultiplyAccumulate counter = op;
      std::fill(counter.bias.begin(), counter.bias.end(), 0);
      counter.requantizer = {{}, std::vector<double>(static_cast<std::size_t>(s.out_c), 1.0), 0, 0, 255};
      ProductTable one;
      one.at(w, x) = 1;
      std::vector<std::byte> scratch;
      std::vector<std::uint8_t> out(2 * s.out_plane());
      multiply_accumulate_reference(counter, 2, input.data(), out.data(), &one, padding, nullptr, scratch);
      std::uint64_t sum = 0;
      for (const std::uint8_t value : out) sum += value;
      EXPECT_EQ(counts[std::size_t{w} * 256 + x], sum);
    }
  }
}

Tensor tensor_of(std::size_t planes, int height, int width, int channels) {
  Tensor tensor;
  tensor.type = TensorType::int8;
  tensor.shape = {static_cast<int>(planes), height, width, channels};
  return tensor;
}

// One image of a tensor with what differs in it.
struct Changes {
  Changes(const Tensor& tensor, std::vector<std::uint8_t> golden_values)
      : grid(tensor), golden(std::move(golden_values)), now(golden.size(), 77), bits(grid.map_words()) {}
  ChangedImage image() {
    return {reinterpret_cast<const std::byte*>(golden.data()), reinterpret_cast<std::byte*>(now.data()), bits,
            &channels};
  }
  std::vector<std::uint8_t> values() {
    std::vector<std::uint8_t> result = golden;
    for_each_pixel(grid, bits, [&](std::size_t row, std::size_t column) {
      const std::size_t first = (row * grid.columns + column) * grid.channels;
      EXPECT_FALSE(std::equal(now.begin() + static_cast<std::ptrdiff_t>(first),
                              now.begin() + static_cast<std::ptrdiff_t>(first + grid.channels),
                              golden.begin() + static_cast<std::ptrdiff_t>(first)))
          << "a pixel that does not differ";
      std::copy_n(now.begin() + static_cast<std::ptrdiff_t>(first), grid.channels,
                  result.begin() + static_cast<std::ptrdiff_t>(first));
    });
    return result;
  }

  PixelGrid grid;
  std::vector<std::uint8_t> golden, now;
  std::vector<std::uint64_t> bits;
  ChannelRange channels;
};

struct WaysTaken {
  int changes = 0;
  int listed = 0;
};

// From the golden accumulators and changed inputs alone: what the reference gives on the changed inputs, by
// every way that the layer has. Some inferences of one image stand side by side, the second one unchanged.
void check_changed_inputs(const MultiplyAccumulate& op, Draw& draw, WaysTaken& taken) {
  constexpr std::size_t k_inferences = 4;
  constexpr std::size_t k_golden = 1;
  const ConvolutionShape& s = op.shape;
  const auto planes = static_cast<std::size_t>(s.planes);
  const Tensor in = tensor_of(planes, s.in_h, s.in_w, s.in_c);
  const Tensor out = tensor_of(planes, s.out_h, s.out_w, s.out_c);
  const auto golden_input = random_bytes(draw, planes * s.in_plane());
  const std::size_t outputs = planes * s.out_plane();
  std::vector<std::byte> scratch;
  std::vector<std::uint8_t> golden(outputs);
  std::vector<std::int32_t> sums(outputs + k_sum_lanes);
  multiply_accumulate_reference(op, planes, golden_input.data(), golden.data(), nullptr, PaddingTaps::skip,
                                sums.data(), scratch);
  std::vector<Changes> inputs;
  std::vector<std::vector<std::uint8_t>> expected;
  for (std::size_t k = 0; k < k_inferences; ++k) {
    Changes& input = inputs.emplace_back(in, golden_input);
    std::vector<std::uint8_t> changed = golden_input;
    const int most = draw(0, 3) == 0 ? static_cast<int>(changed.size()) : 3;
    for (int i = k == k_golden ? 0 : draw(1, most); i > 0; --i)
      changed[static_cast<std::size_t>(draw(0, static_cast<int>(changed.size()) - 1))] =
          static_cast<std::uint8_t>(draw.bits());
    for (std::size_t row = 0; row < input.grid.rows; ++row)
      for (std::size_t column = 0; column < input.grid.columns; ++column)
        store_pixel(input.grid, input.image(), row, column,
                    changed.data() + (row * input.grid.columns + column) * input.grid.pixel_bytes);
    ASSERT_EQ(input.values(), changed);
    multiply_accumulate_reference(op, planes, changed.data(), expected.emplace_back(outputs).data(), nullptr,
                                  PaddingTaps::skip, nullptr, scratch);
  }
  ChangedLayer layer(op, in, out);
  ChangedLayer::Scratch work;
  constexpr LayerPrices k_sums{.call = 0, .image = 1, .pixel = 1e-9, .pair = 1e-9, .listed = 1};
  constexpr LayerPrices k_gathers{.call = 0, .image = 1, .pixel = 1, .pair = 1, .listed = 1e-9};
  for (const LayerPrices& prices : {k_sums, k_gathers, k_sums}) {
    layer.set_prices(prices);
    layer.begin_plan(k_inferences, work);
    std::vector<Changes> results(k_inferences, Changes(out, golden));
    for (std::size_t k = 0; k < k_inferences; ++k)
      if (k != k_golden) layer.plan(k, inputs[k].image(), work);
    work.plan.choose_ways(prices);
    const ChangedLayer::Images images{[&](std::size_t k) { return inputs[k].image(); },
                                      [&](std::size_t k) { return results[k].image(); },
                                      [&](std::size_t) { return sums.data(); }};
    layer.run_changes(images, work);
    layer.run_listed(images, work);
    for (std::size_t k = 0; k < k_inferences; ++k) {
      const LayerPlan::Way way = work.plan.inferences[k].way;
      if (way == LayerPlan::Way::whole) continue;
      taken.changes += way == LayerPlan::Way::changes ? 1 : 0;
      taken.listed += way == LayerPlan::Way::listed ? 1 : 0;
      ASSERT_EQ(results[k].values(), expected[k]) << "inference " << k;
    }
  }
}

TEST_P(RandomShapes, ChangedInputsGiveTheChangedOutputs) {
  Draw draw(GetParam() + 3000);
  WaysTaken taken;
  for (int repetition = 0; repetition < 40; ++repetition) {
    SCOPED_TRACE(testing::Message() << "seed " << GetParam() << " repetition " << repetition);
    check_changed_inputs(random_operator(draw), draw, taken);
  }
  EXPECT_GT(taken.changes, 60);
  if (instruction_set().make_convolution != nullptr) {
    EXPECT_GT(taken.listed, 15) << "where layers have a fast way, gathered inputs have one too";
  }
}

// Weights that fill the caches are kept as bytes, in blocks of channels, the last of which is not full.
TEST(ChangedLayer, ManyWeightsGiveTheChangedOutputs) {
  Draw draw(5);
  WaysTaken taken;
  MultiplyAccumulate op;
  op.shape.in_c = 1023;
  op.shape.out_c = 720;
  op.codes = {CodeType::int8, 0, -3};
  op.weights = random_bytes(draw, 1023 * 720);
  for (int c = 0; c < op.shape.out_c; ++c) op.bias.push_back(draw(-1000, 1000));
  op.requantizer = {{}, std::vector<double>(720, 0.0004), 2, -128, 127};
  for (int repetition = 0; repetition < 3; ++repetition) check_changed_inputs(op, draw, taken);
  EXPECT_GT(taken.changes, 10);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomShapes, testing::Range<std::uint64_t>(0, 12));

TEST(TapRange, IsThoseOutputsWhoseTapIsInside) {
  for (const bool is_transposed : {false, true})
    for (int k = 0; k < 4; ++k)
      for (int in = 1; in < 7; ++in)
        for (int stride = 1; stride < 4; ++stride)
          for (int dilation = 1; dilation < (is_transposed ? 2 : 3); ++dilation)
            for (int pad = 0; pad < 4; ++pad) {
              ConvolutionShape shape;
              shape.is_transposed = is_transposed;
              shape.in_w = in;
              shape.out_w = 6;
              shape.stride_w = stride;
              shape.dilation_w = dilation;
              shape.pad_w = pad;
              std::vector<int> met(6, -1);
              const TapRange range = tap_columns(shape, k);
              for (int i = 0; i < range.count; ++i)
                met.at(static_cast<std::size_t>(range.first_out + i * range.out_step)) =
                    range.first_in + i * range.in_step;
              for (int o = 0; o < 6; ++o)
                EXPECT_EQ(met[static_cast<std::size_t>(o)],
                          input_place(o, k, in, stride, dilation, pad, is_transposed));
            }
}

}  // namespace
}  // namespace qfi
