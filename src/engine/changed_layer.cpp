// SPDX-License-Identifier: Apache-2.0
#include "changed_layer.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "kernels/instruction_set.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_chunk = 32;  // pixels that are finished together
constexpr std::size_t k_listed_chunk = 128;
constexpr std::size_t k_channel_lanes = 16;

std::size_t rounded_up(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }

bool is_grid_of(const PixelGrid& grid, std::size_t rows, int columns, int channels) {
  return grid.rows == rows && std::cmp_equal(grid.columns, columns) &&
         std::cmp_equal(grid.channels, channels);
}

// The weights as numbers, [out_c][tap][group_in_c] to [block][tap][pair][lanes of a block][2].
template <class Weight>
std::vector<Weight> paired_weights(const MultiplyAccumulate& op, std::size_t lanes, std::size_t block) {
  const ConvolutionShape& s = op.shape;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const std::size_t positions = s.taps() / in_c;
  const std::size_t pairs = (in_c + 1) / 2;
  std::vector<Weight> weights(positions * pairs * rounded_up(lanes, block) * 2);
  for (std::size_t o = 0; o < static_cast<std::size_t>(s.out_c); ++o)
    for (std::size_t tap = 0; tap < positions; ++tap)
      for (std::size_t c = 0; c < in_c; ++c) {
        const std::size_t row = (o / block * positions + tap) * pairs + c / 2;
        weights[(row * block + o % block) * 2 + c % 2] =
            static_cast<Weight>(code_of_byte(op.weights[(o * positions + tap) * in_c + c], op.codes.type) -
                                op.codes.weight_zero_point);
      }
  return weights;
}

// [channel][tap] to [tap][channel].
std::vector<std::int16_t> depthwise_weights(const MultiplyAccumulate& op) {
  const auto channels = static_cast<std::size_t>(op.shape.out_c);
  const std::size_t positions = op.shape.taps();
  std::vector<std::int16_t> weights(positions * channels);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t tap = 0; tap < positions; ++tap)
      weights[tap * channels + c] = static_cast<std::int16_t>(
          code_of_byte(op.weights[c * positions + tap], op.codes.type) - op.codes.weight_zero_point);
  return weights;
}

double seconds_of(const std::function<void()>& work) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

void store_pixel(const PixelGrid& grid, const ChangedImage& image, std::size_t row, std::size_t column,
                 const void* values) {
  const std::size_t place = (row * grid.columns + column) * grid.pixel_bytes;
  if (std::memcmp(values, image.golden + place, grid.pixel_bytes) == 0) return;
  set_pixel(grid, image.bits, row, column);
  std::memcpy(image.now + place, values, grid.pixel_bytes);
  image.channels->add(0, grid.channels);
}

ChangedLayer::ChannelFinish::ChannelFinish(const Requantizer& layer, std::size_t channel)
    : requantizer(layer), factors([&] {
        Requantizer one = layer;
        one.fixed_point.assign(k_channel_lanes, layer.fixed_point[channel]);
        return ChannelFactors(one);
      }()) {
  requantizer.fixed_point.assign(k_channel_lanes, layer.fixed_point[channel]);
}

ChangedLayer::ChangedLayer(const MultiplyAccumulate& op, const Tensor& input, const Tensor& output)
    : m_op(op), m_in(input), m_out(output), m_reach(op.shape), m_factors(op.requantizer) {
  const ConvolutionShape& s = op.shape;
  const auto planes = static_cast<std::size_t>(s.planes);
  m_has_pixels = is_grid_of(m_in, planes * static_cast<std::size_t>(s.in_h), s.in_w, s.in_c) &&
                 is_grid_of(m_out, planes * static_cast<std::size_t>(s.out_h), s.out_w, s.out_c);
  m_is_depthwise = s.groups > 1 && s.group_in_c() == 1 && s.group_out_c() == 1;
  const auto out_c = static_cast<std::size_t>(s.out_c);
  m_lanes = rounded_up(out_c, k_sum_lanes);
  m_block = m_lanes;
  constexpr std::size_t k_many_weights = std::size_t{1} << 19;  // bytes of half the L2 cache
  constexpr std::size_t k_block = 4 * k_sum_lanes;
  const bool are_bytes = op.codes.type == CodeType::int8 && op.codes.weight_zero_point == 0;
  if (m_is_depthwise) {
    m_weights = depthwise_weights(op);
  } else if (s.groups == 1 && are_bytes && m_lanes == out_c && s.taps() * m_lanes > k_many_weights) {
    m_block = k_block;
    m_byte_weights = paired_weights<std::int8_t>(op, m_lanes, m_block);
  } else if (s.groups == 1) {
    m_weights = paired_weights<std::int16_t>(op, m_lanes, m_block);
  }
  m_no_bias.row_class = {0};
  m_no_bias.column_class.assign(std::max(k_chunk, s.out_pixels() / k_channel_lanes + 1), 0);
  m_no_bias.values.assign(std::max(m_lanes, k_channel_lanes) + 16, 0);
  if (!op.requantizer.fixed_point.empty() && s.out_pixels() >= k_channel_lanes)
    for (std::size_t c = 0; c < out_c; ++c) m_channels.emplace_back(op.requantizer, c);
  if (s.groups == 1 && m_out.pixels() > 1 && m_has_pixels) {
    m_listed_op = op;
    m_listed_op->shape = {};
    m_listed_op->shape.in_c = static_cast<int>(s.taps());
    m_listed_op->shape.out_c = s.out_c;
    m_listed = FastLayer::make(*m_listed_op);
  }
}

