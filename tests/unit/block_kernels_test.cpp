// SPDX-License-Identifier: Apache-2.0
#include "netlist/block_kernels.hpp"

#include <gtest/gtest.h>

#include "qfi/base/cpu.hpp"
#include "qfi/base/random.hpp"

namespace qfi {
namespace {

using Word = Simulator::Word;
constexpr std::size_t k_values = 20;

// Gates of every kind on random values, and all result bits, some of them of faulty gates.
struct RandomBlock {
  explicit RandomBlock(std::uint64_t seed) : good(k_values * Simulator::k_words) {
    std::uint64_t drawn = 0;
    for (Word& word : good)
      for (std::uint64_t& lane : word.lanes) lane = random_bits(seed, "values", drawn++);
    for (std::uint64_t i = 0; i < 60; ++i) {
      Simulator::NumberedGate gate{static_cast<GateOp>(i % (static_cast<std::uint64_t>(GateOp::table) + 1)),
                                   random_bits(seed, "tables", i),
                                   {}};
      for (std::size_t k = 0; k < k_gate_inputs; ++k)
        gate.sources[k] =
            static_cast<std::uint32_t>(random_below(seed, "sources", i * k_gate_inputs + k, k_values + i));
      gates.push_back(gate);
    }
    for (std::uint32_t bit = 0; bit < 32; ++bit)
      result.push_back({bit, static_cast<std::uint32_t>(k_values + bit), bit % 5});
  }

  std::vector<std::int32_t> products(const BlockKernels& kernels, std::size_t pairs) const {
    std::vector<Word> more(gates.size() * Simulator::k_words);
    kernels.evaluate(gates, good.data(), k_values, more.data());
    std::vector<std::int32_t> changed(pairs, 12345);
    kernels.change_products({good.data(), k_values, more.data()}, result, changed);
    return changed;
  }

  std::vector<Word> good;
  std::vector<Simulator::NumberedGate> gates;
  std::vector<Simulator::ResultBit> result;
};

TEST(BlockKernels, EveryInstructionSetGivesTheSameProducts) {
  std::vector<const BlockKernels*> sets;
#if defined(__x86_64__)
  if (has_avx2()) sets.push_back(&k_block_kernels_avx2);
  if (has_avx512()) sets.push_back(&k_block_kernels_avx512);
#endif
  if (sets.empty()) GTEST_SKIP() << "this CPU has neither AVX2 nor AVX-512";
  constexpr std::size_t k_all = Simulator::k_words * Simulator::k_word_patterns;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const RandomBlock block(seed);
    for (const std::size_t pairs : {k_all, k_all - 1, std::size_t{517}, std::size_t{3}})
      for (const BlockKernels* set : sets)
        EXPECT_EQ(block.products(*set, pairs), block.products(k_block_kernels_portable, pairs)) << seed;
  }
}

}  // namespace
}  // namespace qfi
