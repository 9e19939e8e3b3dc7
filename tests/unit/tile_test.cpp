// SPDX-License-Identifier: Apache-2.0
// The tile programs that a GPU runs, in loops on the CPU, against the engine's reference.
#include <gtest/gtest.h>

#include <cstring>

#include "draw.hpp"
#include "engine/table_analysis.hpp"
#include "engine/tiles/tile_proof.hpp"
#include "engine/tiles/tile_source.hpp"
#include "random_operator.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;

TEST(Tiles, FinishAsTheRequantizerDoes) {
  test::Draw draw(5);
  for (int trial = 0; trial < 200; ++trial) {
    const MultiplyAccumulate op = test::random_operator(draw);
    const Requantizer& requantizer = op.requantizer;
    std::vector<std::int32_t> multiplier, shift;
    for (const QuantizedMultiplier& factor : requantizer.fixed_point) {
      multiplier.push_back(factor.multiplier);
      shift.push_back(factor.shift);
    }
    const tiles::Finish finish{multiplier.data(), shift.data(),
                               requantizer.real.empty() ? nullptr : requantizer.real.data(),
                               requantizer.zero_point, requantizer.min, requantizer.max};
    for (int i = 0; i < 100; ++i) {
      const auto sum = static_cast<std::int32_t>(draw.bits()) >> draw(0, 31);
      const int channel = draw(0, op.shape.out_c - 1);
      ASSERT_EQ(tiles::finish_output(finish, sum, channel),
                static_cast<std::uint8_t>(requantizer(sum, static_cast<std::size_t>(channel))))
          << sum;
    }
  }
}

}  // namespace
}  // namespace qfi