// Two numbers of images tell what a call costs from what an image costs.
LayerPrices ChangedLayer::measured(const std::function<void(std::size_t)>& run) const {
  constexpr std::size_t k_few_images = 2;
  LayerPrices prices;
  const double few = seconds_of([&] { run(k_few_images); });
  const double many = seconds_of([&] { run(k_many_images); });
  prices.image =
      std::min(std::max((many - few) / (k_many_images - k_few_images), 1e-9), many / k_many_images);
  prices.call = std::max(0.0, many - k_many_images * prices.image);
  if (m_has_pixels && (m_is_depthwise || sums_pairs())) measure_sums(prices);
  if (m_listed) prices.listed = listed_seconds();
  return prices;
}

// The values of sums, inputs and weights do not matter for the time.
void ChangedLayer::measure_sums(LayerPrices& prices) const {
  Scratch scratch;
  scratch.sums.resize(k_chunk * m_out.channels + 2 * k_sum_lanes);
  const std::vector<std::int32_t> from(m_lanes + k_sum_lanes);
  const auto run = [&](std::size_t pairs) {
    scratch.of_pixel.assign(k_chunk * pairs, {0, 65537});
    // The pairs lie all over the weights, so that those come from the same cache or memory as in a run, and
    // are the same for all pixels, as what faults change is mostly the same.
    constexpr std::size_t k_step = 7919;
    const std::size_t rows = m_op.shape.taps() / m_in.channels * ((m_in.channels + 1) / 2);
    for (std::size_t i = 0; i < scratch.of_pixel.size(); ++i)
      scratch.of_pixel[i].weights = static_cast<std::uint32_t>(2 * m_block * (i % pairs * k_step % rows));
    std::array<PixelSums, k_chunk> pixels;
    for (std::size_t i = 0; i < k_chunk; ++i) pixels[i] = {i * pairs, (i + 1) * pairs, from.data()};
    return seconds_of([&] {
      add_pairs(pixels, scratch.of_pixel, scratch.sums.data());
      finish_pixels(k_chunk, scratch);
    });
  };
  constexpr double k_bookkeeping = 15e-9;  // of a pixel: its taps, its comparison
  if (m_is_depthwise) {
    const std::vector<std::uint8_t> pixel(m_out.channels);
    scratch.taps.assign(m_op.shape.taps(), {pixel.data(), m_weights.data()});
    prices.pixel = k_bookkeeping + seconds_of([&] {
                                     for (std::size_t i = 0; i < k_chunk; ++i)
                                       instruction_set().sum_channels(
                                           {scratch.taps, m_op.bias.data(), m_op.codes.input_zero_point,
                                            m_op.codes.type == CodeType::int8, m_out.channels},
                                           scratch.sums.data() + i * m_out.channels);
                                     finish_pixels(k_chunk, scratch);
                                   }) / k_chunk;
    return;
  }
  constexpr std::size_t k_pairs = 32;
  const double without = run(0);
  prices.pixel = k_bookkeeping + without / k_chunk;
  prices.pair = std::max(run(k_pairs) - without, 0.0) / (k_pairs * k_chunk) + 1e-9;
}

