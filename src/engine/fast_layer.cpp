// SPDX-License-Identifier: Apache-2.0
#include "fast_layer.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "kernels/onednn/onednn_convolution.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_block_sums = 65536;  // of one term, in the L2 cache
constexpr std::size_t k_block_inputs = std::size_t{1} << 20;
constexpr std::size_t k_alignment = 64;
constexpr std::size_t k_most_input_terms = 4;  // an int32 has so many bytes
constexpr std::size_t k_most_sums_bytes = std::size_t{64} << 20;
constexpr std::size_t k_most_counts_bytes = std::size_t{64} << 20;
constexpr std::size_t k_most_counted = 65535;  // taps: counts have two bytes
constexpr std::size_t k_counted_planes = 512;
constexpr double k_finish_cycles = 0.8;
constexpr double k_fused_products_per_cycle = 100;
constexpr double k_fused_finish_cycles = 0.3;

std::size_t aligned(std::size_t bytes) { return (bytes + k_alignment - 1) / k_alignment * k_alignment; }

bool is_pointwise(const ConvolutionShape& s) {
  return s.filter_h == 1 && s.filter_w == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_h == 0 &&
         s.pad_w == 0 && s.groups == 1 && s.in_h == s.out_h && s.in_w == s.out_w && !s.is_transposed;
}

