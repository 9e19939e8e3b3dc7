// SPDX-License-Identifier: Apache-2.0
#include "fused_convolution.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

namespace qfi {
namespace {

constexpr std::size_t k_block_bytes = 100'000;  // of inputs, which stay in the cache for all channels
constexpr std::size_t k_large_block_bytes = 400'000;
constexpr std::size_t k_large_weights =
    150'000;                         // of a block of channels: so many pixels are worth their loads
constexpr std::size_t k_slack = 64;  // that steps may read beyond the last row
constexpr std::size_t k_most_images = 64;
constexpr double k_most_offset = 1e9;            // bytes: offsets have 32 bits
constexpr double k_most_packed = 64e6;           // weights, where the last vector is mostly padding
constexpr std::size_t k_most_pixels = 1 << 18;   // of a block, whose places are kept
constexpr std::size_t k_most_steps = 1'000'000;  // of all kinds of pixels

std::size_t size(int value) { return static_cast<std::size_t>(value); }

// Whether each tap of an output row or column lies inside.
std::vector<bool> taps_inside(int place, int filter, int in, int stride, int dilation, int pad) {
  std::vector<bool> inside;
  for (int k = 0; k < filter; ++k)
    inside.push_back(input_place(place, k, in, stride, dilation, pad, false) >= 0);
  return inside;
}

}  // namespace

void QuickFactors::set(std::size_t lane, const QuantizedMultiplier& factor, std::int32_t zero_point) {
  const auto shift = static_cast<std::uint32_t>(-factor.shift);
  std::int64_t upper = std::int64_t{zero_point} * (std::int64_t{1} << shift);
  if (shift > 0) upper += (std::int64_t{1} << (shift - 1)) - 1;
  const std::uint64_t constant = (static_cast<std::uint64_t>(upper) << 32) -
                                 (static_cast<std::uint64_t>(factor.multiplier) << 32) +
                                 (std::uint64_t{1} << 31);
  (lane % 2 == 0 ? even : odd)[lane / 2] = static_cast<std::int64_t>(constant);
  multiplier[lane] = 2U * static_cast<std::uint32_t>(factor.multiplier);
  sign_shift[lane] = shift > 0 ? 31 : 32;
  right[lane] = shift;
}

bool QuickFactors::fit(const Requantizer& requantizer, double largest_sum) {
  constexpr int k_most_shift = 21;
  return !requantizer.fixed_point.empty() && largest_sum <= 0x1p30 &&
         std::ranges::all_of(requantizer.fixed_point, [](const QuantizedMultiplier& factor) {
           return factor.shift <= 0 && -factor.shift <= k_most_shift;
         });
}

FusedConvolution::FusedConvolution(const MultiplyAccumulate& op, MapBytesFunction map_bytes)
    : m_op(op),
      m_map_bytes(map_bytes),
      m_vectors((size(op.shape.out_c) + k_tile_lanes - 1) / k_tile_lanes),
      m_factors(op.requantizer) {}

std::unique_ptr<FusedConvolution> FusedConvolution::make(const MultiplyAccumulate& op,
                                                         std::span<const TileKind> kinds,
                                                         MapBytesFunction map_bytes) {
  const ConvolutionShape& s = op.shape;
  if (s.groups != 1 || s.is_transposed || kinds.empty()) return nullptr;
  std::unique_ptr<FusedConvolution> made(new FusedConvolution(op, map_bytes));
  if (!made->is_affordable()) return nullptr;
  made->make_blocks(kinds);
  made->make_groups();
  return made;
}

// Offsets fit, and what is kept beside the weights is no multiple of what the layer has itself.
bool FusedConvolution::is_affordable() const {
  const ConvolutionShape& s = m_op.shape;
  const double rows = (s.out_h - 1.0) * s.stride_h + (s.filter_h - 1.0) * s.dilation_h + 1 + s.in_h + s.pad_h;
  const double columns =
      (s.out_w - 1.0) * s.stride_w + (s.filter_w - 1.0) * s.dilation_w + 1 + s.in_w + s.pad_w;
  const double packed =
      static_cast<double>(steps_in_all()) * 4 * static_cast<double>(m_vectors * k_tile_lanes);
  return rows * columns * s.in_c < k_most_offset && packed < k_most_offset &&
         packed < std::max(k_most_packed, 4.0 * static_cast<double>(m_op.weights.size())) &&
         s.out_pixels() <= k_most_pixels &&
         static_cast<double>(s.out_plane()) * k_most_images < k_most_offset;
}

// The most vectors at once that there are tiles for.
void FusedConvolution::make_blocks(std::span<const TileKind> kinds) {
  for (std::size_t vector = 0; vector < m_vectors;) {
    const auto kind =
        std::ranges::find_if(kinds, [&](const TileKind& tile) { return tile.vectors <= m_vectors - vector; });
    m_blocks.push_back({vector, *kind});
    vector += kind->vectors;
  }
}

std::size_t FusedConvolution::steps_of_tap() const { return (size(m_op.shape.in_c) + 3) / 4; }

// A row of taps is one run of bytes, unless it is dilated; where single taps can be left out they stand
// alone.
std::vector<TileStep> FusedConvolution::steps_of(const std::vector<bool>& rows,
                                                 const std::vector<bool>& columns) const {
  const ConvolutionShape& s = m_op.shape;
  const std::size_t in_c = size(s.in_c);
  const bool is_run = in_c % 4 != 0 && s.dilation_w == 1;
  const std::size_t of_row = is_run ? (in_c * size(s.filter_w) + 3) / 4 : steps_of_tap() * size(s.filter_w);
  std::vector<TileStep> steps;
  const auto add = [&](std::size_t first, std::size_t count, std::size_t place) {
    for (std::size_t i = 0; i < count; ++i)
      steps.push_back({static_cast<std::int32_t>(place + 4 * i),
                       static_cast<std::int32_t>((first + i) * 4 * k_tile_lanes)});
  };
  for (std::size_t ky = 0; ky < rows.size(); ++ky) {
    if (!rows[ky]) continue;
    const std::size_t row = ky * size(s.dilation_h) * m_padded_w * in_c;
    if (is_run) add(ky * of_row, of_row, row);
    for (std::size_t kx = 0; kx < columns.size() && !is_run; ++kx)
      if (columns[kx])
        add(ky * of_row + kx * steps_of_tap(), steps_of_tap(), row + kx * size(s.dilation_w) * in_c);
  }
  return steps;
}

std::size_t FusedConvolution::steps_in_all() const {
  const ConvolutionShape& s = m_op.shape;
  if (s.in_c % 4 != 0 && s.dilation_w == 1)
    return size(s.filter_h) * ((size(s.in_c) * size(s.filter_w) + 3) / 4);
  return size(s.filter_h) * size(s.filter_w) * steps_of_tap();
}

void FusedConvolution::make_groups() {
  const ConvolutionShape& s = m_op.shape;
  m_padded_h = std::max(size((s.out_h - 1) * s.stride_h + (s.filter_h - 1) * s.dilation_h + 1),
                        size(s.in_h + s.pad_h));
  m_padded_w = std::max(size((s.out_w - 1) * s.stride_w + (s.filter_w - 1) * s.dilation_w + 1),
                        size(s.in_w + s.pad_w));
  m_may_be_direct = s.filter_h == 1 && s.filter_w == 1 && s.in_c % 4 == 0 && m_padded_h == size(s.in_h) &&
                    m_padded_w == size(s.in_w);
  const std::size_t plane = m_padded_h * m_padded_w * size(s.in_c);
  const std::size_t weights = steps_in_all() * 4 * k_tile_lanes * m_blocks.front().kind.vectors;
  m_images =
      std::clamp<std::size_t>((weights > k_large_weights ? k_large_block_bytes : k_block_bytes) / plane, 1,
                              std::min(k_most_images, k_most_pixels / s.out_pixels()));
  const std::vector<std::uint32_t> no_sums(size(s.out_c) * size(s.filter_h) * size(s.filter_w));
  const BorderBias classes = make_border_bias(s, m_op.bias, {no_sums, {}});
  const bool has_groups = classes.values.size() / size(s.out_c) * steps_in_all() <= k_most_steps;
  std::map<std::pair<int, int>, std::size_t> group_of;
  m_all.steps =
      steps_of(std::vector<bool>(size(s.filter_h), true), std::vector<bool>(size(s.filter_w), true));
  for (std::size_t image = 0; image < m_images; ++image)
    for (int y = 0; y < s.out_h; ++y)
      for (int x = 0; x < s.out_w; ++x) {
        const int row_class = classes.row_class[size(y)];
        const int column_class = classes.column_class[size(x)];
        const std::size_t input =
            image * plane + (size(y * s.stride_h) * m_padded_w + size(x * s.stride_w)) * size(s.in_c);
        const std::size_t output =
            ((image * size(s.out_h) + size(y)) * size(s.out_w) + size(x)) * size(s.out_c);
        const std::size_t start =
            (size(row_class) * classes.column_classes + size(column_class)) * m_vectors * k_tile_lanes;
        const auto add = [&](Group& group) {
          group.inputs.push_back(static_cast<std::int32_t>(input));
          group.outputs.push_back(static_cast<std::int32_t>(output));
          group.starts.push_back(static_cast<std::int32_t>(start));
          if (image == 0) ++group.pixels;
        };
        add(m_all);
        if (!has_groups) continue;
        const auto [found, is_new] = group_of.try_emplace({row_class, column_class}, m_groups.size());
        if (is_new)
          m_groups.emplace_back().steps =
              steps_of(taps_inside(y, s.filter_h, s.in_h, s.stride_h, s.dilation_h, s.pad_h),
                       taps_inside(x, s.filter_w, s.in_w, s.stride_w, s.dilation_w, s.pad_w));
        add(m_groups[found->second]);
      }
}

// [block of channels][step][vector][channel][4]
void FusedConvolution::pack_weights(const std::array<std::int8_t, 256>& of_byte,
                                    std::vector<std::int8_t>& packed) const {
  const ConvolutionShape& s = m_op.shape;
  const std::size_t steps = steps_in_all();
  packed.assign(m_vectors * steps * 4 * k_tile_lanes, 0);
  const std::size_t in_c = size(s.in_c);
  const bool is_run = in_c % 4 != 0 && s.dilation_w == 1;
  const std::size_t run = is_run ? in_c * size(s.filter_w) : in_c;  // bytes that lie side by side
  const std::size_t steps_of_run = (run + 3) / 4;
  for (const ChannelBlock& block : m_blocks) {
    std::int8_t* const of_block = packed.data() + block.first_vector * steps * 4 * k_tile_lanes;
    const std::size_t first = block.first_vector * k_tile_lanes;
    const std::size_t channels = std::min(block.kind.vectors * k_tile_lanes, size(s.out_c) - first);
    for (std::size_t c = 0; c < channels; ++c) {
      const std::uint8_t* const weights = m_op.weights.data() + (first + c) * s.taps();
      std::int8_t* to = of_block + c * 4;
      for (std::size_t first_tap = 0; first_tap < s.taps(); first_tap += run)
        for (std::size_t i = 0; i < steps_of_run * 4; i += 4, to += block.kind.vectors * k_tile_lanes * 4)
          for (std::size_t j = 0; j < std::min<std::size_t>(4, run - i); ++j)
            to[j] = of_byte[weights[first_tap + i + j]];
    }
  }
}

// No accumulator is larger, while the sums of one term alone cannot overflow.
double FusedConvolution::largest_sum(const FactoredProducts& products,
                                     const std::vector<std::uint32_t>& start) const {
  double largest = 0;
  for (const std::uint32_t value : start)
    largest =
        std::max(largest, std::abs(static_cast<double>(static_cast<std::int32_t>(value - 0x80000000U))));
  std::array<double, 256> of_weight{};
  for (const ProductTerm& term : products.product_terms)
    for (std::size_t w = 0; w < 256; ++w)
      of_weight[w] += std::abs(static_cast<double>(term.factor) * term.weight[w]) * 255.0;
  double most = 0;
  for (std::size_t c = 0; c < size(m_op.shape.out_c); ++c) {
    double sum = 0;
    for (std::size_t tap = 0; tap < m_op.shape.taps(); ++tap)
      sum += of_weight[m_op.weights[c * m_op.shape.taps() + tap]];
    most = std::max(most, sum);
  }
  return largest + most;
}

std::shared_ptr<const FusedConvolution::Products> FusedConvolution::pack(const FactoredProducts& products,
                                                                         const BorderBias& bias) const {
  auto packed = std::make_shared<Products>();
  const std::size_t channels = size(m_op.shape.out_c);
  const std::size_t padded = m_vectors * k_tile_lanes;
  packed->m_start.assign(bias.values.size() / channels * padded, 0x80000000U);
  for (std::size_t i = 0; i < bias.values.size(); ++i)
    packed->m_start[i / channels * padded + i % channels] += static_cast<std::uint32_t>(bias.values[i]);
  std::array<std::uint8_t, 256> plain{}, flipped{};
  for (std::size_t i = 0; i < 256; ++i) {
    plain[i] = static_cast<std::uint8_t>(i);
    flipped[i] = static_cast<std::uint8_t>(i ^ 0x80U);
  }
  const ScaledTerms scaled = scaled_terms(products);
  for (const auto& [term, scale] : scaled.terms) {
    Products::Term& made = packed->m_terms.emplace_back();
    made.map = term->input;
    made.flips = m_may_be_direct && made.map == flipped;
    made.is_direct = m_may_be_direct && (made.flips || made.map == plain);
    made.scale = scale;
    pack_weights(term->weight, made.weights);
  }
  // The last factor scales them all.
  if (scaled.last != 1 || packed->m_terms.empty()) {
    Products::Term& none = packed->m_terms.emplace_back();
    none.map.fill(0);
    none.scale = scaled.last;
    pack_weights({}, none.weights);
  }
  if (QuickFactors::fit(m_op.requantizer, largest_sum(products, packed->m_start))) {
    packed->m_quick.resize(m_vectors);
    for (std::size_t c = 0; c < channels; ++c)
      packed->m_quick[c / k_tile_lanes].set(c % k_tile_lanes, m_op.requantizer.fixed_point[c],
                                            m_op.requantizer.zero_point);
  }
  return packed;
}

std::size_t FusedConvolution::scratch_bytes(std::size_t terms) const {
  const std::size_t block = m_images * m_padded_h * m_padded_w * size(m_op.shape.in_c) + k_slack;
  return terms * ((block + 63) / 64 * 64);
}

std::size_t FusedConvolution::bytes() const {
  std::size_t steps = m_all.steps.size();
  for (const Group& group : m_groups) steps += group.steps.size();
  const std::size_t packed = m_vectors * steps_in_all() * 4 * k_tile_lanes;
  return packed + steps * sizeof(TileStep) +
         (m_groups.empty() ? 1 : 2) * 3 * sizeof(std::int32_t) * m_all.inputs.size();
}

// Padding contributes nothing: it is 0, whatever the map makes of the zero point.
void FusedConvolution::copy(const Products::Term& term, std::size_t images, const std::uint8_t* input,
                            std::uint8_t* to) const {
  const ConvolutionShape& s = m_op.shape;
  const std::size_t row = size(s.in_w) * size(s.in_c);
  const std::size_t padded = m_padded_w * size(s.in_c);
  const std::size_t left = size(s.pad_w) * size(s.in_c);
  if (padded == row && m_padded_h == size(s.in_h)) {
    m_map_bytes(term.map, input, images * s.in_plane(), to);
    return;
  }
  for (std::size_t image = 0; image < images; ++image) {
    std::memset(to, 0, size(s.pad_h) * padded + left);
    to += size(s.pad_h) * padded;
    for (int y = 0; y < s.in_h; ++y, input += row, to += padded) {
      m_map_bytes(term.map, input, row, to + left);
      // The rest of this row, and what lies left of the next one.
      if (left + row < padded) std::memset(to + left + row, 0, padded - left - row);
      if (y + 1 < s.in_h && left > 0) std::memset(to + padded, 0, left);
    }
    const std::size_t below = (m_padded_h - size(s.pad_h) - size(s.in_h)) * padded;
    std::memset(to, 0, below);
    to += below;
  }
}

void FusedConvolution::run(const Products& products, std::size_t planes, const std::uint8_t* input,
                           std::uint8_t* output, std::int32_t* accumulators, std::byte* scratch) const {
  const ConvolutionShape& s = m_op.shape;
  for (std::size_t first = 0; first < planes; first += m_images)
    run_block(products, std::min(m_images, planes - first), input + first * s.in_plane(),
              output + first * s.out_plane(),
              accumulators == nullptr ? nullptr : accumulators + first * s.out_plane(), scratch);
}

void FusedConvolution::run_block(const Products& products, std::size_t images, const std::uint8_t* input,
                                 std::uint8_t* output, std::int32_t* accumulators, std::byte* scratch) const {
  const std::size_t of_block = scratch_bytes(1);
  std::array<TileTerm, k_most_terms> terms;
  for (std::size_t t = 0; t < products.terms(); ++t) {
    const Products::Term& term = products.m_terms[t];
    auto* const copied = reinterpret_cast<std::uint8_t*>(scratch + t * of_block);
    if (!term.is_direct) copy(term, images, input, copied);
    terms[t] = {term.is_direct ? input : copied, nullptr, term.flips, term.scale};
  }
  TileJob job;
  job.terms = std::span(terms).first(products.terms());
  job.requantizer = &m_op.requantizer;
  job.factors = &m_factors;
  const std::size_t of_vector = steps_in_all() * 4 * k_tile_lanes;
  const std::size_t channels = size(m_op.shape.out_c);
  for (const ChannelBlock& block : m_blocks) {
    for (std::size_t t = 0; t < products.terms(); ++t)
      terms[t].weights = products.m_terms[t].weights.data() + block.first_vector * of_vector;
    job.first_channel = block.first_vector * k_tile_lanes;
    job.start = products.m_start.data() + job.first_channel;
    job.output = output + job.first_channel;
    job.accumulators = accumulators == nullptr ? nullptr : accumulators + job.first_channel;
    job.quick = products.m_quick.empty() ? nullptr : &products.m_quick[block.first_vector];
    const std::size_t rest = channels - job.first_channel - (block.kind.vectors - 1) * k_tile_lanes;
    job.last_mask = static_cast<std::uint16_t>(rest >= k_tile_lanes ? 0xFFFFU : (1U << rest) - 1U);
    // Leaving out taps in the padding saves products, and few pixels of a kind waste tiles.
    const auto cost = [&](const Group& group) {
      return (group.pixels * images + block.kind.pixels - 1) / block.kind.pixels * group.steps.size();
    };
    const std::size_t grouped =
        std::accumulate(m_groups.begin(), m_groups.end(), std::size_t{0},
                        [&](std::size_t sum, const Group& group) { return sum + cost(group); });
    if (m_groups.empty() || grouped >= cost(m_all)) run_group(m_all, images, block, job);
    else
      for (const Group& group : m_groups) run_group(group, images, block, job);
  }
}

// The last tile begins earlier; where there are too few pixels for one, some are computed twice.
void FusedConvolution::run_group(const Group& group, std::size_t images, const ChannelBlock& block,
                                 TileJob& job) const {
  const std::size_t pixels = group.pixels * images;
  const std::size_t of_tile = block.kind.pixels;
  job.steps = group.steps;
  if (pixels < of_tile) {
    constexpr std::size_t k_most = 32;
    std::array<std::int32_t, k_most> inputs{}, outputs{}, starts{};
    for (std::size_t p = 0; p < of_tile; ++p) {
      inputs[p] = group.inputs[p % pixels];
      outputs[p] = group.outputs[p % pixels];
      starts[p] = group.starts[p % pixels];
    }
    job.inputs = inputs.data();
    job.outputs = outputs.data();
    job.starts = starts.data();
    block.kind.run(job);
    return;
  }
  for (std::size_t first = 0; first < pixels; first += of_tile) {
    const std::size_t at = std::min(first, pixels - of_tile);
    job.inputs = group.inputs.data() + at;
    job.outputs = group.outputs.data() + at;
    job.starts = group.starts.data() + at;
    block.kind.run(job);
  }
}

}  // namespace qfi