double ChangedLayer::listed_seconds() const {
  Scratch scratch;
  scratch.rows.resize(k_listed_chunk * m_op.shape.taps());
  scratch.bytes.resize(k_listed_chunk * m_out.channels);
  return 15e-9 + 0.1e-9 * static_cast<double>(m_op.shape.taps()) +
         seconds_of([&] {
           m_listed->run(nullptr, k_listed_chunk, scratch.rows.data(), scratch.bytes.data(), nullptr,
                         scratch.listed);
         }) / k_listed_chunk;
}

void ChangedLayer::add_channel(const LayerFaults::Channel& channel, const std::uint8_t* input,
                               std::size_t plane, std::vector<std::uint32_t>& added) const {
  const ConvolutionShape& s = m_op.shape;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  added.assign(s.out_pixels(), channel.bias_delta);
  const std::size_t first_in =
      channel.channel / static_cast<std::size_t>(s.group_out_c()) * static_cast<std::size_t>(s.group_in_c());
  input += plane * s.in_plane();
  for (const LayerFaults::Weight& weight : channel.weights) {
    const TapRange rows = tap_rows(s, static_cast<int>(weight.tap) / s.filter_w);
    const TapRange columns = tap_columns(s, static_cast<int>(weight.tap) % s.filter_w);
    const std::uint8_t* of_channel = input + first_in + weight.in_channel;
    for (int r = 0; r < rows.count; ++r) {
      const auto y = static_cast<std::size_t>(rows.first_in + r * rows.in_step);
      std::uint32_t* row =
          added.data() + static_cast<std::size_t>(rows.first_out + r * rows.out_step) * out_w;
      for (int c = 0; c < columns.count; ++c) {
        const auto x = static_cast<std::size_t>(columns.first_in + c * columns.in_step);
        const std::uint8_t byte = of_channel[(y * static_cast<std::size_t>(s.in_w) + x) * in_c];
        const std::int32_t value = code_of_byte(byte, m_op.codes.type) - m_op.codes.input_zero_point;
        row[columns.first_out + c * columns.out_step] += static_cast<std::uint32_t>(weight.delta * value);
      }
    }
  }
}

// Requantizes scratch.sums, [pixels][channels], to scratch.bytes.
void ChangedLayer::finish(std::size_t pixels, std::size_t channels, const Factors& factors,
                          Scratch& scratch) const {
  scratch.bytes.resize(std::max(scratch.bytes.size(), pixels * channels));
  scratch.shape = {};
  scratch.shape.out_w = static_cast<int>(pixels);
  scratch.shape.out_c = static_cast<int>(channels);
  Finish& finish = scratch.finish;
  finish.shape = &scratch.shape;
  finish.requantizer = &factors.requantizer;
  finish.factors = &factors.factors;
  finish.bias = &m_no_bias;
  finish.planes = 1;
  finish.sums.assign(1, {scratch.sums.data(), 1});
  finish.output = scratch.bytes.data();
  instruction_set().finish(finish);
}

void ChangedLayer::finish_pixels(std::size_t pixels, Scratch& scratch) const {
  finish(pixels, m_out.channels, {m_op.requantizer, m_factors}, scratch);
}

// Requantizes scratch.sums of one channel, where there are many pixels as if each lane were a channel.
void ChangedLayer::finish_channel(std::size_t channel, Scratch& scratch) const {
  const std::size_t pixels = m_op.shape.out_pixels();
  if (!m_channels.empty()) {
    const ChannelFinish& of_channel = m_channels[channel];
    return finish(rounded_up(pixels, k_channel_lanes) / k_channel_lanes, k_channel_lanes,
                  {of_channel.requantizer, of_channel.factors}, scratch);
  }
  scratch.bytes.resize(std::max(scratch.bytes.size(), pixels));
  for (std::size_t i = 0; i < pixels; ++i)
    scratch.bytes[i] = static_cast<std::uint8_t>(m_op.requantizer(scratch.sums[i], channel));
}

