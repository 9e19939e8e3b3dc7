// SPDX-License-Identifier: Apache-2.0
#include "pixel_map.hpp"

#include <algorithm>
#include <cstring>

namespace qfi {
namespace {

// The input's place that each tap meets, for each output of one dimension.
template <class PlaceOf>
std::vector<std::vector<WindowReach::Tap>> taps_of_outputs(int outputs, int filter, const PlaceOf& place_of) {
  std::vector<std::vector<WindowReach::Tap>> taps(static_cast<std::size_t>(outputs));
  for (int o = 0; o < outputs; ++o)
    for (int k = 0; k < filter; ++k)
      if (const int place = place_of(o, k); place >= 0)
        taps[static_cast<std::size_t>(o)].push_back(
            {static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(place)});
  return taps;
}

// 1 where so many bytes differ.
std::uint64_t differ(const std::byte* a, const std::byte* b, std::size_t bytes) {
  std::size_t i = 0;
  std::uint64_t difference = 0;
  for (; i + 8 <= bytes; i += 8) {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
    std::memcpy(&x, a + i, 8);
    std::memcpy(&y, b + i, 8);
    difference |= x ^ y;
  }
  for (; i < bytes; ++i) difference |= static_cast<std::uint64_t>(a[i] ^ b[i]);
  return difference == 0 ? 0 : 1;
}

}  // namespace

PixelGrid::PixelGrid(const Tensor& tensor) {
  const std::vector<int>& shape = tensor.shape;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const auto size = static_cast<std::size_t>(shape[d]);
    if (d + 1 == shape.size()) channels = size;
    else if (d + 2 == shape.size()) columns = size;
    else rows *= size;
  }
  if (shape.size() == 2) std::swap(rows, columns);  // of FULLY_CONNECTED
  pixel_bytes = channels * size_of(tensor.type);
  row_words = (columns + 63) / 64;
}

std::size_t count_pixels(ConstPixelBits bits) {
  std::size_t count = 0;
  for (const std::uint64_t word : bits) count += static_cast<std::size_t>(std::popcount(word));
  return count;
}

bool find_different_pixels(const PixelGrid& grid, const std::byte* a, const std::byte* b, PixelBits bits) {
  bool differs = false;
  const std::size_t row_bytes = grid.columns * grid.pixel_bytes;
  for (std::size_t row = 0; row < grid.rows; ++row, a += row_bytes, b += row_bytes) {
    if (std::memcmp(a, b, row_bytes) == 0) continue;
    differs = true;
    for (std::size_t first = 0; first < grid.columns; first += 64) {
      std::uint64_t word = 0;
      for (std::size_t c = 0; c < std::min<std::size_t>(64, grid.columns - first); ++c)
        word |=
            differ(a + (first + c) * grid.pixel_bytes, b + (first + c) * grid.pixel_bytes, grid.pixel_bytes)
            << c;
      bits[row * grid.row_words + first / 64] = word;
    }
  }
  return differs;
}

WindowReach::WindowReach(const ConvolutionShape& s)
    : m_row_words((static_cast<std::size_t>(s.out_w) + 63) / 64) {
  const auto of_plane = taps_of_outputs(s.out_h, s.filter_h, [&](int o, int k) {
    return input_place(o, k, s.in_h, s.stride_h, s.dilation_h, s.pad_h, s.is_transposed);
  });
  for (int plane = 0; plane < s.planes; ++plane)
    for (std::vector<Tap> taps : of_plane) {
      for (Tap& tap : taps) tap.place += static_cast<std::uint32_t>(plane * s.in_h);
      m_row_taps.push_back(std::move(taps));
    }
  m_column_taps = taps_of_outputs(s.out_w, s.filter_w, [&](int o, int k) {
    return input_place(o, k, s.in_w, s.stride_w, s.dilation_w, s.pad_w, s.is_transposed);
  });
  m_rows_reached.resize(static_cast<std::size_t>(s.planes * s.in_h));
  for (std::size_t row = 0; row < m_row_taps.size(); ++row)
    for (const Tap& tap : m_row_taps[row])
      m_rows_reached[tap.place].push_back(static_cast<std::uint32_t>(row));
  m_columns_reached.resize(static_cast<std::size_t>(s.in_w) * m_row_words);
  for (std::size_t column = 0; column < m_column_taps.size(); ++column)
    for (const Tap& tap : m_column_taps[column])
      m_columns_reached[tap.place * m_row_words + column / 64] |= std::uint64_t{1} << (column % 64);
  m_all_columns.resize(m_row_words);
  for (std::size_t i = 0; i < m_columns_reached.size(); ++i)
    m_all_columns[i % m_row_words] |= m_columns_reached[i];
}

void WindowReach::add(const PixelGrid& in_grid, ConstPixelBits in, PixelBits out) const {
  for (std::size_t row = 0; row < m_rows_reached.size(); ++row) {
    const auto of_row = in.subspan(row * in_grid.row_words, in_grid.row_words);
    const std::size_t count = count_pixels(of_row);
    if (count == 0) continue;
    const bool is_dense = 4 * count > 3 * in_grid.columns;
    for (std::size_t reached = 0; reached < m_row_words; ++reached) {
      std::uint64_t columns = is_dense ? m_all_columns[reached] : 0;
      for (std::size_t word = 0; word < of_row.size() && !is_dense; ++word)
        for (std::uint64_t rest = of_row[word]; rest != 0; rest &= rest - 1) {
          const std::size_t column = word * 64 + static_cast<std::size_t>(std::countr_zero(rest));
          columns |= m_columns_reached[column * m_row_words + reached];
        }
      for (const std::uint32_t out_row : m_rows_reached[row]) out[out_row * m_row_words + reached] |= columns;
    }
  }
}

}  // namespace qfi
