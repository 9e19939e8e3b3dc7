// SPDX-License-Identifier: Apache-2.0
// Owns FusedConvolution, a convolution whose sums never go through memory. Geometry, products of a table and
// blocks of images go in; stored outputs come out, the same bytes as from the reference loop.
#pragma once

#include <memory>
#include <vector>

#include "../factored_products.hpp"
#include "../multiply_accumulate.hpp"
#include "fused_tile.hpp"
#include "map_bytes.hpp"

namespace qfi {

/// Immutable; shared by threads, each with its own scratch memory.
class FusedConvolution {
 public:
  /// Products made ready for the layer's weights.
  class Products {
   public:
    std::size_t terms() const { return m_terms.size(); }

   private:
    friend class FusedConvolution;
    struct Term {
      std::array<std::uint8_t, 256> map{};
      std::vector<std::int8_t> weights;
      std::int32_t scale = 1;
      bool is_direct = false;  ///< read from the input itself
      bool flips = false;
    };
    std::vector<Term> m_terms;
    std::vector<std::uint32_t> m_start;  ///< [class of pixels][channels]
    std::vector<QuickFactors> m_quick;   ///< empty: sums may be too large
  };

  /// The most terms that products have once they are packed: two more than factor_params() allows, one for a
  /// zero point of weights and one that scales all others.
  static constexpr std::size_t k_most_terms = 6;
  /// What the products of an instruction set's tiles are taken with.
  static FactorParams factor_params() { return {CodeType::uint8, false, k_most_terms - 2}; }

  /// nullptr: the layer is grouped or transposed, there are no tiles, offsets do not fit, or what is kept
  /// would be many times the layer itself. `op` must outlive it.
  static std::unique_ptr<FusedConvolution> make(const MultiplyAccumulate& op, std::span<const TileKind> kinds,
                                                MapBytesFunction map_bytes);

  /// `products`: of factor_params(), zero points added, without input terms. `bias`: of the operator's shape.
  std::shared_ptr<const Products> pack(const FactoredProducts& products, const BorderBias& bias) const;

  /// The rest as MultiplyAccumulateFunction. `scratch`: scratch_bytes(), aligned to 64 bytes.
  void run(const Products& products, std::size_t planes, const std::uint8_t* input, std::uint8_t* output,
           std::int32_t* accumulators, std::byte* scratch) const;
  std::size_t scratch_bytes(std::size_t terms) const;
  /// The bytes that are kept, with one term of products.
  std::size_t bytes() const;

 private:
  // Pixels whose taps inside the image are the same.
  struct Group {
    std::vector<TileStep> steps;
    std::vector<std::int32_t> inputs, outputs, starts;  ///< of all images of a block, image by image
    std::size_t pixels = 0;                             ///< of one image
  };
  struct ChannelBlock {
    std::size_t first_vector = 0;
    TileKind kind;
  };

  explicit FusedConvolution(const MultiplyAccumulate& op, MapBytesFunction map_bytes);
  bool is_affordable() const;
  void make_blocks(std::span<const TileKind> kinds);
  void make_groups();
  std::vector<TileStep> steps_of(const std::vector<bool>& rows, const std::vector<bool>& columns) const;
  std::size_t steps_of_tap() const;
  std::size_t steps_in_all() const;
  void pack_weights(const std::array<std::int8_t, 256>& of_byte, std::vector<std::int8_t>& packed) const;
  double largest_sum(const FactoredProducts& products, const std::vector<std::uint32_t>& start) const;
  void copy(const Products::Term& term, std::size_t images, const std::uint8_t* input,
            std::uint8_t* to) const;
  void run_block(const Products& products, std::size_t images, const std::uint8_t* input,
                 std::uint8_t* output, std::int32_t* accumulators, std::byte* scratch) const;
  void run_group(const Group& group, std::size_t images, const ChannelBlock& block, TileJob& job) const;

  const MultiplyAccumulate& m_op;
  MapBytesFunction m_map_bytes;
  std::size_t m_vectors;  ///< of the output channels
  std::size_t m_padded_h = 0, m_padded_w = 0;
  bool m_may_be_direct = false;  ///< the input can be read as it is
  std::size_t m_images = 1;      ///< of a block
  std::vector<ChannelBlock> m_blocks;
  ChannelFactors m_factors;
  Group m_all;  ///< every pixel with all taps
  std::vector<Group> m_groups;
};

}  // namespace qfi
