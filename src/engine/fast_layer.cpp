// SPDX-License-Identifier: Apache-2.0
#include "fast_layer.hpp"

#include <algorithm>
#include <bit>

namespace qfi {
namespace {

constexpr std::size_t k_block_sums = 65536;  // of one term, in the L2 cache
constexpr std::size_t k_alignment = 64;
constexpr std::size_t k_most_terms = 16;
constexpr std::size_t k_most_input_terms = 4;  // an int32 has so many bytes
constexpr std::size_t k_most_sums_bytes = std::size_t{64} << 20;

std::size_t aligned(std::size_t bytes) { return (bytes + k_alignment - 1) / k_alignment * k_alignment; }

bool is_pointwise(const ConvolutionShape& s) {
  return s.filter_h == 1 && s.filter_w == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_h == 0 &&
         s.pad_w == 0 && s.groups == 1 && s.in_h == s.out_h && s.in_w == s.out_w && !s.is_transposed;
}

// A pointwise layer sees single pixels; so many of them are computed together.
ConvolutionShape viewed(const ConvolutionShape& shape) {
  if (!is_pointwise(shape)) return shape;
  ConvolutionShape pixel;
  pixel.in_c = shape.in_c;
  pixel.out_c = shape.out_c;
  return pixel;
}

std::array<std::uint8_t, 256> unchanged() {
  std::array<std::uint8_t, 256> map;
  for (std::size_t i = 0; i < 256; ++i) map[i] = static_cast<std::uint8_t>(i);
  return map;
}

// Modulo 2^32, over the group's input channels.
template <class Value>
std::vector<std::uint32_t> sums_of_taps(const MultiplyAccumulate& op, const Value& value) {
  const auto channels = static_cast<std::size_t>(op.shape.group_in_c());
  std::vector<std::uint32_t> sums(op.weights.size() / channels, 0);
  for (std::size_t i = 0; i < sums.size(); ++i)
    for (std::size_t c = 0; c < channels; ++c)
      sums[i] += static_cast<std::uint32_t>(value(op.weights[i * channels + c]));
  return sums;
}

}  // namespace

FastLayer::FastLayer(const MultiplyAccumulate& op)
    : m_op(op),
      m_shape(viewed(op.shape)),
      m_planes_per_plane(is_pointwise(op.shape) ? op.shape.out_pixels() : 1),
      m_factors(op.requantizer) {}

std::unique_ptr<FastLayer> FastLayer::make(const MultiplyAccumulate& op) {
  std::unique_ptr<FastLayer> layer(new FastLayer(op));
  layer->m_most_terms = std::clamp<std::size_t>(
      k_most_sums_bytes / sizeof(std::int32_t) / layer->m_shape.out_plane(), 2, k_most_terms);
  const std::size_t planes =
      std::bit_floor(std::clamp<std::size_t>(k_block_sums / layer->m_shape.out_plane(), 1, 1024));
  for (const CodeType type : {op.codes.type, CodeType::uint8}) {
    if (layer->m_convolution) break;
    layer->m_input_type = type;
    layer->m_convolution = IntegerConvolution::make(layer->m_shape, type, planes);
  }
  if (!layer->m_convolution) return nullptr;
  if (op.shape.groups == 1) {
    ConvolutionShape one_channel = layer->m_shape;
    one_channel.out_c = 1;
    layer->m_input_convolution = IntegerConvolution::make(one_channel, layer->m_input_type, planes);
    if (layer->m_input_convolution)
      layer->m_ones = layer->m_input_convolution->pack(std::vector<std::int8_t>(one_channel.taps(), 1));
  }
  layer->m_exact = layer->ready(exact_products(layer->factor_params()), nullptr, PaddingTaps::skip);
  return layer;
}

// Pixels that are computed together are finished as one row.
ConvolutionShape FastLayer::finished_shape(std::size_t planes) const {
  ConvolutionShape shape = m_shape;
  if (is_pointwise(m_op.shape)) shape.in_w = shape.out_w = static_cast<int>(planes);
  return shape;
}

FactorParams FastLayer::factor_params() const {
  FactorParams params;
  params.codes = m_op.codes;
  params.input_type = m_input_type;
  for (const std::uint8_t weight : m_op.weights) params.weight_occurs[weight] = true;
  params.input_occurs.fill(true);
  params.takes_input_terms = m_input_convolution != nullptr;
  params.most_terms = m_most_terms;
  return params;
}

LayerProducts FastLayer::ready(const FactoredProducts& factored, const ProductTable* table,
                               PaddingTaps padding) const {
  LayerProducts products;
  TapBias taps;
  taps.inside = sums_of_taps(m_op, [&](std::uint8_t weight) { return factored.of_weight[weight]; });
  if (table != nullptr && padding == PaddingTaps::multiply && !m_op.shape.is_transposed) {
    const std::size_t padded = byte_index(m_op.codes.input_zero_point);
    taps.outside = sums_of_taps(m_op, [&](std::uint8_t weight) { return table->at(weight, padded); });
  }
  products.bias = make_border_bias(finished_shape(m_convolution->planes()), m_op.bias, taps);
  products.maps.push_back(unchanged());
  const auto map_of = [&](const std::array<std::uint8_t, 256>& map) {
    const auto known = std::ranges::find(products.maps, map);
    if (known == products.maps.end()) products.maps.push_back(map);
    return static_cast<std::size_t>(std::ranges::find(products.maps, map) - products.maps.begin());
  };
  std::vector<std::int8_t> weights(m_op.weights.size());
  for (const ProductTerm& term : factored.product_terms) {
    std::ranges::transform(m_op.weights, weights.begin(),
                           [&](std::uint8_t weight) { return term.weight[weight]; });
    products.terms.push_back({term.factor, map_of(term.input), m_convolution->pack(weights)});
  }
  for (const InputTerm& term : factored.input_terms)
    products.input_terms.push_back({term.factor, map_of(term.input), m_ones});
  return products;
}

std::shared_ptr<const LayerProducts> FastLayer::prepare(const ProductTable& table,
                                                        PaddingTaps padding) const {
  const auto factored = factor_products(table, factor_params());
  if (!factored) return nullptr;
  return std::make_shared<const LayerProducts>(ready(*factored, &table, padding));
}

std::size_t FastLayer::scratch_bytes(const LayerProducts& products) const {
  const std::size_t planes = m_convolution->planes();
  const std::size_t sums = aligned(planes * m_shape.out_plane() * sizeof(std::int32_t));
  const std::size_t pixel_sums = aligned(planes * m_shape.out_pixels() * sizeof(std::int32_t));
  const std::size_t library = std::max(m_convolution->scratch_bytes(),
                                       m_input_convolution ? m_input_convolution->scratch_bytes() : 0);
  return products.terms.size() * sums + products.input_terms.size() * pixel_sums +
         (products.maps.size() - 1) * aligned(planes * m_shape.in_plane()) + aligned(library) + k_alignment;
}

std::size_t FastLayer::scratch_bytes() const {
  LayerProducts most;
  most.terms.resize(m_most_terms);
  most.input_terms.resize(k_most_input_terms);
  most.maps.resize(1 + m_most_terms + k_most_input_terms);
  return scratch_bytes(most);
}

std::size_t FastLayer::bytes() const {
  return m_op.weights.size() + m_exact.bias.values.size() * sizeof(std::int32_t);
}

void FastLayer::run(const LayerProducts* given, std::size_t planes, const std::uint8_t* input,
                    std::uint8_t* output, std::int32_t* accumulators, std::vector<std::byte>& scratch) const {
  const LayerProducts& products = given == nullptr ? m_exact : *given;
  planes *= m_planes_per_plane;
  scratch.resize(std::max(scratch.size(), scratch_bytes(products)));
  std::byte* place = scratch.data();
  place += (k_alignment - reinterpret_cast<std::uintptr_t>(place) % k_alignment) % k_alignment;
  const auto take = [&]<class T>(std::size_t count) {
    T* const taken = reinterpret_cast<T*>(place);
    place += aligned(count * sizeof(T));
    return taken;
  };
  const std::size_t block = m_convolution->planes();
  Finish finish;
  finish.requantizer = &m_op.requantizer;
  finish.factors = &m_factors;
  finish.bias = &products.bias;
  std::vector<std::int32_t*> sums, pixel_sums;
  for (const LayerProducts::Term& term : products.terms) {
    sums.push_back(take.template operator()<std::int32_t>(block * m_shape.out_plane()));
    finish.sums.push_back({sums.back(), term.factor});
  }
  for (const LayerProducts::Term& term : products.input_terms) {
    pixel_sums.push_back(take.template operator()<std::int32_t>(block * m_shape.out_pixels()));
    finish.pixel_sums.push_back({pixel_sums.back(), term.factor});
  }
  std::vector<std::uint8_t*> mapped(products.maps.size());
  for (std::size_t m = 1; m < mapped.size(); ++m)
    mapped[m] = take.template operator()<std::uint8_t>(block * m_shape.in_plane());
  static const FinishFunction finish_block = finish_function();
  static const MapBytesFunction map_bytes = map_bytes_function();
  for (std::size_t plane = 0; plane < planes; plane += block) {
    const std::size_t count = std::min(block, planes - plane);
    const std::uint8_t* inputs = input + plane * m_shape.in_plane();
    for (std::size_t m = 1; m < mapped.size(); ++m)
      map_bytes(products.maps[m], inputs, count * m_shape.in_plane(), mapped[m]);
    const auto input_of = [&](const LayerProducts::Term& term) {
      return term.map == 0 ? inputs : mapped[term.map];
    };
    for (std::size_t t = 0; t < products.terms.size(); ++t)
      m_convolution->run(*products.terms[t].weights, count, input_of(products.terms[t]), sums[t], place);
    for (std::size_t t = 0; t < products.input_terms.size(); ++t)
      m_input_convolution->run(*m_ones, count, input_of(products.input_terms[t]), pixel_sums[t], place);
    const ConvolutionShape shape = finished_shape(count);
    finish.shape = &shape;
    finish.planes = is_pointwise(m_op.shape) ? 1 : count;
    finish.output = output + plane * m_shape.out_plane();
    finish.accumulators = accumulators == nullptr ? nullptr : accumulators + plane * m_shape.out_plane();
    finish_block(finish);
  }
}

}  // namespace qfi
