// SPDX-License-Identifier: Apache-2.0
// IncrementalLayer::bound: interval arithmetic over one layer.
#include <algorithm>
#include <limits>

#include "incremental_layer.hpp"

namespace qfi {
namespace {

// Sums of so many products of a weight and a change fit an int32.
constexpr std::size_t k_most_taps = std::numeric_limits<std::int32_t>::max() / (255 * 255);

}  // namespace

// One change's products with its weights of one tap: a positive weight times the lowest change is the lowest
// product, a negative one's is that with the highest.
void IncrementalLayer::add_range(const std::int16_t* weights, std::int16_t low, std::int16_t high,
                                 std::int32_t* lows, std::int32_t* highs) const {
  constexpr std::int16_t k_zero = 0;
  for (std::size_t o = 0; o < m_group_out; ++o) {
    const std::int16_t positive = std::max(weights[o], k_zero);
    const std::int16_t negative = std::min(weights[o], k_zero);
    lows[o] += std::int32_t{positive} * std::int32_t{low} + std::int32_t{negative} * std::int32_t{high};
    highs[o] += std::int32_t{positive} * std::int32_t{high} + std::int32_t{negative} * std::int32_t{low};
  }
}

bool IncrementalLayer::bound(const Golden& golden, const RangesIn& input, const RangesOut& output,
                             RangeScratch& scratch) const {
  const ConvolutionShape& s = m_op.shape;
  if (!m_rises || s.taps() > k_most_taps) return false;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto in_w = static_cast<std::size_t>(s.in_w);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const std::size_t in_pixels = s.in_plane() / in_c;
  const std::size_t out_pixels = static_cast<std::size_t>(s.planes) * s.out_pixels();
  if (scratch.is_touched.size() < out_pixels) scratch.is_touched.resize(out_pixels);
  if (scratch.lows.size() < out_pixels * out_c) {
    scratch.lows.resize(out_pixels * out_c);
    scratch.highs.resize(out_pixels * out_c);
  }
  const CodeType type = m_op.codes.type;
  for (const std::uint32_t place : input.places) {
    const std::size_t channel = place % in_c;
    const std::size_t pixel = place / in_c % in_pixels;
    const std::size_t plane = place / in_c / in_pixels;
    const int code = code_of_byte(golden.input[place], type);
    const auto low = static_cast<std::int16_t>(code_of_byte(input.low[place], type) - code);
    const auto high = static_cast<std::int16_t>(code_of_byte(input.high[place], type) - code);
    const std::size_t first =
        s.groups == 1 ? 0 : channel / static_cast<std::size_t>(s.group_in_c()) * m_group_out;
    for (const Place& row : m_rows[pixel / in_w])
      for (const Place& column : m_columns[pixel % in_w]) {
        const std::size_t tap = row.tap * static_cast<std::size_t>(s.filter_w) + column.tap;
        const std::size_t out = plane * s.out_pixels() + row.out * out_w + column.out;
        if (!scratch.is_touched[out]) scratch.pixels.push_back(static_cast<std::uint32_t>(out));
        scratch.is_touched[out] = 1;
        add_range(m_weights.data() + (tap * in_c + channel) * m_group_out, low, high,
                  scratch.lows.data() + out * out_c + first, scratch.highs.data() + out * out_c + first);
      }
  }
  bool fits = true;
  for (const std::uint32_t pixel : scratch.pixels) {
    scratch.is_touched[pixel] = 0;
    for (std::size_t c = 0; c < out_c; ++c)
      fits = bound_output(golden, pixel * out_c + c, c, output, scratch) && fits;
  }
  scratch.pixels.clear();
  return fits;
}

// False: an end does not fit an int32.
bool IncrementalLayer::bound_output(const Golden& golden, std::size_t element, std::size_t channel,
                                    const RangesOut& output, RangeScratch& scratch) const {
  const std::int32_t low = std::exchange(scratch.lows[element], 0);
  const std::int32_t high = std::exchange(scratch.highs[element], 0);
  if (-std::int64_t{low} <= golden.slacks[element].down() && high <= golden.slacks[element].up()) return true;
  const std::int64_t lowest = std::int64_t{golden.accumulators[element]} + low;
  const std::int64_t highest = std::int64_t{golden.accumulators[element]} + high;
  if (lowest < std::numeric_limits<std::int32_t>::min() || highest > std::numeric_limits<std::int32_t>::max())
    return false;
  output.low[element] =
      static_cast<std::uint8_t>(m_op.requantizer(static_cast<std::int32_t>(lowest), channel));
  output.high[element] =
      static_cast<std::uint8_t>(m_op.requantizer(static_cast<std::int32_t>(highest), channel));
  if (output.low[element] != golden.output[element] || output.high[element] != golden.output[element])
    output.places.push_back(static_cast<std::uint32_t>(element));
  return true;
}

}  // namespace qfi
