// SPDX-License-Identifier: Apache-2.0
// What the simulator does with a block of operand pairs, bit-parallel. The same code is compiled for several
// instruction sets.
#pragma once

#include <cstdint>
#include <span>

#include "qfi/netlist/simulator.hpp"

namespace qfi {

/// Values of a block by number: below `count` those in `good`, then those in `more`; [number][k_words] each.
struct BlockValues {
  const Simulator::Word* good = nullptr;
  std::size_t count = 0;
  const Simulator::Word* more = nullptr;
};

struct BlockKernels {
  /// Evaluates gates one after the other: their values go to `more`, which has room for them, and can be read
  /// by those behind.
  void (*evaluate)(std::span<const Simulator::NumberedGate> gates, const Simulator::Word* good,
                   std::size_t count, Simulator::Word* more);
  /// Changes the bits of `products` that differ. Those are of the block's pairs, of which the last block has
  /// fewer.
  void (*change_products)(const BlockValues& values, std::span<const Simulator::ResultBit> result,
                          std::span<std::int32_t> products);
};

extern const BlockKernels k_block_kernels_portable;
extern const BlockKernels k_block_kernels_avx2;    ///< precondition: has_avx2()
extern const BlockKernels k_block_kernels_avx512;  ///< precondition: has_avx512()

/// The fastest ones that this CPU runs.
const BlockKernels& block_kernels();

}  // namespace qfi
