// SPDX-License-Identifier: Apache-2.0
// Which pixels of a tensor differ, a bit for each, and which outputs of a sliding window they reach.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "multiply_accumulate.hpp"

namespace qfi {

/// One image of a tensor as rows of pixels: the last dimension of its shape are the channels, the one before
/// the columns, all others the rows.
struct PixelGrid {
  explicit PixelGrid(const Tensor& tensor);

  std::size_t rows = 1;
  std::size_t columns = 1;
  std::size_t channels = 1;
  std::size_t pixel_bytes = 1;
  std::size_t row_words = 1;  ///< of a map's row: bit c % 64 of word c / 64 is column c

  std::size_t pixels() const { return rows * columns; }
  std::size_t map_words() const { return rows * row_words; }
  bool operator==(const PixelGrid&) const = default;
};

/// map_words() words.
using PixelBits = std::span<std::uint64_t>;
using ConstPixelBits = std::span<const std::uint64_t>;

inline bool has_pixel(const PixelGrid& grid, ConstPixelBits bits, std::size_t row, std::size_t column) {
  return (bits[row * grid.row_words + column / 64] >> (column % 64) & 1U) != 0;
}

inline void set_pixel(const PixelGrid& grid, PixelBits bits, std::size_t row, std::size_t column) {
  bits[row * grid.row_words + column / 64] |= std::uint64_t{1} << (column % 64);
}

/// use(row, column) for each pixel, in order.
template <class Use>
void for_each_pixel(const PixelGrid& grid, ConstPixelBits bits, const Use& use) {
  for (std::size_t word = 0; word < bits.size(); ++word)
    for (std::uint64_t rest = bits[word]; rest != 0; rest &= rest - 1)
      use(word / grid.row_words,
          word % grid.row_words * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
}

std::size_t count_pixels(ConstPixelBits bits);

/// Sets the bits of all pixels that differ between two images; true: there are some.
bool find_different_pixels(const PixelGrid& grid, const std::byte* a, const std::byte* b, PixelBits bits);

/// The geometry of a window that slides over an image's pixels.
class WindowReach {
 public:
  explicit WindowReach(const ConvolutionShape& shape);

  /// A tap, as a row or column of the filter, and the input's row or column that it meets.
  struct Tap {
    std::uint32_t tap = 0;
    std::uint32_t place = 0;
  };
  std::span<const Tap> row_taps(std::size_t out_row) const { return m_row_taps[out_row]; }
  std::span<const Tap> column_taps(std::size_t out_column) const { return m_column_taps[out_column]; }

  /// Sets the bits of the outputs that pixels of the input reach; of rows where most pixels are set, those
  /// that any of them would reach.
  void add(const PixelGrid& in_grid, ConstPixelBits in, PixelBits out) const;

 private:
  std::vector<std::vector<Tap>> m_row_taps, m_column_taps;
  std::vector<std::vector<std::uint32_t>> m_rows_reached;  ///< output rows of each input row
  std::size_t m_row_words;                                 ///< of outputs
  std::vector<std::uint64_t> m_columns_reached;            ///< output columns of each input column, as bits
  std::vector<std::uint64_t> m_all_columns;                ///< those of any
};

}  // namespace qfi
