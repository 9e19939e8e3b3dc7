// SPDX-License-Identifier: Apache-2.0
// Fused convolutions against the reference loop, bit for bit, with tiles that a plain loop computes.
#include "engine/kernels/fused_convolution.hpp"

#include "engine/kernels/portable/portable.hpp"
#include "random_operator.hpp"
#include "support.hpp"

namespace qfi {
namespace {

// What an instruction set's tiles do, one number at a time.
template <std::size_t V, std::size_t P>
void plain_tile(const TileJob& job) {
  for (std::size_t p = 0; p < P; ++p)
    for (std::size_t lane = 0; lane < V * k_tile_lanes; ++lane) {
      const std::size_t vector = lane / k_tile_lanes;
      if (vector + 1 == V && (job.last_mask >> lane % k_tile_lanes & 1U) == 0) continue;
      std::uint32_t sum = 0;
      for (const TileTerm& term : job.terms) {
        sum *= static_cast<std::uint32_t>(term.scale);
        for (const TileStep& step : job.steps)
          for (std::size_t i = 0; i < 4; ++i) {
            const int weight = term.weights[static_cast<std::size_t>(step.weights) * V + lane * 4 + i];
            const int x = term.input[job.inputs[p] + step.input + static_cast<std::ptrdiff_t>(i)];
            sum += static_cast<std::uint32_t>(weight * (term.flips ? x ^ 0x80 : x));
          }
      }
      sum += job.start[static_cast<std::size_t>(job.starts[p]) + lane];
      const auto accumulator = static_cast<std::int32_t>(sum - 0x80000000U);
      const std::size_t place = static_cast<std::size_t>(job.outputs[p]) + lane;
      if (job.accumulators != nullptr) job.accumulators[place] = accumulator;
      std::int32_t output = (*job.requantizer)(accumulator, job.first_channel + lane);
      if (job.quick != nullptr) {
        const QuickFactors& quick = job.quick[vector];
        const std::size_t c = lane % k_tile_lanes;
        const auto constant = static_cast<std::uint64_t>((c % 2 == 0 ? quick.even : quick.odd)[c / 2]);
        const auto high =
            static_cast<std::uint32_t>((std::uint64_t{sum} * quick.multiplier[c] + constant) >> 32);
        const std::uint32_t sign = quick.sign_shift[c] < 32 ? sum >> quick.sign_shift[c] : 0;
        const std::int32_t scaled = static_cast<std::int32_t>(high + sign) >> quick.right[c];
        EXPECT_EQ(std::clamp(scaled, job.requantizer->min, job.requantizer->max), output) << accumulator;
        output = std::clamp(scaled, job.requantizer->min, job.requantizer->max);
      }
      job.output[place] = static_cast<std::uint8_t>(output);
    }
}

constexpr TileKind k_kinds[] = {
    {4, 6, plain_tile<4, 6>}, {2, 12, plain_tile<2, 12>}, {1, 16, plain_tile<1, 16>}};

TEST(FusedConvolution, EqualsTheReference) {
  int done = 0, quick = 0, of_several_terms = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    test::Draw draw(seed);
    MultiplyAccumulate op = test::random_operator(draw);
    if (draw(0, 2) == 0) op.requantizer.fixed_point.assign(op.bias.size(), quantize_multiplier(0.0009));
    const auto fused = FusedConvolution::make(op, k_kinds, map_bytes_portable);
    EXPECT_EQ(fused == nullptr, op.shape.groups != 1 || op.shape.is_transposed);
    if (!fused) continue;
    const FactorParams params = FusedConvolution::factor_params();
    FactoredProducts factored = plain_products(op.codes.type, params);
    ProductTable table = ProductTable::exact(op.codes);
    const std::size_t plain = factored.product_terms.size();
    for (int more = draw(0, 2); more > 0; --more) {
      ProductTerm& term = factored.product_terms.emplace_back();
      constexpr std::int32_t k_factors[] = {4, 3, -1, 1 << 20, 1 << 30, 12};
      term.factor = k_factors[draw(0, 5)];
      for (std::size_t i = 0; i < 256; ++i) {
        term.weight[i] = static_cast<std::int8_t>(draw(-128, 127));
        term.input[i] = static_cast<std::uint8_t>(draw(0, 255));
      }
      for (std::size_t w = 0; w < 256; ++w)
        for (std::size_t x = 0; x < 256; ++x)
          table.at(w, x) =
              wrapping_add(table.at(w, x), wrapping_multiply(term.factor, term.weight[w] * term.input[x]));
    }
    add_zero_points(op.codes, params, factored);
    TapBias taps;
    const auto channels = static_cast<std::size_t>(op.shape.in_c);
    taps.inside.resize(op.weights.size() / channels);
    for (std::size_t i = 0; i < op.weights.size(); ++i)
      taps.inside[i / channels] += static_cast<std::uint32_t>(factored.of_weight[op.weights[i]]);
    const auto products = fused->pack(factored, make_border_bias(op.shape, op.bias, taps));
    const auto planes = static_cast<std::size_t>(draw(1, 40)) * static_cast<std::size_t>(op.shape.planes);
    const auto input = test::random_bytes(draw, planes * op.shape.in_plane());
    std::vector<std::byte> scratch, memory(fused->scratch_bytes(products->terms()) + 64, std::byte{0xA5});
    std::vector<std::uint8_t> expected(planes * op.shape.out_plane()), got(expected.size());
    std::vector<std::int32_t> expected_sums(expected.size()), sums(expected.size());
    const bool is_exact = factored.product_terms.size() == plain;
    multiply_accumulate_reference(op, planes, input.data(), expected.data(), is_exact ? nullptr : &table,
                                  PaddingTaps::skip, expected_sums.data(), scratch);
    fused->run(*products, planes, input.data(), got.data(), sums.data(), memory.data());
    ASSERT_EQ(expected_sums, sums) << seed;
    ASSERT_EQ(expected, got) << seed;
    ++done;
    of_several_terms += products->terms() > 2 ? 1 : 0;
    quick += QuickFactors::fit(op.requantizer, 0x1p29) ? 1 : 0;
  }
  EXPECT_GT(done, 100);
  EXPECT_GT(quick, 30);
  EXPECT_GT(of_several_terms, 30);
}

}  // namespace
}  // namespace qfi