void ChangedLayer::run_faults(const LayerFaults& faults, const std::uint8_t* input,
                              const std::int32_t* accumulators, const ChangedImage& output,
                              Scratch& scratch) const {
  const ConvolutionShape& s = m_op.shape;
  const std::size_t pixels = s.out_pixels();
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const auto* golden = reinterpret_cast<const std::uint8_t*>(output.golden);
  auto* now = reinterpret_cast<std::uint8_t*>(output.now);
  scratch.sums.resize(std::max(scratch.sums.size(), rounded_up(pixels, k_channel_lanes)));
  for (const LayerFaults::Channel& channel : faults.channels)
    for (std::size_t plane = 0; plane < static_cast<std::size_t>(s.planes); ++plane) {
      add_channel(channel, input, plane, scratch.added);
      const std::size_t first = plane * s.out_plane() + channel.channel;
      for (std::size_t i = 0; i < pixels; ++i)
        scratch.sums[i] = static_cast<std::int32_t>(
            static_cast<std::uint32_t>(accumulators[first + i * out_c]) + scratch.added[i]);
      finish_channel(channel.channel, scratch);
      for (std::size_t i = 0; i < pixels; ++i) {
        const std::size_t element = first + i * out_c;
        if (scratch.bytes[i] == golden[element]) continue;
        // In the tensor's own pixels, which may be others than the layer's.
        const std::size_t pixel = element / m_out.channels;
        const std::size_t row = pixel / m_out.columns;
        const std::size_t column = pixel % m_out.columns;
        if (!has_pixel(m_out, output.bits, row, column)) {
          set_pixel(m_out, output.bits, row, column);
          std::memcpy(now + pixel * m_out.channels, golden + pixel * m_out.channels, m_out.channels);
        }
        now[element] = scratch.bytes[i];
        output.channels->add(element % m_out.channels, element % m_out.channels + 1);
      }
    }
}

// Appends the changes of a pixel, two channels at a time.
void ChangedLayer::collect_pixel(const std::uint8_t* golden, const std::uint8_t* now,
                                 const ChannelRange& range, std::vector<InputPair>& pairs) const {
  const bool is_signed = m_op.codes.type == CodeType::int8;
  const auto number = [&](std::uint8_t byte) -> std::int32_t {
    return is_signed ? static_cast<std::int8_t>(byte) : byte;
  };
  const auto add_pair = [&](std::size_t c) {
    const std::int32_t a = number(now[c]) - number(golden[c]);
    const std::int32_t b = c + 1 < m_in.channels ? number(now[c + 1]) - number(golden[c + 1]) : 0;
    if (a != 0 || b != 0)
      pairs.push_back({static_cast<std::uint32_t>(c / 2 * m_block * 2),
                       static_cast<std::int32_t>(static_cast<std::uint32_t>(b) << 16U |
                                                 (static_cast<std::uint32_t>(a) & 0xFFFFU))});
  };
  std::size_t c = range.first / 2 * 2;
  for (; c + 8 <= range.end; c += 8) {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
    std::memcpy(&x, now + c, 8);
    std::memcpy(&y, golden + c, 8);
    if (x == y) continue;
    for (std::size_t pair = 0; pair < 4; ++pair) add_pair(c + 2 * pair);
  }
  for (; c < range.end; c += 2) add_pair(c);
}

// Collects the changes of the input; false: there are more than `most`, and none was kept.
bool ChangedLayer::collect_pairs(std::size_t k, const ChangedImage& input, double most,
                                 Scratch& scratch) const {
  if (most < 1) return false;
  const std::size_t before = scratch.pairs.size();
  const std::size_t limit = before + static_cast<std::size_t>(std::min(most, 1e8));
  std::uint32_t* begin = scratch.begin.data() + k * m_in.pixels();
  std::uint32_t* end = scratch.end.data() + k * m_in.pixels();
  for (std::size_t word = 0; word < input.bits.size(); ++word)
    for (std::uint64_t rest = input.bits[word]; rest != 0; rest &= rest - 1) {
      const std::size_t pixel = word / m_in.row_words * m_in.columns + word % m_in.row_words * 64 +
                                static_cast<std::size_t>(std::countr_zero(rest));
      begin[pixel] = static_cast<std::uint32_t>(scratch.pairs.size());
      collect_pixel(reinterpret_cast<const std::uint8_t*>(input.golden) + pixel * m_in.channels,
                    reinterpret_cast<const std::uint8_t*>(input.now) + pixel * m_in.channels, *input.channels,
                    scratch.pairs);
      end[pixel] = static_cast<std::uint32_t>(scratch.pairs.size());
      if (scratch.pairs.size() > limit) {
        scratch.pairs.resize(before);
        return false;
      }
    }
  return true;
}

