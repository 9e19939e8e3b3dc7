// SPDX-License-Identifier: Apache-2.0
#include "incremental_layer.hpp"

#include <algorithm>

namespace qfi {

struct IncrementalLayer::Update {
  const LayerFaults& faults;
  const Golden& golden;
  const std::uint8_t* input;
  std::uint8_t* output;
  Elements& changed_outputs;
  Scratch& scratch;
};

IncrementalLayer::IncrementalLayer(const MultiplyAccumulate& op) : m_op(op) {
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
  m_reach = static_cast<double>(s.multiplications()) /
            (static_cast<double>(s.planes) * static_cast<double>(s.in_plane()));
}

bool IncrementalLayer::pays(std::size_t changed_inputs) const {
  return static_cast<double>(changed_inputs) * m_reach < static_cast<double>(m_op.shape.multiplications());
}

void IncrementalLayer::touch(Update& update, std::size_t group) const {
  Scratch& scratch = update.scratch;
  if (scratch.touched[group] != 0) return;
  scratch.touched[group] = 1;
  scratch.groups.push_back(static_cast<std::uint32_t>(group));
  std::copy_n(update.golden.accumulators + group * m_group_out, m_group_out,
              scratch.sums.data() + group * m_group_out);
}

void IncrementalLayer::store(Update& update, std::size_t element, std::int32_t sum) const {
  const std::size_t channel = element % static_cast<std::size_t>(m_op.shape.out_c);
  const auto value = static_cast<std::uint8_t>(m_op.requantizer(sum, channel));
  if (value == update.output[element]) return;
  update.output[element] = value;
  update.changed_outputs.push_back(static_cast<std::uint32_t>(element));
}

// One input pixel into all outputs that it meets.
void IncrementalLayer::add_pixel(Update& update, std::size_t plane, std::size_t pixel,
                                 std::span<const Change> changes) const {
  const ConvolutionShape& s = m_op.shape;
  const auto in_w = static_cast<std::size_t>(s.in_w);
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto group_in = static_cast<std::size_t>(s.group_in_c());
  const auto groups = static_cast<std::size_t>(s.groups);
  for (const Place& row : m_rows[pixel / in_w])
    for (const Place& column : m_columns[pixel % in_w]) {
      const std::size_t out_pixel =
          plane * s.out_pixels() + row.out * static_cast<std::size_t>(s.out_w) + column.out;
      const std::int16_t* weights =
          m_weights.data() +
          (row.tap * static_cast<std::size_t>(s.filter_w) + column.tap) * in_c * m_group_out;
      for (const Change& change : changes) {
        const std::size_t group = out_pixel * groups + change.channel / group_in;
        touch(update, group);
        auto* sums = reinterpret_cast<std::uint32_t*>(update.scratch.sums.data() + group * m_group_out);
        const std::int16_t* w = weights + change.channel * m_group_out;
        for (std::size_t o = 0; o < m_group_out; ++o)
          sums[o] += static_cast<std::uint32_t>(std::int32_t{change.delta} * std::int32_t{w[o]});
      }
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
    if (update.scratch.touched[element / m_group_out] != 0) {
      std::int32_t& sum = update.scratch.sums[element];
      sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + added[pixel]);
    } else {
      const auto golden = static_cast<std::uint32_t>(update.golden.accumulators[element]);
      store(update, element, static_cast<std::int32_t>(golden + added[pixel]));
    }
  }
}

void IncrementalLayer::update(const LayerFaults& faults, const Golden& golden, const std::uint8_t* input,
                              std::span<const std::uint32_t> changed, std::uint8_t* output,
                              Elements& changed_outputs, Scratch& scratch) const {
  const ConvolutionShape& s = m_op.shape;
  const auto planes = static_cast<std::size_t>(s.planes);
  const auto in_c = static_cast<std::size_t>(s.in_c);
  if (scratch.sums.size() < planes * s.out_plane()) scratch.sums.resize(planes * s.out_plane());
  if (scratch.touched.size() < planes * s.out_plane()) scratch.touched.resize(planes * s.out_plane());
  Update update{faults, golden, input, output, changed_outputs, scratch};

  std::vector<Change> changes;
  for (std::size_t i = 0; i < changed.size();) {
    const std::size_t pixel = changed[i] / in_c;  // of all planes
    changes.clear();
    for (; i < changed.size() && changed[i] / in_c == pixel; ++i)
      changes.push_back({changed[i] % in_c,
                         static_cast<std::int16_t>(code_of_byte(input[changed[i]], m_op.codes.type) -
                                                   code_of_byte(golden.input[changed[i]], m_op.codes.type))});
    const std::size_t in_pixels = s.in_plane() / in_c;
    add_pixel(update, pixel / in_pixels, pixel % in_pixels, changes);
  }
  for (const auto& accumulator : faults.accumulators) touch(update, accumulator.element / m_group_out);
  for (const LayerFaults::Channel& channel : faults.channels)
    for (std::size_t plane = 0; plane < planes; ++plane) add_channel(update, channel, plane);
  for (const auto& accumulator : faults.accumulators) {
    std::int32_t& sum = scratch.sums[accumulator.element];
    sum = static_cast<std::int32_t>((*accumulator.read)(static_cast<std::uint32_t>(sum)));
  }
  for (const std::uint32_t group : scratch.groups) {
    const std::size_t first = group * m_group_out;
    for (std::size_t element = first; element < first + m_group_out; ++element)
      if (scratch.sums[element] != golden.accumulators[element])
        store(update, element, scratch.sums[element]);
    scratch.touched[group] = 0;
  }
  scratch.groups.clear();
}

}  // namespace qfi
