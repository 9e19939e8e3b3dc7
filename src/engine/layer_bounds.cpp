// SPDX-License-Identifier: Apache-2.0
#include "layer_bounds.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace qfi {
namespace {

// Sums of so many products of a weight and a change fit an int32.
constexpr std::size_t k_most_taps = std::numeric_limits<std::int32_t>::max() / (255 * 255);

// The smallest accumulator whose output is at least `code`; the largest of all: there is none.
// Precondition: outputs do not fall where accumulators rise.
std::int32_t threshold(const Requantizer& requantizer, std::size_t channel, std::int32_t code) {
  std::int64_t low = std::numeric_limits<std::int32_t>::min();
  std::int64_t high = std::numeric_limits<std::int32_t>::max();
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (requantizer(static_cast<std::int32_t>(middle), channel) >= code) high = middle;
    else low = middle + 1;
  }
  return static_cast<std::int32_t>(low);
}

// Factors below a half: neither a shift to the left nor the zero point's addition wraps, and no double is too
// large for an int32; else outputs could fall where accumulators rise.
bool rises(const Requantizer& requantizer, std::size_t channel) {
  return requantizer.fixed_point.empty() ? requantizer.real[channel] < 0.5
                                         : requantizer.fixed_point[channel].shift < 0;
}

}  // namespace

LayerBounds::LayerBounds(const MultiplyAccumulate& op, bool knows_slacks) : m_op(op) {
  const ConvolutionShape& s = op.shape;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto group_in = static_cast<std::size_t>(s.group_in_c());
  m_group_out = static_cast<std::size_t>(s.group_out_c());
  const std::size_t positions = s.taps() / group_in;
  m_weights.resize(positions * in_c * m_group_out);
  for (std::size_t out = 0; out < static_cast<std::size_t>(s.out_c); ++out)
    for (std::size_t tap = 0; tap < positions; ++tap)
      for (std::size_t c = 0; c < group_in; ++c) {
        const std::uint8_t byte = op.weights[(out * positions + tap) * group_in + c];
        const std::size_t in = out / m_group_out * group_in + c;
        m_weights[(tap * in_c + in) * m_group_out + out % m_group_out] =
            static_cast<std::int16_t>(code_of_byte(byte, op.codes.type) - op.codes.weight_zero_point);
      }
  const auto places = [](int in_size, int filter, const auto& range_of_tap) {
    std::vector<std::vector<Place>> result(static_cast<std::size_t>(in_size));
    for (int k = 0; k < filter; ++k) {
      const TapRange range = range_of_tap(k);
      for (int i = 0; i < range.count; ++i)
        result[static_cast<std::size_t>(range.first_in + i * range.in_step)].push_back(
            {static_cast<std::size_t>(k), static_cast<std::size_t>(range.first_out + i * range.out_step)});
    }
    return result;
  };
  m_rows = places(s.in_h, s.filter_h, [&](int k) { return tap_rows(s, k); });
  m_columns = places(s.in_w, s.filter_w, [&](int k) { return tap_columns(s, k); });
  const int smallest = smallest_code(op.codes.type);
  if (knows_slacks) m_thresholds.resize(static_cast<std::size_t>(s.out_c));
  for (std::size_t c = 0; c < m_thresholds.size(); ++c)
    for (std::size_t code = 0; code <= 256; ++code)
      m_thresholds[c][code] = !rises(op.requantizer, c) ? 0
                              : code == 0               ? std::numeric_limits<std::int32_t>::min()
                                          : threshold(op.requantizer, c, smallest + static_cast<int>(code));
  m_rises = knows_slacks;
  for (std::size_t c = 0; c < m_thresholds.size(); ++c) m_rises = m_rises && rises(op.requantizer, c);
}

// [first, end) of the accumulators that give a code.
void LayerBounds::find_slacks(const std::int32_t* accumulators, const std::uint8_t* outputs,
                              std::size_t count, Slack* slacks) const {
  const auto channels = static_cast<std::size_t>(m_op.shape.out_c);
  const int smallest = smallest_code(m_op.codes.type);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t channel = i % channels;
    if (m_thresholds.empty() || !rises(m_op.requantizer, channel)) {
      slacks[i] = {};
      continue;
    }
    const auto code = static_cast<std::size_t>(code_of_byte(outputs[i], m_op.codes.type) - smallest);
    constexpr std::int64_t k_most = std::numeric_limits<std::uint16_t>::max();
    const std::int64_t up = std::int64_t{m_thresholds[channel][code + 1]} - 1 - accumulators[i];
    const std::int64_t down = std::int64_t{accumulators[i]} - m_thresholds[channel][code];
    slacks[i] = {static_cast<std::uint16_t>(std::clamp<std::int64_t>(up, 0, k_most)),
                 static_cast<std::uint16_t>(std::clamp<std::int64_t>(down, 0, k_most))};
  }
}

// One change's products with its weights of one tap: a positive weight times the lowest change is the lowest
// product, a negative one's is that with the highest.
void LayerBounds::add_range(const std::int16_t* weights, std::int16_t low, std::int16_t high,
                            std::int32_t* lows, std::int32_t* highs) const {
  constexpr std::int16_t k_zero = 0;
  for (std::size_t o = 0; o < m_group_out; ++o) {
    const std::int16_t positive = std::max(weights[o], k_zero);
    const std::int16_t negative = std::min(weights[o], k_zero);
    lows[o] += std::int32_t{positive} * std::int32_t{low} + std::int32_t{negative} * std::int32_t{high};
    highs[o] += std::int32_t{positive} * std::int32_t{high} + std::int32_t{negative} * std::int32_t{low};
  }
}

bool LayerBounds::bound(const Golden& golden, const RangesIn& input, const RangesOut& output,
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
bool LayerBounds::bound_output(const Golden& golden, std::size_t element, std::size_t channel,
                               const RangesOut& output, RangeScratch& scratch) const {
  const std::int32_t low = std::exchange(scratch.lows[element], 0);
  const std::int32_t high = std::exchange(scratch.highs[element], 0);
  if (-std::int64_t{low} <= golden.slacks[element].down && high <= golden.slacks[element].up) return true;
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
