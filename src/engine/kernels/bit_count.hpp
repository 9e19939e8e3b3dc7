// SPDX-License-Identifier: Apache-2.0
// Sums of single bits, 512 at a time: 64 planes (images) of 8 places side by side. What a table of two values
// needs where its error is no short sum of products.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "../multiply_accumulate.hpp"

namespace qfi {

/// Bit planes of the inputs of some channels, as rows of words that come and go with the output row. A word
/// holds one bit of 64 planes; the words of `groups` times 64 planes lie side by side for each place.
struct BitRows {
  int ring = 1;                  ///< rows that one output row meets, those between them included
  std::size_t groups = 1;        ///< 1, 2, 4 or 8
  std::size_t segment = 1;       ///< places of one phase of the stride
  std::size_t words = 1;         ///< of one bit plane in one row: phases * segment * groups
  std::size_t copied_bytes = 0;  ///< of one plane's row, to work with
  std::size_t bit_planes = 0;    ///< in use; one more is always 0

  BitRows(const ConvolutionShape& shape, std::size_t planes);
  std::size_t row_words() const { return (bit_planes + 1) * words; }
  /// Rows stand twice, so that `ring` of them follow on each other wherever they begin.
  std::size_t memory_words() const { return 2 * static_cast<std::size_t>(ring) * row_words() + 8; }
};

/// Up to 8 bits for each input byte, found together: bit b is that of bit_plane[b], if there is one.
struct BitLookup {
  static constexpr std::uint32_t k_none = 0xFFFFFFFFU;
  const std::array<std::uint8_t, 256>* table = nullptr;
  std::array<std::uint32_t, 8> bit_plane{};
};

/// What is counted for one value of the error table, in a layer or in some of its input channels.
struct BitCounts {
  explicit BitCounts(const BitRows& of_rows) : rows(of_rows) {}

  /// The look-ups of input channel first_channel + i begin at lookups[first_lookup[i]].
  std::size_t first_channel = 0;
  std::vector<std::size_t> first_lookup{0};
  std::vector<BitLookup> lookups;
  /// The words that each output channel counts, as offsets in bytes from the place of the output; there are
  /// a multiple of 16 of them, and the rest point at 0.
  std::vector<std::size_t> first_entry{0};
  std::unique_ptr<std::uint32_t[]> entries;
  BitRows rows;
  int bits = 1;  ///< that a count needs; at most 16
};

/// Where counts go: plane_stride bytes from plane to plane, each [out_h][out_w][out_c]; low and high bytes
/// apart.
struct CountedBytes {
  std::uint8_t* low = nullptr;
  std::uint8_t* high = nullptr;  ///< nullptr: 8 bits do
  std::size_t plane_stride = 0;
  bool adds = false;  ///< to what is there
};

/// Memory to work in; both parts are aligned to 64 bytes.
struct BitMemory {
  std::uint64_t* rows = nullptr;  ///< BitRows::memory_words()
  std::uint8_t* bytes = nullptr;  ///< 64 * BitRows::copied_bytes
};

/// Adds up what `counts` lists, for all outputs of the planes. Precondition: planes <= 64 * groups.
using CountBitsFunction = void (*)(const BitCounts& counts, const ConvolutionShape& shape, std::size_t planes,
                                   const std::uint8_t* input, const CountedBytes& output,
                                   const BitMemory& memory);

}  // namespace qfi
