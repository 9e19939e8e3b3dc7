// SPDX-License-Identifier: Apache-2.0
#include "tile_layer.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "../kernels/finish.hpp"

namespace qfi::tiles {
namespace {

constexpr int k_most_unrolled_bytes = 256;  // of an output pixel

int chunks_of(int bytes) { return (bytes + k_chunk - 1) / k_chunk; }

// A matrix product has offsets of 32 bits inside an image, and of 16 between taps.
bool is_dense(const ConvolutionShape& s) {
  constexpr int k_most_distance = std::numeric_limits<std::int16_t>::max();
  constexpr std::size_t k_most_plane = std::size_t{1} << 26;
  return s.groups == 1 && !s.is_transposed && s.filter_h * s.dilation_h < k_most_distance &&
         s.filter_w * s.dilation_w < k_most_distance && s.in_plane() < k_most_plane &&
         s.out_plane() < k_most_plane && s.in_h < k_most_distance && s.in_w < k_most_distance;
}

// Which taps of each class of rows or columns lie inside.
std::vector<std::uint8_t> taps_of_classes(std::span<const std::uint16_t> classes, int filter, int in,
                                          int stride, int dilation, int pad) {
  const std::size_t count = static_cast<std::size_t>(*std::ranges::max_element(classes)) + 1;
  std::vector<std::uint8_t> taps(count * static_cast<std::size_t>(filter));
  for (std::size_t place = 0; place < classes.size(); ++place)
    for (int k = 0; k < filter; ++k)
      taps[classes[place] * static_cast<std::size_t>(filter) + static_cast<std::size_t>(k)] =
          input_place(static_cast<int>(place), k, in, stride, dilation, pad, false) >= 0 ? 1 : 0;
  return taps;
}

std::vector<ChunkPlace> chunk_places(const ConvolutionShape& s, const TileLayer& layer) {
  std::vector<ChunkPlace> places;
  const int of_tap = layer.pitch / k_chunk;
  const int taps = layer.is_unrolled ? 1 : s.filter_h * s.filter_w;
  for (int tap = 0; tap < taps; ++tap) {
    const int dy = tap / s.filter_w * s.dilation_h;
    const int dx = tap % s.filter_w * s.dilation_w;
    for (int chunk = 0; chunk < of_tap; ++chunk)
      places.push_back({static_cast<std::int16_t>(dy), static_cast<std::int16_t>(dx),
                        (dy * s.in_w + dx) * layer.pitch + chunk * k_chunk});
  }
  return places;
}

// Four maps in a word.
std::vector<std::uint32_t> side_by_side(std::span<const std::array<std::uint8_t, 256>> maps) {
  std::vector<std::uint32_t> words(static_cast<std::size_t>(map_words(static_cast<int>(maps.size()))));
  for (std::size_t m = 0; m < maps.size(); ++m)
    for (std::size_t x = 0; x < 256; ++x) words[m / 4 * 256 + x] |= std::uint32_t{maps[m][x]} << (m % 4 * 8);
  return words;
}

template <class T>
std::size_t position(std::vector<std::array<T, 256>>& maps, const std::array<T, 256>& map) {
  const auto known = std::ranges::find(maps, map);
  if (known != maps.end()) return static_cast<std::size_t>(known - maps.begin());
  maps.push_back(map);
  return maps.size() - 1;
}

}  // namespace

std::size_t ByteBlock::add(std::span<const std::byte> bytes) {
  m_bytes.resize((m_bytes.size() + 63) / 64 * 64);
  const std::size_t place = m_bytes.size();
  m_bytes.insert(m_bytes.end(), bytes.begin(), bytes.end());
  return place;
}

std::size_t TileLayer::copy_rows() const {
  const ConvolutionShape& s = op->shape;
  return static_cast<std::size_t>(s.planes) *
         (is_unrolled ? s.out_pixels() : static_cast<std::size_t>(s.in_h) * static_cast<std::size_t>(s.in_w));
}

TileOperands add_operands(FactoredProducts products, const OperandCodes& codes, const ProductTable* table,
                          ByteBlock& block) {
  const FactorParams params{codes.type, false, k_most_terms};
  const FactoredProducts plain = plain_products(codes.type, params);
  add_zero_points(codes, params, products);
  TileOperands operands;
  operands.codes = codes;
  std::vector<std::array<std::uint8_t, 256>> input_maps = {plain.product_terms[0].input};
  std::vector<std::array<std::int8_t, 256>> weight_maps = {plain.product_terms[0].weight};
  const ScaledTerms scaled = scaled_terms(products);
  for (const auto& [term, scale] : scaled.terms)
    operands.terms.push_back({scale, position(input_maps, term->input), position(weight_maps, term->weight)});
  operands.last_scale = scaled.last;
  operands.input_map_count = input_maps.size();
  operands.weight_map_count = weight_maps.size();
  operands.all_maps = block.add_values(side_by_side(input_maps));
  operands.later_maps = block.add_values(side_by_side(std::span(input_maps).subspan(1)));
  operands.weight_maps = block.add_values(weight_maps);
  operands.inside = block.add(std::as_bytes(std::span(products.of_weight)));
  if (table != nullptr) {
    std::array<std::int32_t, 256> outside{};
    for (std::size_t w = 0; w < 256; ++w) outside[w] = table->at(w, byte_index(codes.input_zero_point));
    operands.outside = block.add(std::as_bytes(std::span(outside)));
  }
  return operands;
}

TileLayer add_layer(const MultiplyAccumulate& op, ByteBlock& block, std::vector<TileOperands>& exact) {
  const ConvolutionShape& s = op.shape;
  TileLayer layer;
  layer.op = &op;
  layer.is_dense = is_dense(s);
  layer.weights = block.add_values(op.weights);
  layer.bias = block.add_values(op.bias);
  if (op.requantizer.fixed_point.empty()) {
    layer.real = block.add_values(op.requantizer.real);
  } else {
    std::vector<std::int32_t> multiplier, shift;
    for (const QuantizedMultiplier& factor : op.requantizer.fixed_point) {
      multiplier.push_back(factor.multiplier);
      shift.push_back(factor.shift);
    }
    layer.multiplier = block.add_values(multiplier);
    layer.shift = block.add_values(shift);
  }
  if (!layer.is_dense) return layer;
  const int unrolled = s.filter_h * s.filter_w * s.in_c;
  layer.copies_input = s.in_c % k_chunk != 0;
  layer.is_unrolled = layer.copies_input && s.filter_h * s.filter_w > 1 && unrolled <= k_most_unrolled_bytes;
  layer.pitch = chunks_of(layer.is_unrolled ? unrolled : s.in_c) * k_chunk;
  const std::vector<ChunkPlace> places = chunk_places(s, layer);
  layer.chunks = static_cast<int>(places.size());
  layer.steps = (layer.chunks + k_step_chunks - 1) / k_step_chunks;
  layer.places = block.add_values(places);
  const std::vector<std::uint32_t> no_sums(op.weights.size() / static_cast<std::size_t>(s.in_c));
  const BorderBias classes = make_border_bias(s, op.bias, {no_sums, {}});
  layer.row_class = block.add_values(classes.row_class);
  layer.column_class = block.add_values(classes.column_class);
  const auto rows = taps_of_classes(classes.row_class, s.filter_h, s.in_h, s.stride_h, s.dilation_h, s.pad_h);
  const auto columns =
      taps_of_classes(classes.column_class, s.filter_w, s.in_w, s.stride_w, s.dilation_w, s.pad_w);
  layer.row_classes = static_cast<int>(rows.size()) / s.filter_h;
  layer.column_classes = static_cast<int>(columns.size()) / s.filter_w;
  layer.row_taps = block.add_values(rows);
  layer.column_taps = block.add_values(columns);
  const auto known = std::ranges::find(exact, op.codes, &TileOperands::codes);
  layer.exact = static_cast<std::size_t>(known - exact.begin());
  if (known == exact.end()) {
    const FactorParams params{op.codes.type, false, k_most_terms};
    exact.push_back(add_operands(plain_products(op.codes.type, params), op.codes, nullptr, block));
  }
  return layer;
}

TileConstants make_constants(TileMachine& machine, const ByteBlock& block, std::vector<TileOperands> exact,
                             std::span<TileLayer* const> layers) {
  TileConstants constants;
  constants.block = TileMemory(machine, std::max<std::size_t>(block.bytes().size(), 64));
  machine.upload(constants.block.data(), block.bytes().data(), block.bytes().size());
  constants.exact = std::move(exact);
  std::size_t bytes = 0, sums = 0;
  const auto place = [&](std::size_t size) {
    const std::size_t at = bytes;
    bytes += (size + 63) / 64 * 64;
    return at;
  };
  for (TileLayer* layer : layers) {
    if (!layer->is_dense) continue;
    layer->exact_weights = place(layer->weight_bytes() * constants.exact[layer->exact].weight_map_count);
    layer->exact_bias = place(layer->bias_bytes());
    sums += layer->tap_sum_bytes();
  }
  constants.packed = TileMemory(machine, std::max<std::size_t>(bytes, 64));
  const TileMemory scratch(machine, std::max<std::size_t>(sums, 64));
  auto* tap_sums = reinterpret_cast<std::uint32_t*>(scratch.data());
  std::vector<PackJob> jobs;
  for (const TileLayer* layer : layers) {
    if (!layer->is_dense) continue;
    const TileOperands& operands = constants.exact[layer->exact];
    PackJob job = pack_job(constants, *layer);
    job.copies = static_cast<int>(operands.weight_map_count);
    job.maps = constants.at<std::int8_t>(operands.weight_maps);
    job.to = reinterpret_cast<std::int8_t*>(constants.packed.data() + layer->exact_weights);
    job.inside = constants.at<std::int32_t>(operands.inside);
    job.to_bias = reinterpret_cast<std::int32_t*>(constants.packed.data() + layer->exact_bias);
    job.tap_sums = tap_sums;
    tap_sums += layer->tap_sum_bytes() / sizeof(std::uint32_t);
    jobs.push_back(job);
  }
  const PackAllJob all = pack_all(jobs);
  const TileMemory memory(machine, std::max<std::size_t>(jobs.size() * sizeof(PackJob), 64));
  machine.upload(memory.data(), jobs.data(), jobs.size() * sizeof(PackJob));
  if (all.count > 0)
    machine.run(
        PackAllJob{reinterpret_cast<const PackJob*>(memory.data()), all.count, all.rows, all.most_copies});
  std::byte last{};
  machine.download(&last, constants.packed.data(), 1);  // before the scratch memory goes
  return constants;
}

namespace {

Finish finish_of(const TileConstants& constants, const TileLayer& layer) {
  const Requantizer& requantizer = layer.op->requantizer;
  return {constants.at<std::int32_t>(layer.multiplier),
          constants.at<std::int32_t>(layer.shift),
          constants.at<double>(layer.real),
          requantizer.zero_point,
          requantizer.min,
          requantizer.max};
}

}  // namespace

PackAllJob pack_all(std::vector<PackJob>& jobs) {
  PackAllJob all;
  for (PackJob& job : jobs) {
    job.first_row = all.rows;
    all.rows += job.out_c;
    all.most_copies = std::max(all.most_copies, job.copies);
    ++all.count;
  }
  return all;
}

PackJob pack_job(const TileConstants& constants, const TileLayer& layer) {
  const ConvolutionShape& s = layer.op->shape;
  PackJob job;
  job.weights = constants.at<std::uint8_t>(layer.weights);
  job.out_c = s.out_c;
  job.filter_h = s.filter_h;
  job.filter_w = s.filter_w;
  job.in_c = s.in_c;
  job.tap_pitch = layer.is_unrolled ? s.in_c : layer.pitch;
  job.row_bytes = static_cast<int>(layer.row_bytes());
  job.row_taps = constants.at<std::uint8_t>(layer.row_taps);
  job.column_taps = constants.at<std::uint8_t>(layer.column_taps);
  job.row_classes = layer.row_classes;
  job.column_classes = layer.column_classes;
  job.bias = constants.at<std::int32_t>(layer.bias);
  return job;
}

ProductJob product_job(const TileConstants& constants, const TileLayer& layer) {
  const ConvolutionShape& s = layer.op->shape;
  ProductJob job;
  job.places = constants.at<ChunkPlace>(layer.places);
  job.chunks = layer.chunks;
  job.steps = layer.steps;
  job.pitch = layer.pitch;
  job.out_h = s.out_h;
  job.out_w = s.out_w;
  job.out_c = s.out_c;
  job.in_h = layer.is_unrolled ? s.out_h : s.in_h;
  job.in_w = layer.is_unrolled ? s.out_w : s.in_w;
  if (!layer.is_unrolled) {
    job.stride_h = s.stride_h;
    job.stride_w = s.stride_w;
    job.pad_h = s.pad_h;
    job.pad_w = s.pad_w;
  }
  job.is_signed = layer.op->codes.type == CodeType::int8;
  job.row_class = constants.at<std::uint16_t>(layer.row_class);
  job.column_class = constants.at<std::uint16_t>(layer.column_class);
  job.column_classes = layer.column_classes;
  job.finish = finish_of(constants, layer);
  return job;
}

LookUpJob look_up_job(const TileConstants& constants, const TileLayer& layer) {
  const OperandCodes& codes = layer.op->codes;
  LookUpJob job;
  job.shape = layer.op->shape;
  job.weights = constants.at<std::uint8_t>(layer.weights);
  job.bias = constants.at<std::int32_t>(layer.bias);
  job.is_signed = codes.type == CodeType::int8;
  job.weight_zero_point = codes.weight_zero_point;
  job.input_zero_point = codes.input_zero_point;
  job.finish = finish_of(constants, layer);
  return job;
}

}  // namespace qfi::tiles
