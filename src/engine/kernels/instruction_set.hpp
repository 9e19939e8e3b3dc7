// SPDX-License-Identifier: Apache-2.0
// Owns the kernels' tables: one for each instruction set, which says what it is called, whether this CPU has
// it and which function does what. Each table stands beside its kernels in kernels/<set>/. Layers and
// operators take their functions from the chosen one and ask for no CPU feature themselves.
#pragma once

#include <span>

#include "bit_count.hpp"
#include "changed_sums.hpp"
#include "finish.hpp"
#include "float_sums.hpp"
#include "fused_tile.hpp"
#include "integer_convolution.hpp"
#include "linear_pair.hpp"
#include "map_bytes.hpp"

namespace qfi {

/// A set that lacks a function of its own names that of the set below it. All functions of a kind give the
/// same bytes. Precondition of calling any of them: is_available().
struct InstructionSet {
  const char* name;  ///< for records: "own kernels with <name>"
  /// Whether the CPU has it and DNNL_MAX_CPU_ISA allows it.
  bool (*is_available)();
  FinishFunction finish;
  LinearPairFunction linear_pair;
  MapBytesFunction map_bytes;
  CountBitsFunction count_bits;              ///< nullptr: errors are not counted with this set
  MakeConvolutionFunction make_convolution;  ///< nullptr: oneDNN's convolutions, or the portable loop
  std::span<const TileKind> (*tiles)();  ///< of fused convolutions, the widest first; nullptr: there are none
  AddPairsFunction<std::int16_t> add_pairs;
  AddPairsFunction<std::int8_t> add_byte_pairs;
  SumChannelsFunction sum_channels;
  AddFloatTapFunction add_float_tap;
};

/// All that were compiled, the best one first. The last one is always available.
std::span<const InstructionSet* const> instruction_sets();

/// The first available one, chosen once.
const InstructionSet& instruction_set();

}  // namespace qfi
