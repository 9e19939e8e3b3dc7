// SPDX-License-Identifier: Apache-2.0
// Operators that multiply weights, as jobs of a tile machine: their constants, the factored products of a
// fault, and what of them goes to the machine's memory.
#pragma once

#include <span>
#include <vector>

#include "../factored_products.hpp"
#include "../multiply_accumulate.hpp"
#include "tile_machine.hpp"

namespace qfi::tiles {

/// Places in the machine's memory, from its beginning; k_nowhere: none.
constexpr std::size_t k_nowhere = static_cast<std::size_t>(-1);

/// Bytes that are put side by side and go to the machine at once.
class ByteBlock {
 public:
  /// Gives where they begin, a multiple of 64.
  std::size_t add(std::span<const std::byte> bytes);
  template <class T>
  std::size_t add_values(const std::vector<T>& values) {
    return add(std::as_bytes(std::span(values)));
  }
  std::span<const std::byte> bytes() const { return m_bytes; }

 private:
  std::vector<std::byte> m_bytes;
};

/// An operator that multiplies weights.
struct TileLayer {
  const MultiplyAccumulate* op = nullptr;
  bool is_dense = false;      ///< runs as products; all others are looked up
  bool is_unrolled = false;   ///< copies of its input hold all that an output pixel meets
  bool copies_input = false;  ///< even where no map changes it
  int pitch = k_chunk;
  int chunks = 0;
  int steps = 0;
  int row_classes = 1, column_classes = 1;
  std::size_t weights = k_nowhere, bias = k_nowhere;
  std::size_t places = k_nowhere, row_class = k_nowhere, column_class = k_nowhere;
  std::size_t row_taps = k_nowhere, column_taps = k_nowhere;
  std::size_t multiplier = k_nowhere, shift = k_nowhere, real = k_nowhere;
  std::size_t exact = 0;                                          ///< of TileConstants::exact
  std::size_t exact_weights = k_nowhere, exact_bias = k_nowhere;  ///< in TileConstants::packed

  std::size_t row_bytes() const { return static_cast<std::size_t>(steps) * k_step; }
  std::size_t weight_bytes() const { return row_bytes() * static_cast<std::size_t>(op->shape.out_c); }
  std::size_t bias_bytes() const {
    return static_cast<std::size_t>(row_classes * column_classes * op->shape.out_c) * sizeof(std::int32_t);
  }
  std::size_t tap_sum_bytes() const {
    return static_cast<std::size_t>(op->shape.out_c) * 2 *
           static_cast<std::size_t>(op->shape.filter_h * op->shape.filter_w) * sizeof(std::uint32_t);
  }
  /// The rows and bytes of one image's mapped copy.
  std::size_t copy_rows() const;
  std::size_t copy_bytes() const { return copy_rows() * static_cast<std::size_t>(pitch); }
};

/// Factored products of layers with the same operand codes, as their jobs take them. Places are in the block
/// that add_operands() added to.
struct TileOperands {
  OperandCodes codes;
  struct Term {
    std::int32_t scale = 1;
    std::size_t input_map = 0;   ///< 0: the input as it is
    std::size_t weight_map = 0;  ///< 0: the exact weights
  };
  std::vector<Term> terms;
  std::int32_t last_scale = 1;
  std::size_t all_maps = k_nowhere;    ///< of inputs, as CopyJob::maps
  std::size_t later_maps = k_nowhere;  ///< without the first one
  std::size_t input_map_count = 1;
  std::size_t weight_maps = k_nowhere;
  std::size_t weight_map_count = 1;
  std::size_t inside = k_nowhere;   ///< as PackJob::inside
  std::size_t outside = k_nowhere;  ///< as PackJob::outside
};
/// `products`: of stored codes with zero points 0. `table` nullptr: taps in the padding add nothing.
TileOperands add_operands(FactoredProducts products, const OperandCodes& codes, const ProductTable* table,
                          ByteBlock& block);

/// What all layers of a program have in the machine's memory.
struct TileConstants {
  TileMemory block;   ///< what add_layer() and add_operands() put side by side
  TileMemory packed;  ///< exact weights and biases of dense layers
  std::vector<TileOperands> exact;

  template <class T>
  const T* at(std::size_t place) const {
    return place == k_nowhere ? nullptr : reinterpret_cast<const T*>(block.data() + place);
  }
};

/// `op` must outlive the layer. Adds to `exact` what its codes need, unless it is there.
TileLayer add_layer(const MultiplyAccumulate& op, ByteBlock& block, std::vector<TileOperands>& exact);
/// Brings the block to the machine, and packs what each dense layer multiplies exactly, once for all faults.
/// Throws MachineError.
TileConstants make_constants(TileMachine& machine, const ByteBlock& block, std::vector<TileOperands> exact,
                             std::span<TileLayer* const> layers);

/// Numbers the rows of the jobs; the pointer to them is left open.
PackAllJob pack_all(std::vector<PackJob>& jobs);

/// What a layer's jobs have in common.
PackJob pack_job(const TileConstants& constants, const TileLayer& layer);
ProductJob product_job(const TileConstants& constants, const TileLayer& layer);
LookUpJob look_up_job(const TileConstants& constants, const TileLayer& layer);

}  // namespace qfi::tiles