// Trial runs of one plane, and a bias for every way that taps can lie outside, stay small. Others are left to
// the portable kernels, and mostly to the limit on memory.
bool is_affordable(const ConvolutionShape& s) {
  constexpr double k_most_plane_bytes = 256e6;
  constexpr double k_most_bias_steps = 3e8;
  const double taps = static_cast<double>(s.filter_h) * s.filter_w;
  const double classes =
      std::min(s.out_h, 2 * s.filter_h + 1) * static_cast<double>(std::min(s.out_w, 2 * s.filter_w + 1));
  return static_cast<double>(s.in_plane()) + 4.0 * static_cast<double>(s.out_plane()) < k_most_plane_bytes &&
         classes * taps * s.out_c < k_most_bias_steps;
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

FastLayer::FastLayer(const MultiplyAccumulate& op, const InstructionSet& set)
    : m_op(op),
      m_set(set),
      m_shape(viewed(op.shape)),
      m_planes_per_plane(is_pointwise(op.shape) ? op.shape.out_pixels() : 1),
      m_factors(op.requantizer),
      m_weights_of_channels(weights_of_channels(op)) {}

std::unique_ptr<FastLayer> FastLayer::make(const MultiplyAccumulate& op, const InstructionSet& set) {
  if (op.shape.is_transposed || !is_affordable(op.shape)) return nullptr;
  std::unique_ptr<FastLayer> layer(new FastLayer(op, set));
  layer->m_most_terms = std::clamp<std::size_t>(
      k_most_sums_bytes / sizeof(std::int32_t) / layer->m_shape.out_plane(), 2, TableAnalysis::k_most_terms);
  layer->make_convolution();
  if (!layer->m_convolution) return nullptr;
  const FactoredProducts plain = plain_products(op.codes.type, layer->factor_params());
  layer->m_exact = layer->ready(plain, nullptr, PaddingTaps::skip);
  if (set.tiles != nullptr) layer->m_fused = FusedConvolution::make(op, set.tiles(), set.map_bytes);
  if (layer->m_fused && layer->fused_cycles_per_plane(plain) <= layer->cycles_per_plane(plain))
    layer->m_exact.fused = layer->fused(plain_products(op.codes.type, FusedConvolution::factor_params()),
                                        nullptr, PaddingTaps::skip);
  return layer;
}

// oneDNN where it is exact, INT8 inputs shifted to UINT8 if need be; else our own.
void FastLayer::make_convolution() {
  const std::size_t planes = std::bit_floor(std::clamp<std::size_t>(
      std::min(k_block_sums / m_shape.out_plane(), k_block_inputs / m_shape.in_plane()), 1, 1024));
  struct Way {
    MakeConvolutionFunction make;
    CodeType input;
  };
  for (const auto& [make, input] :
       {Way{make_onednn_convolution, m_op.codes.type}, Way{make_onednn_convolution, CodeType::uint8},
        Way{m_set.make_convolution, m_op.codes.type}}) {
    if (make == nullptr) continue;
    m_convolution = make(m_shape, input, planes);
    if (!m_convolution) continue;
    m_input_type = input;
    if (m_op.shape.groups == 1) make_input_convolution(make, planes);
    return;
  }
}

void FastLayer::make_input_convolution(MakeConvolutionFunction make, std::size_t planes) {
  ConvolutionShape one_channel = m_shape;
  one_channel.out_c = 1;
  m_input_convolution = make(one_channel, m_input_type, planes);
  if (m_input_convolution)
    m_ones = m_input_convolution->pack(std::vector<std::int8_t>(one_channel.taps(), 1));
}

// Pixels that are computed together are finished as one row.
ConvolutionShape FastLayer::finished_shape(std::size_t planes) const {
  ConvolutionShape shape = m_shape;
  if (is_pointwise(m_op.shape)) shape.in_w = shape.out_w = static_cast<int>(planes);
  return shape;
}

FactorParams FastLayer::factor_params() const { return {m_input_type, m_input_convolution != nullptr}; }

LayerProducts FastLayer::ready(FactoredProducts factored, const ProductTable* table,
                               PaddingTaps padding) const {
  add_zero_points(m_op.codes, factor_params(), factored);
  LayerProducts products;
  products.bias = make_border_bias(finished_shape(m_convolution->planes()), m_op.bias,
                                   tap_bias(factored, table, padding));
  products.maps.push_back(unchanged());
  const auto map_of = [&](const std::array<std::uint8_t, 256>& map) {
    const auto known = std::ranges::find(products.maps, map);
    if (known == products.maps.end()) products.maps.push_back(map);
    return static_cast<std::size_t>(std::ranges::find(products.maps, map) - products.maps.begin());
  };
  for (const ProductTerm& term : factored.product_terms) {
    products.terms.push_back({term.factor, map_of(term.input), packed(term.weight)});
  }
  for (const InputTerm& term : factored.input_terms)
    products.input_terms.push_back({term.factor, map_of(term.input), m_ones});
  return products;
}

TapBias FastLayer::tap_bias(const FactoredProducts& factored, const ProductTable* table,
                            PaddingTaps padding) const {
  TapBias taps;
  taps.inside = sums_of_taps(m_op, [&](std::uint8_t weight) { return factored.of_weight[weight]; });
  if (table != nullptr && padding == PaddingTaps::multiply && !m_op.shape.is_transposed) {
    const std::size_t padded = byte_index(m_op.codes.input_zero_point);
    taps.outside = sums_of_taps(m_op, [&](std::uint8_t weight) { return table->at(weight, padded); });
  }
  return taps;
}

std::shared_ptr<const FusedConvolution::Products> FastLayer::fused(FactoredProducts factored,
                                                                   const ProductTable* table,
                                                                   PaddingTaps padding) const {
  add_zero_points(m_op.codes, FusedConvolution::factor_params(), factored);
  return m_fused->pack(factored, make_border_bias(m_op.shape, m_op.bias, tap_bias(factored, table, padding)));
}

// Cycles of one plane, roughly: only the order of the ways matters.
double FastLayer::cycles_per_plane(const FactoredProducts& products) const {
  const double of_one = static_cast<double>(m_shape.multiplications()) / m_convolution->products_per_cycle();
  double cycles = 0;
  for (std::size_t t = 0; t < products.product_terms.size(); ++t)
    cycles += of_one + static_cast<double>(m_shape.out_plane()) * k_finish_cycles;
  for (std::size_t t = 0; t < products.input_terms.size(); ++t)
    cycles += of_one * std::min(1.0, 16.0 / m_shape.out_c);
  return cycles;
}

// A zero point of weights takes a term of its own.
double FastLayer::fused_cycles_per_plane(const FactoredProducts& products) const {
  const bool has_zero_point = m_op.codes.type == CodeType::uint8 && m_op.codes.weight_zero_point != 128;
  const std::size_t terms = products.product_terms.size() + (has_zero_point ? 1 : 0);
  return static_cast<double>(m_shape.multiplications()) * static_cast<double>(terms) /
             k_fused_products_per_cycle +
         static_cast<double>(m_shape.out_plane()) * k_fused_finish_cycles;
}

std::shared_ptr<const IntegerConvolution::Weights> FastLayer::packed(
    const std::array<std::int8_t, 256>& of_byte) const {
  const std::array<std::int8_t, 256> plain =
      plain_products(m_op.codes.type, factor_params()).product_terms[0].weight;
  if (of_byte == plain && !m_exact.terms.empty()) return m_exact.terms[0].weights;
  std::vector<std::int8_t> weights(m_op.weights.size());
  std::ranges::transform(m_op.weights, weights.begin(), [&](std::uint8_t byte) { return of_byte[byte]; });
  return m_convolution->pack(weights);
}

// nullptr: the table takes too many products for the registers.
const FactoredProducts* FastLayer::find_fusable(TableAnalysis& analysis) const {
  if (!m_fused) return nullptr;
  const FactorParams params = FusedConvolution::factor_params();
  const auto& found = analysis.factored(params.input_type, params.takes_input_terms);
  return found && found->product_terms.size() <= params.most_terms ? &*found : nullptr;
}

std::shared_ptr<const LayerProducts> FastLayer::prepare(TableAnalysis& analysis, const ProductTable& table,
                                                        PaddingTaps padding, ErrorWay way) const {
  const FactorParams params = factor_params();
  const FactoredProducts plain = plain_products(m_op.codes.type, params);
  const FactoredProducts* factored = nullptr;
  if (way != ErrorWay::counts) {
    const auto& found = analysis.factored(params.input_type, params.takes_input_terms);
    if (found && found->product_terms.size() + found->input_terms.size() <= m_most_terms) factored = &*found;
  }
  const FactoredProducts* fusable = way == ErrorWay::counts ? nullptr : find_fusable(analysis);
  const double never = std::numeric_limits<double>::infinity();
  const double unfused_cycles = factored == nullptr ? never : cycles_per_plane(*factored);
  const double fused_cycles = fusable == nullptr ? never : fused_cycles_per_plane(*fusable);
  std::unique_ptr<BitCountedErrors> errors;
  const bool is_plain = factored != nullptr && factored->product_terms.size() == plain.product_terms.size();
  const bool may_count = m_set.count_bits != nullptr && !is_plain && way != ErrorWay::products;
  if (may_count && m_op.shape.taps() <= k_most_counted && analysis.planes()) {
    errors = std::make_unique<BitCountedErrors>(*analysis.planes(), m_op, m_weights_of_channels, m_shape,
                                                k_counted_planes);
    const bool is_dearer =
        cycles_per_plane(plain) + errors->cycles_per_plane() >= std::min(unfused_cycles, fused_cycles);
    if (is_dearer || counts_bytes(*errors) > k_most_counts_bytes) errors.reset();
  }
  if (!errors && fused_cycles <= unfused_cycles && fusable != nullptr) {
    auto products = std::make_shared<LayerProducts>();
    products->fused = fused(*fusable, &table, padding);
    return products;
  }
  if (!errors && factored == nullptr) return nullptr;
  FactoredProducts chosen = errors ? plain : *factored;
  if (errors)
    for (std::size_t i = 0; i < 256; ++i)
      chosen.of_weight[i] = wrapping_add(chosen.of_weight[i], analysis.planes()->of_weight[i]);
  auto products = std::make_shared<LayerProducts>(ready(std::move(chosen), &table, padding));
  products->errors = std::move(errors);
  return products;
}

// Not a power of two, where the finishing pass does not need the planes side by side.
std::size_t FastLayer::counts_stride() const {
  return is_pointwise(m_op.shape) ? m_shape.out_plane() : aligned(m_shape.out_plane()) + k_alignment;
}

std::size_t FastLayer::counts_bytes(const BitCountedErrors& errors) const {
  std::size_t bytes = aligned(errors.memory_words() * sizeof(std::uint64_t));
  for (const BitCountedErrors::Values& value : errors.values())
    bytes += (value.is_wide ? 2 : 1) * aligned(errors.planes() * counts_stride());
  return bytes + aligned(64 * errors.copied_bytes());
}

std::size_t FastLayer::scratch_bytes(const LayerProducts& products) const {
  const std::size_t planes = m_convolution->planes();
  const std::size_t sums = aligned(planes * m_shape.out_plane() * sizeof(std::int32_t));
  const std::size_t pixel_sums = aligned(planes * m_shape.out_pixels() * sizeof(std::int32_t));
  const std::size_t library = std::max(m_convolution->scratch_bytes(),
                                       m_input_convolution ? m_input_convolution->scratch_bytes() : 0);
  return products.terms.size() * sums + products.input_terms.size() * pixel_sums +
         (products.maps.size() - 1) * aligned(planes * m_shape.in_plane()) + aligned(library) +
         (products.errors ? counts_bytes(*products.errors) : 0) + k_alignment;
}

std::size_t FastLayer::fused_scratch_bytes(std::size_t terms) const {
  return m_fused ? m_fused->scratch_bytes(terms) + k_alignment : 0;
}

std::size_t FastLayer::table_scratch_bytes() const {
  LayerProducts most;
  most.terms.resize(m_most_terms + 1);  // one for the zero point of weights
  most.input_terms.resize(k_most_input_terms);
  most.maps.resize(1 + m_most_terms + k_most_input_terms);
  return std::max(scratch_bytes(most) + (m_set.count_bits != nullptr ? k_most_counts_bytes : 0),
                  fused_scratch_bytes(FusedConvolution::k_most_terms));
}

std::size_t FastLayer::bytes() const {
  constexpr std::size_t k_most_packings = 3;  // the library wants one for each number of planes
  return k_most_packings * m_op.weights.size() + m_exact.bias.values.size() * sizeof(std::int32_t) +
         (m_fused ? m_fused->bytes() : 0);
}

namespace {

// Hands out parts of one piece of memory.
class Arena {
 public:
  explicit Arena(std::vector<std::byte>& memory) : m_place(memory.data()) {
    m_place += (k_alignment - reinterpret_cast<std::uintptr_t>(m_place) % k_alignment) % k_alignment;
  }
  template <class T>
  T* take(std::size_t count) {
    T* const taken = reinterpret_cast<T*>(m_place);
    m_place += aligned(count * sizeof(T));
    return taken;
  }
  std::byte* rest() const { return m_place; }

 private:
  std::byte* m_place;
};

}  // namespace

// Memory of a run, and what is done with it.
class FastLayer::Run {
 public:
  Run(const FastLayer& layer, const LayerProducts& products, std::vector<std::byte>& scratch)
      : m_layer(layer), m_products(products), m_block(layer.m_convolution->planes()) {
    scratch.resize(std::max(scratch.size(), layer.scratch_bytes(products)));
    Arena arena(scratch);
    const ConvolutionShape& s = layer.m_shape;
    for (std::size_t t = 0; t < products.terms.size(); ++t)
      m_sums.push_back(arena.take<std::int32_t>(m_block * s.out_plane()));
    for (std::size_t t = 0; t < products.input_terms.size(); ++t)
      m_pixel_sums.push_back(arena.take<std::int32_t>(m_block * s.out_pixels()));
    for (std::size_t m = 0; m < products.maps.size(); ++m)
      m_mapped.push_back(m == 0 ? nullptr : arena.take<std::uint8_t>(m_block * s.in_plane()));
    if (products.errors) {
      m_memory.rows = arena.take<std::uint64_t>(products.errors->memory_words());
      m_memory.bytes = arena.take<std::uint8_t>(64 * products.errors->copied_bytes());
      for (const BitCountedErrors::Values& value : products.errors->values()) {
        const std::size_t bytes = products.errors->planes() * layer.counts_stride();
        auto* low = arena.take<std::uint8_t>(bytes);
        m_counts.push_back(
            {low, value.is_wide ? arena.take<std::uint8_t>(bytes) : nullptr, layer.counts_stride(), false});
      }
    }
    m_library = arena.rest();
  }

  void run(std::size_t planes, const std::uint8_t* input, std::uint8_t* output, std::int32_t* accumulators) {
    const ConvolutionShape& s = m_layer.m_shape;
    const std::size_t chunk = m_products.errors ? m_products.errors->planes() : planes;
    for (std::size_t first = 0; first < planes; first += chunk) {
      const std::size_t end = std::min(first + chunk, planes);
      if (m_products.errors) count_errors(end - first, input + first * s.in_plane());
      for (std::size_t plane = first; plane < end; plane += m_block)
        run_block(std::min(m_block, end - plane), plane - first, input + plane * s.in_plane(),
                  output + plane * s.out_plane(),
                  accumulators == nullptr ? nullptr : accumulators + plane * s.out_plane());
    }
  }

 private:
  void count_errors(std::size_t planes, const std::uint8_t* input) {
    for (std::size_t v = 0; v < m_counts.size(); ++v) {
      CountedBytes output = m_counts[v];
      for (const BitCounts& slice : m_products.errors->values()[v].slices) {
        m_layer.m_set.count_bits(slice, m_layer.m_shape, planes, input, output, m_memory);
        output.adds = true;
      }
    }
  }

  void run_block(std::size_t count, std::size_t first_counted, const std::uint8_t* input,
                 std::uint8_t* output, std::int32_t* accumulators) {
    const ConvolutionShape& s = m_layer.m_shape;
    for (std::size_t m = 1; m < m_mapped.size(); ++m)
      m_layer.m_set.map_bytes(m_products.maps[m], input, count * s.in_plane(), m_mapped[m]);
    const auto input_of = [&](const LayerProducts::Term& term) {
      return term.map == 0 ? input : m_mapped[term.map];
    };
    const ConvolutionShape shape = m_layer.finished_shape(count);
    Finish finish;
    finish.shape = &shape;
    finish.requantizer = &m_layer.m_op.requantizer;
    finish.factors = &m_layer.m_factors;
    finish.bias = &m_products.bias;
    finish.planes = is_pointwise(m_layer.m_op.shape) ? 1 : count;
    for (std::size_t t = 0; t < m_sums.size(); ++t) {
      const LayerProducts::Term& term = m_products.terms[t];
      m_layer.m_convolution->run(*term.weights, count, input_of(term), m_sums[t], m_library);
      finish.sums.push_back({m_sums[t], term.factor});
    }
    for (std::size_t t = 0; t < m_pixel_sums.size(); ++t) {
      const LayerProducts::Term& term = m_products.input_terms[t];
      m_layer.m_input_convolution->run(*term.weights, count, input_of(term), m_pixel_sums[t], m_library);
      finish.pixel_sums.push_back({m_pixel_sums[t], term.factor});
    }
    for (std::size_t v = 0; v < m_counts.size(); ++v) {
      const CountedBytes& counts = m_counts[v];
      const std::size_t place = first_counted * counts.plane_stride;
      finish.counts.push_back({counts.low + place, counts.high == nullptr ? nullptr : counts.high + place,
                               m_products.errors->values()[v].factor, counts.plane_stride});
    }
    finish.output = output;
    finish.accumulators = accumulators;
    m_layer.m_set.finish(finish);
  }

  const FastLayer& m_layer;
  const LayerProducts& m_products;
  std::size_t m_block;  ///< planes that are convolved in one go
  std::vector<std::int32_t*> m_sums, m_pixel_sums;
  std::vector<std::uint8_t*> m_mapped;
  std::vector<CountedBytes> m_counts;
  BitMemory m_memory;
  std::byte* m_library = nullptr;
};

void FastLayer::run(const LayerProducts* products, std::size_t planes, const std::uint8_t* input,
                    std::uint8_t* output, std::int32_t* accumulators, std::vector<std::byte>& scratch) const {
  const LayerProducts& used = products == nullptr ? m_exact : *products;
  if (used.fused) {
    scratch.resize(std::max(scratch.size(), fused_scratch_bytes(used.fused->terms())));
    m_fused->run(*used.fused, planes, input, output, accumulators, Arena(scratch).rest());
    return;
  }
  Run(*this, used, scratch).run(planes * m_planes_per_plane, input, output, accumulators);
}

}  // namespace qfi
