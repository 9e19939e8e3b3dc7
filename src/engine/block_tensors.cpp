// SPDX-License-Identifier: Apache-2.0
#include "block_tensors.hpp"

#include <algorithm>
#include <cstring>

namespace qfi {

BlockTensors::BlockTensors(const Model& model) {
  for (const Tensor& tensor : model.tensors) m_tensors.emplace_back(tensor);
}

void BlockTensors::begin(const GoldenActivations& golden, std::size_t first, std::size_t images,
                         std::size_t inferences) {
  const bool are_same_images = m_version == golden.version() && m_first == first && m_images == images;
  for (const int tensor : m_touched) {
    at(tensor).is_stale |= at(tensor).differs;
    at(tensor).differs = 0;
  }
  m_touched.clear();
  m_golden = &golden;
  m_inferences = inferences;
  if (are_same_images) return;
  for (const int tensor : m_used) {
    BlockTensor& now = at(tensor);
    std::ranges::fill(now.bits, 0);
    now.is_stale = now.is_complete = 0;
    now.is_used = false;
  }
  m_used.clear();
  m_version = golden.version();
  m_first = first;
  m_images = images;
}

BlockTensors::BlockTensor& BlockTensors::prepared(int tensor) {
  BlockTensor& now = at(tensor);
  if (now.channels.size() < m_inferences) {
    now.now.resize(m_inferences * now.bytes);
    now.bits.resize(m_inferences * now.grid.map_words());
    now.channels.resize(m_inferences);
  }
  if (!now.is_used) m_used.push_back(tensor);
  now.is_used = true;
  return now;
}

ChangedImage BlockTensors::changed_image(int tensor, std::size_t k) {
  BlockTensor& now = at(tensor);
  return {golden_values(tensor, k), now.now_of(k), now.bits_of(k), &now.channels[k]};
}

void BlockTensors::copy_golden_pixels(int tensor, std::size_t k, bool that_differ) {
  BlockTensor& now = at(tensor);
  const std::byte* from = golden_values(tensor, k);
  std::byte* to = now.now_of(k);
  const PixelBits bits = now.bits_of(k);
  const auto copy = [&](std::size_t row, std::size_t column) {
    const std::size_t place = (row * now.grid.columns + column) * now.grid.pixel_bytes;
    std::memcpy(to + place, from + place, now.grid.pixel_bytes);
  };
  if (that_differ) return for_each_pixel(now.grid, bits, copy);
  for (std::size_t row = 0; row < now.grid.rows; ++row)
    for (std::size_t column = 0; column < now.grid.columns; ++column)
      if (!has_pixel(now.grid, bits, row, column)) copy(row, column);
}

// Forgets what an earlier run left.
void BlockTensors::clean(int tensor, std::size_t k) {
  BlockTensor& now = at(tensor);
  if (!has_bit(now.is_stale, k)) return;
  if (has_bit(now.is_complete, k)) copy_golden_pixels(tensor, k, true);
  std::ranges::fill(now.bits_of(k), 0);
  now.is_stale &= ~bit_of(k);
}

ChangedImage BlockTensors::begin_image(int tensor, std::size_t k) {
  prepared(tensor);
  clean(tensor, k);
  at(tensor).channels[k] = {};
  return changed_image(tensor, k);
}

void BlockTensors::end_image(int tensor, std::size_t k) {
  BlockTensor& now = at(tensor);
  const bool differs = std::ranges::any_of(now.bits_of(k), [](std::uint64_t word) { return word != 0; });
  if (differs && now.differs == 0 && std::ranges::find(m_touched, tensor) == m_touched.end())
    m_touched.push_back(tensor);
  now.differs &= ~bit_of(k);
  if (differs) now.differs |= bit_of(k);
}

std::byte* BlockTensors::whole_image(int tensor, std::size_t k) { return prepared(tensor).now_of(k); }

void BlockTensors::end_whole_image(int tensor, std::size_t k) {
  BlockTensor& now = at(tensor);
  std::ranges::fill(now.bits_of(k), 0);
  now.is_stale &= ~bit_of(k);
  now.is_complete |= bit_of(k);
  now.channels[k] = {0, now.grid.channels};
  find_different_pixels(now.grid, now.now_of(k), golden_values(tensor, k), now.bits_of(k));
  end_image(tensor, k);
}

// Makes all of `now` valid.
void BlockTensors::complete(int tensor, std::size_t k) {
  BlockTensor& now = prepared(tensor);
  clean(tensor, k);
  if (has_bit(now.is_complete, k)) return;
  if (has_bit(now.differs, k)) copy_golden_pixels(tensor, k, false);
  else std::memcpy(now.now_of(k), golden_values(tensor, k), now.bytes);
  now.is_complete |= bit_of(k);
}

const std::byte* BlockTensors::values(int tensor, std::size_t first, std::size_t count) {
  const bool are_golden = (at(tensor).differs >> first & first_bits(count)) == 0;
  const bool are_in_a_row = first % m_images + count <= m_images;
  if (are_golden && are_in_a_row) return golden_values(tensor, first);
  for (std::size_t k = first; k < first + count; ++k) complete(tensor, k);
  return at(tensor).now_of(first);
}

std::byte* BlockTensors::writable_pixel(int tensor, std::size_t k, std::size_t pixel) {
  prepared(tensor);
  if (!differs(tensor, k)) begin_image(tensor, k);
  BlockTensor& now = at(tensor);
  std::byte* place = now.now_of(k) + pixel * now.grid.pixel_bytes;
  if (!has_pixel(now.grid, now.bits_of(k), pixel / now.grid.columns, pixel % now.grid.columns))
    std::memcpy(place, golden_values(tensor, k) + pixel * now.grid.pixel_bytes, now.grid.pixel_bytes);
  return place;
}

void BlockTensors::end_pixel(int tensor, std::size_t k, std::size_t pixel, std::size_t channel) {
  BlockTensor& now = at(tensor);
  const PixelBits bits = now.bits_of(k);
  const std::size_t row = pixel / now.grid.columns;
  const std::size_t column = pixel % now.grid.columns;
  const std::size_t place = pixel * now.grid.pixel_bytes;
  bits[row * now.grid.row_words + column / 64] &= ~(std::uint64_t{1} << (column % 64));
  if (std::memcmp(now.now_of(k) + place, golden_values(tensor, k) + place, now.grid.pixel_bytes) != 0) {
    set_pixel(now.grid, bits, row, column);
    now.channels[k].add(channel, channel + 1);
  }
  end_image(tensor, k);
}

BlockTensors::SavedPixel BlockTensors::save_pixel(int tensor, std::size_t k, std::size_t pixel) {
  const std::byte* values = writable_pixel(tensor, k, pixel);
  BlockTensor& now = at(tensor);
  const PixelBits bits = now.bits_of(k);
  return {tensor,         k, pixel, {values, values + now.grid.pixel_bytes}, {bits.begin(), bits.end()},
          now.channels[k]};
}

void BlockTensors::restore_pixel(const SavedPixel& saved) {
  BlockTensor& now = at(saved.tensor);
  std::ranges::copy(saved.values, now.now_of(saved.inference) + saved.pixel * now.grid.pixel_bytes);
  std::ranges::copy(saved.bits, now.bits_of(saved.inference).begin());
  now.channels[saved.inference] = saved.channels;
  end_image(saved.tensor, saved.inference);
}

}  // namespace qfi
