// SPDX-License-Identifier: Apache-2.0
// Runs layers on a tile machine: exactly, with the factored products of a fault, or looked up in its table.
// It owns the memory for mapped inputs and packed weights, which layers use one after the other.
#pragma once

#include <map>
#include <tuple>

#include "../error_planes.hpp"
#include "qfi/engine/unit.hpp"
#include "tile_layer.hpp"

namespace qfi::tiles {

/// The products of a fault's table for layers of the same codes, in the fault's block.
struct FaultOperands {
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

/// What some layers need: the most of one, or the sum of all.
struct LayerNeeds {
  std::size_t copy = 0;     ///< of one image's mapped input
  std::size_t rows = 1;     ///< output pixels of an image
  std::size_t counted = 0;  ///< words and sums, where a layer can have any
  std::size_t weights = 0;  ///< of all, of one term
  std::size_t biases = 0;   ///< of all
};
LayerNeeds needs_of(std::span<const TileLayer* const> layers);

/// The unit in the place of a layer's products.
struct LayerUnit {
  const TileLayer* layer = nullptr;
  const TabulatedUnit* unit = nullptr;
};

/// Images in the machine's memory, one after the other.
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

  /// Takes memory for layers with these needs, and says how many images of `of_image` more bytes fit beside
  /// it into `bytes`: from `least` to `most`. Throws MachineError: `least` do not.
  std::size_t take_memory(const LayerNeeds& needs, std::size_t bytes, std::size_t of_image, std::size_t least,
                          std::size_t most);

  /// Forgets the fault before, and makes the units of a fault ready: of each layer that has one.
  void begin_fault(std::span<const LayerUnit> units);

  /// Runs a layer as the fault has it, or exactly where the fault has no unit for it.
  void run(const TileLayer& layer, const LayerImages& images);

 private:
  struct Packed {
    const std::int8_t* mapped = nullptr;  ///< weights of map 1 and those after it
    const std::int32_t* bias = nullptr;
  };
  struct FaultLayer {
    const FaultOperands* operands = nullptr;
    Packed packed;
  };
  FaultOperands& add(const TileLayer& layer, const TabulatedUnit& unit, ByteBlock& block);
  bool runs_as_products(const TileLayer& layer, const FaultOperands& operands) const;
  void pack_fault(ByteBlock& block);
  void run_exact(const TileLayer& layer, const LayerImages& images);
  void look_up(const TileLayer& layer, const FaultOperands* operands, const LayerImages& images);
  void count(const ConvolutionShape& shape, const FaultOperands::Plane& plane, const std::uint16_t* classes,
             const LayerImages& images, std::uint32_t* words, std::int32_t* sums, bool adds);
  void run_products(const TileLayer& layer, const TileOperands& operands, const std::byte* block,
                    const Packed& packed, const LayerImages& images);
  void run_counted(const TileLayer& layer, const FaultLayer& fault, const LayerImages& images);
  void run_part(const TileLayer& layer, const TileOperands& operands, const std::byte* block,
                const Packed& packed, const LayerImages& images, const std::int32_t* counted = nullptr);

  TileMachine& m_machine;
  const TileConstants& m_constants;
  std::size_t m_most_terms = 0;  ///< that m_weights has room for
  TileMemory m_copies;
  TileMemory m_weights;  ///< of the fault, of all layers
  TileMemory m_fault;    ///< maps, tables and jobs of the fault
  using FaultKey = std::tuple<const ProductTable*, OperandCodes, PaddingTaps>;
  std::map<FaultKey, FaultOperands> m_operands;
  std::map<const TileLayer*, FaultLayer> m_fault_layers;
  TileMemory m_counted;  ///< classes of each plane, then words, then sums
};

}  // namespace qfi::tiles
