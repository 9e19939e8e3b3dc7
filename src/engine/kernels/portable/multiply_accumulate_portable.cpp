// SPDX-License-Identifier: Apache-2.0
// Blocked over planes (images), 16 output channels at a time, in plain C++ that the compiler
// vectorizes. The 16 weights of one tap meet the same input, so their 16 table rows are interleaved
// into [input byte][16 channels] first: one look-up of 64 bytes then serves 16 products.
#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>

#include "../../multiply_accumulate.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_lanes = 16;
constexpr std::size_t k_block_pixels = 6144;    // accumulators of a block: 384 KiB, in the L2 cache
constexpr std::size_t k_interleave_from = 192;  // pixels that pay for interleaving the rows of a tap

using Lanes = std::array<std::uint32_t, k_lanes>;  // modulo 2^32, as the accumulators wrap

// Output channels that are computed together. Without own inputs they share the input channels
// of one group; with (depthwise, multiplier 1) lane i reads input channel first_in + i.
struct LaneGroup {
  std::size_t first_out = 0;
  std::size_t count = 0;
  std::size_t first_in = 0;
  bool has_own_inputs = false;
};

std::vector<LaneGroup> lane_groups(const ConvolutionShape& s) {
  std::vector<LaneGroup> groups;
  const auto channels = static_cast<std::size_t>(s.out_c);
  if (s.groups > 1 && s.group_in_c() == 1 && s.group_out_c() == 1) {
    for (std::size_t c = 0; c < channels; c += k_lanes)
      groups.push_back({c, std::min(k_lanes, channels - c), c, true});
    return groups;
  }
  const auto per_group = static_cast<std::size_t>(s.group_out_c());
  for (std::size_t g = 0; g < static_cast<std::size_t>(s.groups); ++g)
    for (std::size_t c = 0; c < per_group; c += k_lanes)
      groups.push_back({g * per_group + c, std::min(k_lanes, per_group - c),
                        g * static_cast<std::size_t>(s.group_in_c()), false});
  return groups;
}

// Outputs that are computed together: whole planes, or some rows of one.
struct Block {
  std::size_t planes = 1;
  int first_row = 0;
  int end_row = 0;
  const std::uint8_t* input = nullptr;  ///< of the first plane

  std::size_t rows() const { return static_cast<std::size_t>(end_row - first_row); }
};

// The taps below know the weights of one tap for all lanes and add its products for one input.

// Four table entries at once, for the transposition only.
using Four = std::int32_t __attribute__((vector_size(16), may_alias, aligned(4)));