// sums[pixel][channel] of pixels side by side. The weights of a block are used for all of them before the
// next.
void ChangedLayer::add_pairs(std::span<const PixelSums> pixels, std::span<const InputPair> pairs,
                             std::int32_t* sums) const {
  const std::size_t of_channel =
      std::max(m_weights.size(), m_byte_weights.size()) / rounded_up(m_lanes, m_block);
  for (std::size_t c = 0; c < m_lanes; c += m_block) {
    const std::size_t channels = std::min(m_block, m_lanes - c);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const auto of_pixel = pairs.subspan(pixels[i].first_pair, pixels[i].end_pair - pixels[i].first_pair);
      const std::int32_t* from = pixels[i].from + c;
      std::int32_t* to = sums + i * m_out.channels + c;
      if (m_byte_weights.empty())
        instruction_set().add_pairs(of_pixel, m_weights.data() + c * of_channel, from, channels, to);
      else
        instruction_set().add_byte_pairs(of_pixel, m_byte_weights.data() + c * of_channel, from, channels,
                                         to);
    }
  }
}

// Appends the pairs of changed inputs that an output meets.
void ChangedLayer::append_pairs(const ChangedImage& input, const Place& place, Scratch& scratch) const {
  const std::size_t tap_weights = (m_in.channels + 1) / 2 * m_block * 2;
  for (const WindowReach::Tap& row : m_reach.row_taps(place.row))
    for (const WindowReach::Tap& column : m_reach.column_taps(place.column)) {
      if (!has_pixel(m_in, input.bits, row.place, column.place)) continue;
      const std::size_t pixel = row.place * m_in.columns + column.place;
      const auto of_tap = static_cast<std::uint32_t>(
          (row.tap * static_cast<std::size_t>(m_op.shape.filter_w) + column.tap) * tap_weights);
      const std::size_t changes = place.inference * m_in.pixels() + pixel;
      for (std::uint32_t i = scratch.begin[changes]; i < scratch.end[changes]; ++i)
        scratch.of_pixel.push_back({scratch.pairs[i].weights + of_tap, scratch.pairs[i].inputs});
    }
}

void ChangedLayer::sum_taps(const ChangedImage& input, const Place& place, Scratch& scratch,
                            std::int32_t* sums) const {
  scratch.taps.clear();
  for (const WindowReach::Tap& row : m_reach.row_taps(place.row))
    for (const WindowReach::Tap& column : m_reach.column_taps(place.column))
      scratch.taps.push_back(
          {reinterpret_cast<const std::uint8_t*>(input.pixel(m_in, row.place, column.place)),
           m_weights.data() +
               (row.tap * static_cast<std::size_t>(m_op.shape.filter_w) + column.tap) * m_out.channels});
  instruction_set().sum_channels({scratch.taps, m_op.bias.data(), m_op.codes.input_zero_point,
                                  m_op.codes.type == CodeType::int8, m_out.channels},
                                 sums);
}

void ChangedLayer::begin_plan(std::size_t inferences, Scratch& scratch) const {
  scratch.plan.begin(inferences);
  scratch.pairs.clear();
  scratch.reached.resize(std::max(scratch.reached.size(), inferences * m_out.map_words()));
  scratch.begin.resize(std::max(scratch.begin.size(), inferences * m_in.pixels()));
  scratch.end.resize(scratch.begin.size());
}

void ChangedLayer::plan(std::size_t k, const ChangedImage& input, Scratch& scratch) const {
  LayerPlan::Inference& planned = scratch.plan.inferences[k];
  planned.is_reached = true;
  if (!m_has_pixels || (!m_is_depthwise && !sums_pairs() && !m_listed)) return;
  const std::span<std::uint64_t> reached = reached_of(k, scratch);
  std::ranges::fill(reached, 0);
  m_reach.add(m_in, input.bits, reached);
  const auto pixels = static_cast<double>(count_pixels(reached));
  if (m_listed) planned.listed = pixels * m_prices.listed;
  if (m_is_depthwise) planned.changes = pixels * m_prices.pixel;
  if (!sums_pairs()) return;
  const double reach = static_cast<double>(m_op.shape.multiplications()) /
                       static_cast<double>(m_in.pixels() * m_in.channels) / m_op.shape.out_c;
  const double price = reach * m_prices.pair;
  const double least = std::min(planned.listed, m_prices.call + m_prices.image) - pixels * m_prices.pixel;
  const std::size_t before = scratch.pairs.size();
  if (collect_pairs(k, input, least / price, scratch))
    planned.changes = pixels * m_prices.pixel + price * static_cast<double>(scratch.pairs.size() - before);
}

