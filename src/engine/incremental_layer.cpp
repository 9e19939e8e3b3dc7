// SPDX-License-Identifier: Apache-2.0
#include "incremental_layer.hpp"

#include <algorithm>
#include <limits>

namespace qfi {

struct IncrementalLayer::Update {
  const LayerFaults& faults;
  const Golden& golden;
  const std::uint8_t* input;
  ChangedValues& outputs;
  Scratch& scratch;
};

namespace {

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

IncrementalLayer::IncrementalLayer(const MultiplyAccumulate& op, bool knows_slacks) : m_op(op) {
  const ConvolutionShape& s = op.shape;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto group_in = static_cast<std::size_t>(s.group_in_c());
  m_group_out = static_cast<std::size_t>(s.group_out_c());
  m_is_depthwise = s.groups > 1 && group_in == 1 && m_group_out == 1;
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
  m_reach = static_cast<double>(s.multiplications()) /
            (static_cast<double>(s.planes) * static_cast<double>(s.in_plane()));
}

bool IncrementalLayer::pays(std::size_t changed_inputs) const {
  return static_cast<double>(changed_inputs) * m_reach < static_cast<double>(m_op.shape.multiplications());
}

// [first, end) of the accumulators that give a code.
void IncrementalLayer::find_slacks(const std::int32_t* accumulators, const std::uint8_t* outputs,
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
    slacks[i] = {static_cast<std::uint32_t>(std::clamp<std::int64_t>(up, 0, k_most)) |
                 static_cast<std::uint32_t>(std::clamp<std::int64_t>(down, 0, k_most)) << 16U};
  }
}

void IncrementalLayer::touch(Update& update, std::size_t first, std::size_t count) {
  for (std::size_t unit = first / k_unit; unit <= (first + count - 1) / k_unit; ++unit) {
    if (update.scratch.touched[unit] != 0) continue;
    update.scratch.touched[unit] = 1;
    update.scratch.units.push_back(static_cast<std::uint32_t>(unit));
  }
}

void IncrementalLayer::store(Update& update, std::size_t element, std::size_t channel,
                             std::int32_t sum) const {
  const auto value = static_cast<std::uint8_t>(m_op.requantizer(sum, channel));
  if (value != update.golden.output[element]) update.outputs.add(static_cast<std::uint32_t>(element), value);
}

// Changes of one pixel, times their weights of one tap. Four at a time, so that deltas are loaded and stored
// seldom.
void IncrementalLayer::add_changes(const std::int16_t* weights, std::span<const Change> changes,
                                   std::uint32_t* deltas) const {
  constexpr std::size_t k_together = 4;
  std::size_t i = 0;
  for (; i + k_together <= changes.size() && changes[i].first == changes[i + k_together - 1].first;
       i += k_together) {
    std::uint32_t* to = deltas + changes[i].first;
    const std::int16_t *a = weights + changes[i].weights, *b = weights + changes[i + 1].weights,
                       *c = weights + changes[i + 2].weights, *d = weights + changes[i + 3].weights;
    const std::int16_t da = changes[i].delta, db = changes[i + 1].delta, dc = changes[i + 2].delta,
                       dd = changes[i + 3].delta;
    for (std::size_t o = 0; o < m_group_out; ++o)  // 4 * 2^17 fit
      to[o] += static_cast<std::uint32_t>(
          std::int32_t{da} * std::int32_t{a[o]} + std::int32_t{db} * std::int32_t{b[o]} +
          std::int32_t{dc} * std::int32_t{c[o]} + std::int32_t{dd} * std::int32_t{d[o]});
  }
  for (; i < changes.size(); ++i) {
    std::uint32_t* to = deltas + changes[i].first;
    const std::int16_t* w = weights + changes[i].weights;
    for (std::size_t o = 0; o < m_group_out; ++o)
      to[o] += static_cast<std::uint32_t>(std::int32_t{changes[i].delta} * std::int32_t{w[o]});
  }
}

// One input pixel into all outputs that it meets.
void IncrementalLayer::add_pixel(Update& update, std::size_t plane, std::size_t pixel,
                                 std::span<const Change> changes) const {
  const ConvolutionShape& s = m_op.shape;
  const auto in_w = static_cast<std::size_t>(s.in_w);
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const std::size_t tap_weights = static_cast<std::size_t>(s.in_c) * m_group_out;
  const std::size_t first = changes.front().first;
  const std::size_t count = changes.back().first + m_group_out - first;
  // Many channels that each have a weight of their own: side by side, with zeros between them.
  constexpr std::size_t k_sparse = 8;
  const bool is_row = m_is_depthwise && changes.size() * k_sparse > count;
  std::int16_t* row_deltas = nullptr;
  if (is_row) {
    update.scratch.pixel.assign(count, 0);
    row_deltas = update.scratch.pixel.data();
    for (const Change& change : changes) row_deltas[change.first - first] = change.delta;
  }
  for (const Place& row : m_rows[pixel / in_w])
    for (const Place& column : m_columns[pixel % in_w]) {
      const std::size_t out_pixel =
          plane * s.out_pixels() + row.out * static_cast<std::size_t>(s.out_w) + column.out;
      const std::int16_t* weights =
          m_weights.data() + (row.tap * static_cast<std::size_t>(s.filter_w) + column.tap) * tap_weights;
      touch(update, out_pixel * out_c + first, count);
      std::uint32_t* deltas = update.scratch.deltas.data() + out_pixel * out_c;
      if (!is_row) {
        add_changes(weights, changes, deltas);
        continue;
      }
      const std::int16_t* w = weights + first;
      for (std::size_t o = 0; o < count; ++o)
        deltas[first + o] += static_cast<std::uint32_t>(std::int32_t{row_deltas[o]} * std::int32_t{w[o]});
    }
}

// Changed weights and bias of one output channel, on the input as it is now.
void IncrementalLayer::add_channel(Update& update, const LayerFaults::Channel& channel,
                                   std::size_t plane) const {
  const ConvolutionShape& s = m_op.shape;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  std::vector<std::uint32_t>& added = update.scratch.plane;
  added.assign(s.out_pixels(), channel.bias_delta);
  const std::size_t first_in = channel.channel / m_group_out * static_cast<std::size_t>(s.group_in_c());
  const std::uint8_t* input = update.input + plane * s.in_plane();
  for (const LayerFaults::Weight& weight : channel.weights) {
    const TapRange rows = tap_rows(s, static_cast<int>(weight.tap) / s.filter_w);
    const TapRange columns = tap_columns(s, static_cast<int>(weight.tap) % s.filter_w);
    for (int r = 0; r < rows.count; ++r) {
      const auto y = static_cast<std::size_t>(rows.first_in + r * rows.in_step);
      std::uint32_t* row =
          added.data() + static_cast<std::size_t>(rows.first_out + r * rows.out_step) * out_w;
      for (int c = 0; c < columns.count; ++c) {
        const auto x = static_cast<std::size_t>(columns.first_in + c * columns.in_step);
        const std::uint8_t byte =
            input[(y * static_cast<std::size_t>(s.in_w) + x) * in_c + first_in + weight.in_channel];
        const std::int32_t value = code_of_byte(byte, m_op.codes.type) - m_op.codes.input_zero_point;
        row[columns.first_out + c * columns.out_step] += static_cast<std::uint32_t>(weight.delta * value);
      }
    }
  }
  const std::size_t first = plane * s.out_plane() + channel.channel;
  for (std::size_t pixel = 0; pixel < s.out_pixels(); ++pixel) {
    if (added[pixel] == 0) continue;
    const std::size_t element = first + pixel * out_c;
    if (update.scratch.touched[element / k_unit] != 0) {
      update.scratch.deltas[element] += added[pixel];
    } else {
      const auto golden = static_cast<std::uint32_t>(update.golden.accumulators[element]);
      store(update, element, channel.channel, static_cast<std::int32_t>(golden + added[pixel]));
    }
  }
}

void IncrementalLayer::store_hits(Update& update, std::size_t first,
                                  std::span<const std::uint8_t> hits) const {
  const auto channels = static_cast<std::size_t>(m_op.shape.out_c);
  const std::size_t first_channel = first % channels;
  ChangedValues& outputs = update.outputs;
  std::size_t number = outputs.places.size();
  outputs.places.resize(number + hits.size());
  outputs.values.resize(number + hits.size());
  for (const std::uint8_t o : hits) {
    std::size_t channel = first_channel + o;
    while (channel >= channels) channel -= channels;
    const auto golden = static_cast<std::uint32_t>(update.golden.accumulators[first + o]);
    const auto sum = static_cast<std::int32_t>(golden + update.scratch.deltas[first + o]);
    const auto value = static_cast<std::uint8_t>(m_op.requantizer(sum, channel));
    outputs.places[number] = static_cast<std::uint32_t>(first + o);
    outputs.values[number] = value;
    number += value != update.golden.output[first + o] ? 1 : 0;
  }
  outputs.places.resize(number);
  outputs.values.resize(number);
}

// Outputs of a touched unit. Deltas are modulo 2^32: as a signed number, one within the slack moves the
// accumulator to one with the same output, whatever wrapped on the way.
void IncrementalLayer::settle(Update& update, std::size_t unit) const {
  const std::size_t first = unit * k_unit;
  const std::size_t count =
      std::min(k_unit, static_cast<std::size_t>(m_op.shape.planes) * m_op.shape.out_plane() - first);
  std::uint32_t* deltas = update.scratch.deltas.data() + first;
  const Slack* slacks = update.golden.slacks == nullptr ? nullptr : update.golden.slacks + first;
  const auto is_out = [&](std::size_t o) {
    const auto delta = static_cast<std::int32_t>(deltas[o]);
    return static_cast<unsigned>(delta > slacks[o].up()) | static_cast<unsigned>(delta < -slacks[o].down());
  };
  unsigned out = 0;
  if (slacks == nullptr) out = 1;
  else if (count == k_unit)
    for (std::size_t o = 0; o < k_unit; ++o) out |= is_out(o);
  else
    for (std::size_t o = 0; o < count; ++o) out |= is_out(o);
  if (out != 0) {
    // Without branches: which outputs change is anyone's guess.
    std::array<std::uint8_t, k_unit> hits;
    std::size_t number = 0;
    for (std::size_t o = 0; o < count; ++o) {
      hits[number] = static_cast<std::uint8_t>(o);
      number += slacks == nullptr ? static_cast<std::size_t>(deltas[o] != 0) : is_out(o);
    }
    store_hits(update, first, std::span(hits).first(number));
  }
  std::fill_n(deltas, k_unit, 0U);
}

void IncrementalLayer::update(const LayerFaults& faults, const Golden& golden, const std::uint8_t* input,
                              std::span<const std::uint32_t> changed, std::span<const std::uint8_t> values,
                              ChangedValues& outputs, Scratch& scratch) const {
  const ConvolutionShape& s = m_op.shape;
  const auto planes = static_cast<std::size_t>(s.planes);
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto group_in = static_cast<std::size_t>(s.group_in_c());
  const std::size_t in_pixels = s.in_plane() / in_c;
  const std::size_t units = (planes * s.out_plane() + k_unit - 1) / k_unit;
  if (scratch.touched.size() < units) {
    scratch.deltas.resize(units * k_unit);
    scratch.touched.resize(units);
  }
  Update update{faults, golden, input, outputs, scratch};

  std::vector<Change> changes;
  for (std::size_t i = 0; i < changed.size();) {
    const std::size_t pixel = changed[i] / in_c;  // of all planes
    changes.clear();
    for (; i < changed.size() && changed[i] >= pixel * in_c && changed[i] < (pixel + 1) * in_c; ++i) {
      const std::size_t channel = changed[i] - pixel * in_c;
      const int delta =
          code_of_byte(values[i], m_op.codes.type) - code_of_byte(golden.input[changed[i]], m_op.codes.type);
      changes.push_back({s.groups == 1 ? 0 : channel / group_in * m_group_out, channel * m_group_out,
                         static_cast<std::int16_t>(delta)});
    }
    // A fault may have put its place behind the others.
    if (!std::ranges::is_sorted(changes, {}, &Change::weights))
      std::ranges::sort(changes, {}, &Change::weights);
    add_pixel(update, pixel / in_pixels, pixel % in_pixels, changes);
  }
  for (const auto& accumulator : faults.accumulators) touch(update, accumulator.element, 1);
  for (const LayerFaults::Channel& channel : faults.channels)
    for (std::size_t plane = 0; plane < planes; ++plane) add_channel(update, channel, plane);
  for (const auto& accumulator : faults.accumulators) {
    const auto base = static_cast<std::uint32_t>(golden.accumulators[accumulator.element]);
    std::uint32_t& delta = scratch.deltas[accumulator.element];
    delta = (*accumulator.read)(base + delta) - base;
  }
  for (const std::uint32_t unit : scratch.units) {
    settle(update, unit);
    scratch.touched[unit] = 0;
  }
  scratch.units.clear();
}

}  // namespace qfi