// rows[lane][x] to terms[x][lane], in squares of 4 x 4.
void interleave(const std::array<const std::int32_t*, k_lanes>& rows, std::array<Lanes, 256>& terms) {
  for (std::size_t lane = 0; lane < k_lanes; lane += 4)
    for (std::size_t x = 0; x < 256; x += 4) {
      const Four a = *reinterpret_cast<const Four*>(rows[lane] + x);
      const Four b = *reinterpret_cast<const Four*>(rows[lane + 1] + x);
      const Four c = *reinterpret_cast<const Four*>(rows[lane + 2] + x);
      const Four d = *reinterpret_cast<const Four*>(rows[lane + 3] + x);
      const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const auto store = [&](std::size_t i, Four value) {
        *reinterpret_cast<Four*>(&terms[x + i][lane]) = value;
      };
      store(0, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
      store(1, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
      store(2, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
      store(3, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
    }
}

struct InterleavedRows {
  struct Storage {
    alignas(64) std::array<Lanes, 256> terms;
  };
  const std::array<Lanes, 256>* terms;

  InterleavedRows(Storage& storage, const ProductTable& table, const std::uint8_t* weights,
                  std::size_t weight_stride, std::size_t count)
      : terms(&storage.terms) {
    std::array<const std::int32_t*, k_lanes> rows;
    for (std::size_t lane = 0; lane < k_lanes; ++lane)  // lanes beyond `count` repeat the first one
      rows[lane] = table.row(weights[lane < count ? lane * weight_stride : 0]).data();
    interleave(rows, storage.terms);
  }
  void add(Lanes& sums, const std::uint8_t* x) const {
    const Lanes& added = (*terms)[*x];
    for (std::size_t lane = 0; lane < k_lanes; ++lane) sums[lane] += added[lane];
  }
};

// Two taps of neighbouring input channels: the sums are read and written once for both.
struct InterleavedPair {
  struct Storage {
    InterleavedRows::Storage first, second;
  };
  InterleavedRows first, second;

  InterleavedPair(Storage& storage, const ProductTable& table, const std::uint8_t* weights,
                  std::size_t weight_stride, std::size_t count)
      : first(storage.first, table, weights, weight_stride, count),
        second(storage.second, table, weights + 1, weight_stride, count) {}
  void add(Lanes& sums, const std::uint8_t* x) const {
    const Lanes& a = (*first.terms)[x[0]];
    const Lanes& b = (*second.terms)[x[1]];
    for (std::size_t lane = 0; lane < k_lanes; ++lane) sums[lane] += a[lane] + b[lane];
  }
};

template <bool own_inputs>
struct TableRows {
  struct Storage {};
  std::array<const std::int32_t*, k_lanes> rows;
  std::size_t count;

  TableRows(Storage&, const ProductTable& table, const std::uint8_t* weights, std::size_t weight_stride,
            std::size_t lanes)
      : count(lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane)
      rows[lane] = table.row(weights[lane * weight_stride]).data();
  }
  void add(Lanes& sums, const std::uint8_t* x) const {
    for (std::size_t lane = 0; lane < count; ++lane)
      sums[lane] += static_cast<std::uint32_t>(rows[lane][x[own_inputs ? lane : 0]]);
  }
};

// Codes as numbers: (byte ^ flip) - subtract, for both signednesses.
struct CodeReader {
  std::uint8_t flip;
  std::int16_t subtract;
  CodeReader(CodeType type, int zero_point)
      : flip(type == CodeType::int8 ? 0x80 : 0),
        subtract(static_cast<std::int16_t>((type == CodeType::int8 ? 128 : 0) + zero_point)) {}
  std::int16_t operator()(std::uint8_t byte) const {
    return static_cast<std::int16_t>((byte ^ flip) - subtract);
  }
};

template <bool own_inputs>
struct ExactProducts {
  struct Storage {};
  std::array<std::int16_t, k_lanes> weight{};
  CodeReader input;
  std::size_t count;

  ExactProducts(Storage&, const OperandCodes& codes, const std::uint8_t* weights, std::size_t weight_stride,
                std::size_t lanes)
      : input(codes.type, codes.input_zero_point), count(lanes) {
    const CodeReader reader(codes.type, codes.weight_zero_point);
    for (std::size_t lane = 0; lane < lanes; ++lane) weight[lane] = reader(weights[lane * weight_stride]);
  }
  void add(Lanes& sums, const std::uint8_t* x) const {
    if constexpr (own_inputs) {
      for (std::size_t lane = 0; lane < count; ++lane)
        sums[lane] += static_cast<std::uint32_t>(std::int32_t{weight[lane]} * std::int32_t{input(x[lane])});
    } else {
      const std::int16_t value = input(*x);
      for (std::size_t lane = 0; lane < k_lanes; ++lane)
        sums[lane] += static_cast<std::uint32_t>(std::int32_t{weight[lane]} * std::int32_t{value});
    }
  }
};

// One tap on all pixels of a block.
template <class Tap>
void add_tap(const Tap& tap, const ConvolutionShape& s, int ky, int kx, const Block& block,
             std::size_t channel, std::uint8_t padded_byte, PaddingTaps padding, Lanes* sums) {
  const TapRange rows = tap_rows(s, ky);
  const TapRange columns = tap_columns(s, kx);
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  const std::size_t step = static_cast<std::size_t>(columns.in_step) * in_c;
  std::array<std::uint8_t, k_lanes> padded;
  padded.fill(padded_byte);
  for (std::size_t plane = 0; plane < block.planes; ++plane)
    for (int oy = block.first_row; oy < block.end_row; ++oy) {
      Lanes* row = sums + (plane * block.rows() + static_cast<std::size_t>(oy - block.first_row)) * out_w;
      const int r = (oy - rows.first_out) / rows.out_step;
      const bool is_row_inside =
          oy >= rows.first_out && (oy - rows.first_out) % rows.out_step == 0 && r < rows.count;
      const int count = is_row_inside ? columns.count : 0;
      if (count > 0) {
        const int iy = rows.first_in + r * rows.in_step;
        const std::uint8_t* x = block.input + plane * s.in_plane() +
                                (static_cast<std::size_t>(iy) * static_cast<std::size_t>(s.in_w) +
                                 static_cast<std::size_t>(columns.first_in)) *
                                    in_c +
                                channel;
        Lanes* out = row + columns.first_out;
        for (int i = 0; i < count; ++i, out += columns.out_step, x += step) tap.add(*out, x);
      }
      if (padding == PaddingTaps::skip || s.is_transposed) continue;
      const int first = is_row_inside ? columns.first_out : 0;
      for (int ox = 0; ox < first; ++ox) tap.add(row[ox], padded.data());
      for (int ox = first + count; ox < s.out_w; ++ox) tap.add(row[ox], padded.data());
    }
}

// All taps of one position (ky, kx), from input channel `c` on while `step` channels are left.
template <class Tap, class Source>
int add_channels(int c, int step, typename Tap::Storage& storage, const MultiplyAccumulate& op,
                 const LaneGroup& group, const Source& source, int ky, int kx, const Block& block,
                 PaddingTaps padding, Lanes* sums) {
  const ConvolutionShape& s = op.shape;
  const auto padded_byte = static_cast<std::uint8_t>(op.codes.input_zero_point);
  const auto position =
      static_cast<std::size_t>(ky * s.filter_w + kx) * static_cast<std::size_t>(s.group_in_c());
  for (; c + step <= s.group_in_c(); c += step) {
    const auto channel = static_cast<std::size_t>(c);
    const Tap tap(storage, source, &op.weights[group.first_out * s.taps() + position + channel], s.taps(),
                  group.count);
    add_tap(tap, s, ky, kx, block, group.first_in + channel, padded_byte, padding, sums);
  }
  return c;
}

// Pair takes two channels at a time; the same as Tap where there is no such kind.
template <class Pair, class Tap, class Source>
void accumulate_block(const MultiplyAccumulate& op, const LaneGroup& group, const Source& source,
                      const Block& block, PaddingTaps padding, Lanes* sums) {
  const ConvolutionShape& s = op.shape;
  Lanes start{};
  for (std::size_t lane = 0; lane < group.count; ++lane)
    start[lane] = static_cast<std::uint32_t>(op.bias[group.first_out + lane]);
  std::fill_n(sums, block.planes * block.rows() * static_cast<std::size_t>(s.out_w), start);
  typename Pair::Storage pair_storage;
  typename Tap::Storage tap_storage;
  for (int ky = 0; ky < s.filter_h; ++ky)
    for (int kx = 0; kx < s.filter_w; ++kx) {
      int c = 0;
      if constexpr (!std::is_same_v<Pair, Tap>)
        c = add_channels<Pair>(c, 2, pair_storage, op, group, source, ky, kx, block, padding, sums);
      add_channels<Tap>(c, 1, tap_storage, op, group, source, ky, kx, block, padding, sums);
    }
}

template <class Requantize>
void store_lanes(const LaneGroup& group, std::size_t pixels, std::size_t out_c, const Lanes* sums,
                 std::uint8_t* output, const Requantize& requantize) {
  output += group.first_out;
  for (std::size_t pixel = 0; pixel < pixels; ++pixel, output += out_c)
    for (std::size_t lane = 0; lane < group.count; ++lane)
      output[lane] =
          static_cast<std::uint8_t>(requantize(static_cast<std::int32_t>(sums[pixel][lane]), lane));
}

void store_block(const MultiplyAccumulate& op, const LaneGroup& group, std::size_t pixels, const Lanes* sums,
                 std::uint8_t* output) {
  const auto out_c = static_cast<std::size_t>(op.shape.out_c);
  const Requantizer& requantizer = op.requantizer;
  if (requantizer.fixed_point.empty()) {
    return store_lanes(group, pixels, out_c, sums, output, [&](std::int32_t sum, std::size_t lane) {
      return requantizer(sum, group.first_out + lane);
    });
  }
  const QuantizedMultiplier* factors = &requantizer.fixed_point[group.first_out];
  store_lanes(group, pixels, out_c, sums, output,
              [=, zero = requantizer.zero_point, low = requantizer.min, high = requantizer.max](
                  std::int32_t sum, std::size_t lane) {
                return std::clamp(wrapping_add(multiply_by_quantized_multiplier(sum, factors[lane]), zero),
                                  low, high);
              });
}

void keep_sums(const LaneGroup& group, std::size_t pixels, std::size_t out_c, const Lanes* sums,
               std::int32_t* accumulators) {
  accumulators += group.first_out;
  for (std::size_t pixel = 0; pixel < pixels; ++pixel, accumulators += out_c)
    for (std::size_t lane = 0; lane < group.count; ++lane)
      accumulators[lane] = static_cast<std::int32_t>(sums[pixel][lane]);
}

// Chooses the taps for one group of channels.
void accumulate_group(const MultiplyAccumulate& op, const LaneGroup& group, const Block& block,
                      const ProductTable* table, PaddingTaps padding, Lanes* sums) {
  const std::size_t pixels = block.planes * block.rows() * static_cast<std::size_t>(op.shape.out_w);
  const auto exactly = [&]<class Tap>() {
    accumulate_block<Tap, Tap>(op, group, op.codes, block, PaddingTaps::skip, sums);
  };
  if (table == nullptr) {
    if (group.has_own_inputs) exactly.template operator()<ExactProducts<true>>();
    else exactly.template operator()<ExactProducts<false>>();
  } else if (group.has_own_inputs) {
    accumulate_block<TableRows<true>, TableRows<true>>(op, group, *table, block, padding, sums);
  } else if (pixels >= k_interleave_from) {
    accumulate_block<InterleavedPair, InterleavedRows>(op, group, *table, block, padding, sums);
  } else {
    accumulate_block<TableRows<false>, TableRows<false>>(op, group, *table, block, padding, sums);
  }
}

}  // namespace

// A block has at most k_block_pixels, or one row.
std::size_t multiply_accumulate_scratch_bytes(const ConvolutionShape& s) {
  return std::max(k_block_pixels, static_cast<std::size_t>(s.out_w)) * sizeof(Lanes) +
         alignof(std::max_align_t);
}

void multiply_accumulate_portable(const MultiplyAccumulate& op, std::size_t planes, const std::uint8_t* input,
                                  std::uint8_t* output, const ProductTable* table, PaddingTaps padding,
                                  std::int32_t* accumulators, std::vector<std::byte>& scratch) {
  const ConvolutionShape& s = op.shape;
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const auto out_w = static_cast<std::size_t>(s.out_w);
  const std::size_t block_planes = std::clamp<std::size_t>(k_block_pixels / s.out_pixels(), 1, planes);
  const int block_rows = block_planes > 1
                             ? s.out_h
                             : static_cast<int>(std::clamp<std::size_t>(k_block_pixels / out_w, 1,
                                                                        static_cast<std::size_t>(s.out_h)));
  scratch.resize(block_planes * static_cast<std::size_t>(block_rows) * out_w * sizeof(Lanes) +
                 alignof(std::max_align_t));
  void* start = scratch.data();
  std::size_t space = scratch.size();
  auto* sums = static_cast<Lanes*>(std::align(alignof(std::max_align_t), sizeof(Lanes), start, space));
  const std::vector<LaneGroup> groups = lane_groups(s);
  for (std::size_t plane = 0; plane < planes; plane += block_planes)
    for (int row = 0; row < s.out_h; row += block_rows) {
      const Block block{std::min(block_planes, planes - plane), row, std::min(row + block_rows, s.out_h),
                        input + plane * s.in_plane()};
      const std::size_t place = plane * s.out_plane() + static_cast<std::size_t>(row) * out_w * out_c;
      const std::size_t pixels = block.planes * block.rows() * out_w;
      for (const LaneGroup& group : groups) {
        accumulate_group(op, group, block, table, padding, sums);
        store_block(op, group, pixels, sums, output + place);
        if (accumulators != nullptr) keep_sums(group, pixels, out_c, sums, accumulators + place);
      }
    }
}

}  // namespace qfi