// compute(places, inputs) leaves [place][channel] of so many outputs in scratch.bytes, given each one's
// input.
template <class Compute>
void ChangedLayer::run_places(LayerPlan::Way way, std::size_t together, const Images& images,
                              Scratch& scratch, const Compute& compute) const {
  scratch.places.clear();
  for (std::size_t k = 0; k < scratch.plan.inferences.size(); ++k)
    if (scratch.plan.inferences[k].way == way)
      for_each_pixel(m_out, reached_of(k, scratch), [&](std::size_t row, std::size_t column) {
        scratch.places.push_back({static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(row),
                                  static_cast<std::uint32_t>(column)});
      });
  const auto for_each_place = [](std::span<const Place> places, const auto& image_of, const auto& use) {
    ChangedImage image;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (i == 0 || places[i].inference != places[i - 1].inference) image = image_of(places[i].inference);
      use(i, places[i], image);
    }
  };
  for (std::size_t first = 0; first < scratch.places.size(); first += together) {
    const auto places =
        std::span(scratch.places).subspan(first, std::min(together, scratch.places.size() - first));
    compute(places, [&](const auto& use) { for_each_place(places, images.input, use); });
    for_each_place(places, images.output, [&](std::size_t i, const Place& place, const ChangedImage& image) {
      store_pixel(m_out, image, place.row, place.column, scratch.bytes.data() + i * m_out.channels);
    });
  }
}

void ChangedLayer::run_changes(const Images& images, Scratch& scratch) const {
  scratch.sums.resize(std::max(scratch.sums.size(), k_chunk * m_out.channels + 2 * k_sum_lanes));
  std::array<PixelSums, k_chunk> pixels;
  run_places(LayerPlan::Way::changes, k_chunk, images, scratch,
             [&](std::span<const Place> places, const auto& for_each_input) {
               scratch.of_pixel.clear();
               for_each_input([&](std::size_t i, const Place& place, const ChangedImage& input) {
                 if (m_is_depthwise)
                   return sum_taps(input, place, scratch, scratch.sums.data() + i * m_out.channels);
                 pixels[i].first_pair = scratch.of_pixel.size();
                 append_pairs(input, place, scratch);
                 pixels[i].end_pair = scratch.of_pixel.size();
                 pixels[i].from = images.accumulators(place.inference) +
                                  (place.row * m_out.columns + place.column) * m_out.channels;
               });
               if (!m_is_depthwise)
                 add_pairs(std::span(pixels).first(places.size()), scratch.of_pixel, scratch.sums.data());
               finish_pixels(places.size(), scratch);
             });
}

// Copies what the taps of an output meet, [tap][in_c].
void ChangedLayer::gather(const ChangedImage& input, const Place& place, std::uint8_t* to) const {
  const auto zero = static_cast<std::uint8_t>(byte_index(m_op.codes.input_zero_point));
  const std::size_t channels = m_in.channels;
  const auto rows = m_reach.row_taps(place.row);
  const auto columns = m_reach.column_taps(place.column);
  const auto filter_w = static_cast<std::size_t>(m_op.shape.filter_w);
  const std::size_t taps = static_cast<std::size_t>(m_op.shape.filter_h) * filter_w;
  if (rows.size() * columns.size() < taps) std::fill_n(to, taps * channels, zero);
  for (const WindowReach::Tap& row : rows)
    for (const WindowReach::Tap& column : columns)
      std::memcpy(to + (row.tap * filter_w + column.tap) * channels,
                  input.pixel(m_in, row.place, column.place), channels);
}

void ChangedLayer::run_listed(const Images& images, Scratch& scratch) const {
  const std::size_t taps = m_op.shape.taps();
  scratch.rows.resize(std::max(scratch.rows.size(), k_listed_chunk * taps));
  scratch.bytes.resize(std::max(scratch.bytes.size(), k_listed_chunk * m_out.channels));
  run_places(LayerPlan::Way::listed, k_listed_chunk, images, scratch,
             [&](std::span<const Place> places, const auto& for_each_input) {
               for_each_input([&](std::size_t i, const Place& place, const ChangedImage& input) {
                 gather(input, place, scratch.rows.data() + i * taps);
               });
               m_listed->run(nullptr, places.size(), scratch.rows.data(), scratch.bytes.data(), nullptr,
                             scratch.listed);
             });
}

}  // namespace qfi
