// SPDX-License-Identifier: Apache-2.0
// Runs layers on a tile machine: exactly, with the factored products of a fault, or looked up in its table. It
// owns the memory for mapped inputs and packed weights, which layers use one after the other.
#pragma once

#include "../error_planes.hpp"
#include "qfi/engine/unit.hpp"
#include "tile_layer.hpp"

namespace qfi::tiles {

/// The products of a fault's table for layers of the same codes, in the fault's block.
struct FaultOperands {
  bool is_known = false;
  bool is_factored = false;
  PaddingTaps padding = PaddingTaps::skip;
  TileOperands products;
  struct Plane {
    std::int32_t factor = 1;
    int pattern_words = 1;
    std::size_t patterns = k_nowhere;   ///< [input byte][pattern_words]
    std::size_t of_weight = k_nowhere;  ///< classes
  };
  std::vector<Plane> planes;      ///< errors that are counted and added to the products
  std::size_t table = k_nowhere;  ///< for layers that look them up
};

/// The most that one of some layers needs, in bytes.
struct LayerNeeds {
  std::size_t copy = 0;     ///< of one image's mapped input
  std::size_t rows = 1;     ///< output pixels of an image
  std::size_t counted = 0;  ///< of 32 images' words and sums
  std::size_t weights = 0;
  std::size_t biases = 0;
};
LayerNeeds needs_of(std::span<const TileLayer* const> layers);

/// Where images lie in the machine's memory, one after the other.
struct LayerImages {
  const std::uint8_t* input = nullptr;
  std::uint8_t* output = nullptr;
  std::size_t images = 0;
};

class LayerRunner {
 public:
  /// Both must outlive it.
  LayerRunner(TileMachine& machine, const TileConstants& constants)
      : m_machine(machine), m_constants(constants) {}

  /// Takes memory for layers with these needs, and says how many images of `of_image` more bytes fit beside it
  /// into `bytes`: from `least` to `most`. Throws MachineError: `least` do not.
  std::size_t take_memory(const LayerNeeds& needs, std::size_t bytes, std::size_t of_image, std::size_t least,
                          std::size_t most);

  /// Adds to the block what a fault's unit needs in a layer, unless it is there: all layers of the same table,
  /// codes and padding share `operands`.
  void add(const TileLayer& layer, const TabulatedUnit& unit, ByteBlock& block, FaultOperands& operands) const;

  void run_exact(const TileLayer& layer, const LayerImages& images);
  /// `block`: of the fault, in the machine's memory.
  void run(const TileLayer& layer, const FaultOperands& operands, const std::byte* block, const LayerImages& images);

 private:
  struct Packed {
    const std::int8_t* mapped = nullptr;  ///< weights of map 1 and those after it
    const std::int32_t* bias = nullptr;
  };
  void count(const TileLayer& layer, const FaultOperands::Plane& plane, const std::byte* block,
             const LayerImages& images, std::uint32_t* words, std::int32_t* sums, bool adds);
  Packed pack(const TileLayer& layer, const TileOperands& operands, const std::byte* block);
  void run_products(const TileLayer& layer, const TileOperands& operands, const std::byte* block,
                    const Packed& packed, const LayerImages& images);
  void run_counted(const TileLayer& layer, const FaultOperands& operands, const std::byte* block,
                   const LayerImages& images);
  void run_part(const TileLayer& layer, const TileOperands& operands, const std::byte* block, const Packed& packed,
                const LayerImages& images, const std::int32_t* counted = nullptr);

  TileMachine& m_machine;
  const TileConstants& m_constants;
  std::size_t m_most_terms = 0;  ///< that m_weights has room for
  TileMemory m_copies;
  TileMemory m_weights;
  TileMemory m_counted;  ///< classes of weights, then words, then sums
};

}  // namespace qfi::tiles
