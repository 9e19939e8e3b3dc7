// SPDX-License-Identifier: Apache-2.0
#include "avx2.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

namespace qfi {
namespace {

constexpr std::size_t k_lanes = 16;  // output channels that are computed together
constexpr std::size_t k_quad = 4;    // and pixels
constexpr std::size_t k_column_values = std::size_t{1}
                                        << 16;  // of a block of pixels: 128 KiB, in the L2 cache
constexpr std::size_t k_most_block_pixels = 256;

struct PairedWeights final : IntegerConvolution::Weights {
  std::vector<std::int16_t> values;
};

std::size_t rounded_up(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }

// Where the taps of one output pixel lie, group by group.
struct Pixel {
  const std::uint8_t* plane = nullptr;
  int oy = 0;
  int ox = 0;
};

}  // namespace
}  // namespace qfi

#include "qfi/base/target_avx2.hpp"

namespace qfi {
namespace {

// 16 input codes as numbers.
__m256i widened(const std::uint8_t* codes, CodeType type) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
  return type == CodeType::int8 ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes);
}

void widen(const std::uint8_t* codes, CodeType type, std::size_t count, std::int16_t* to) {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), widened(codes + i, type));
  for (; i < count; ++i) to[i] = static_cast<std::int16_t>(code_of_byte(codes[i], type));
}

__m256i load(const std::int16_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

// The sums of 4 pixels and 16 channels. `columns`: 4 times [pairs][2]; `weights`: [pairs][16][2]. Sums of two
// products fit in 32 bits: 2 * 255 * 128.
void multiply_quad(const std::int16_t* columns, std::size_t column_stride, const std::int16_t* weights,
                   std::size_t pairs, std::int32_t (*sums)[k_lanes]) {
  __m256i low[k_quad];
  __m256i high[k_quad];
  for (std::size_t p = 0; p < k_quad; ++p) low[p] = high[p] = _mm256_setzero_si256();
  for (std::size_t k = 0; k < pairs; ++k) {
    const __m256i weights_low = load(weights + 2 * k_lanes * k);
    const __m256i weights_high = load(weights + 2 * k_lanes * k + k_lanes);
    for (std::size_t p = 0; p < k_quad; ++p) {
      std::int32_t pair = 0;
      std::memcpy(&pair, columns + p * column_stride + 2 * k, sizeof(pair));
      const __m256i both = _mm256_set1_epi32(pair);
      low[p] = _mm256_add_epi32(low[p], _mm256_madd_epi16(both, weights_low));
      high[p] = _mm256_add_epi32(high[p], _mm256_madd_epi16(both, weights_high));
    }
  }
  for (std::size_t p = 0; p < k_quad; ++p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums[p]), low[p]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums[p] + 8), high[p]);
  }
}

// The sums of 16 channels that each have their own input: taps two by two, the pairs' halves as unpacking
// leaves them.
// `columns`: [taps][column_stride], `weights`: [pairs][2][8][2].
void multiply_own(const std::int16_t* columns, std::size_t column_stride, const std::int16_t* weights,
                  std::size_t pairs, std::int32_t* sums) {
  __m256i low = _mm256_setzero_si256();
  __m256i high = _mm256_setzero_si256();
  for (std::size_t k = 0; k < pairs; ++k) {
    const __m256i first = load(columns + 2 * k * column_stride);
    const __m256i second = load(columns + (2 * k + 1) * column_stride);
    low = _mm256_add_epi32(
        low, _mm256_madd_epi16(_mm256_unpacklo_epi16(first, second), load(weights + 2 * k_lanes * k)));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(first, second),
                                                    load(weights + 2 * k_lanes * k + k_lanes)));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), _mm256_permute2x128_si256(low, high, 0x20));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + 8), _mm256_permute2x128_si256(low, high, 0x31));
}

class Avx2Convolution final : public IntegerConvolution {
 public:
  Avx2Convolution(const ConvolutionShape& shape, CodeType input, std::size_t planes)
      : m_shape(shape),
        m_input(input),
        m_planes(planes),
        m_has_own_inputs(shape.groups > 1 && shape.group_in_c() == 1 && shape.group_out_c() == 1),
        m_positions(static_cast<std::size_t>(shape.filter_h) * static_cast<std::size_t>(shape.filter_w)),
        m_pairs(((m_has_own_inputs ? m_positions : shape.taps()) + 1) / 2),
        m_lane_groups(m_has_own_inputs
                          ? rounded_up(static_cast<std::size_t>(shape.out_c), k_lanes) / k_lanes
                          : rounded_up(static_cast<std::size_t>(shape.group_out_c()), k_lanes) / k_lanes),
        m_column_stride(m_has_own_inputs ? m_lane_groups * k_lanes : 2 * m_pairs),
        m_column_values(m_has_own_inputs ? 2 * m_pairs * m_column_stride : m_column_stride),
        m_block_pixels(std::clamp<std::size_t>(k_column_values / m_column_values / k_quad, 1,
                                               k_most_block_pixels / k_quad) *
                       k_quad) {}

  std::shared_ptr<const Weights> pack(std::span<const std::int8_t> weights) const override;
  std::size_t planes() const override { return m_planes; }
  std::size_t scratch_bytes() const override {
    return m_block_pixels * m_column_values * sizeof(std::int16_t);
  }
  void run(const Weights& weights, std::size_t planes, const std::uint8_t* input, std::int32_t* sums,
           std::byte* scratch) const override;
  double products_per_cycle() const override { return m_shape.groups > 1 ? 7 : 25; }

 private:
  void fill_column(const Pixel& pixel, std::size_t group, std::int16_t* column) const;
  void multiply_block(const std::int16_t* weights, std::size_t group, const std::int16_t* columns,
                      std::size_t pixels, std::int32_t* sums) const;
  void multiply_own_block(const std::int16_t* weights, const std::int16_t* columns, std::size_t pixels,
                          std::int32_t* sums) const;

  ConvolutionShape m_shape;
  CodeType m_input;
  std::size_t m_planes;
  bool m_has_own_inputs;  ///< depthwise, multiplier 1: one column of all channels for each tap
  std::size_t m_positions, m_pairs, m_lane_groups, m_column_stride, m_column_values, m_block_pixels;
};

// [group][lane group][pairs][16][2]; depthwise [lane group][pairs][2][8][2], in the order that multiply_own
// wants.
std::shared_ptr<const IntegerConvolution::Weights> Avx2Convolution::pack(
    std::span<const std::int8_t> weights) const {
  auto packed = std::make_shared<PairedWeights>();
  const auto groups = static_cast<std::size_t>(m_has_own_inputs ? 1 : m_shape.groups);
  const auto channels = static_cast<std::size_t>(m_shape.out_c) / groups;
  packed->values.assign(groups * m_lane_groups * m_pairs * 2 * k_lanes, 0);
  const std::size_t taps = m_shape.taps();
  for (std::size_t o = 0; o < static_cast<std::size_t>(m_shape.out_c); ++o) {
    const std::size_t lane_group = o / channels * m_lane_groups + o % channels / k_lanes;
    const std::size_t lane = o % channels % k_lanes;
    // Unpacking takes channels 0 to 3 and 8 to 11 first.
    const std::size_t place = m_has_own_inputs ? (lane / 4 % 2 * 2 + lane / 8) * 4 + lane % 4 : lane;
    for (std::size_t k = 0; k < taps; ++k)
      packed->values[(lane_group * m_pairs + k / 2) * 2 * k_lanes + 2 * place + k % 2] =
          weights[o * taps + k];
  }
  return packed;
}

// What the taps of a pixel meet, as numbers; 0 outside the image.
void Avx2Convolution::fill_column(const Pixel& pixel, std::size_t group, std::int16_t* column) const {
  const ConvolutionShape& s = m_shape;
  const auto channels = static_cast<std::size_t>(m_has_own_inputs ? s.in_c : s.group_in_c());
  const std::size_t step = m_has_own_inputs ? m_column_stride : channels;
  std::int16_t* to = column;
  for (int ky = 0; ky < s.filter_h; ++ky) {
    const int iy = input_place(pixel.oy, ky, s.in_h, s.stride_h, s.dilation_h, s.pad_h, false);
    for (int kx = 0; kx < s.filter_w; ++kx, to += step) {
      const int ix = input_place(pixel.ox, kx, s.in_w, s.stride_w, s.dilation_w, s.pad_w, false);
      if (iy < 0 || ix < 0) {
        std::fill_n(to, channels, std::int16_t{0});
        continue;
      }
      const auto place =
          static_cast<std::size_t>(iy) * static_cast<std::size_t>(s.in_w) + static_cast<std::size_t>(ix);
      widen(pixel.plane + place * static_cast<std::size_t>(s.in_c) + group * channels, m_input, channels, to);
    }
  }
  std::fill(to, column + m_column_values, std::int16_t{0});
}

void Avx2Convolution::multiply_block(const std::int16_t* weights, std::size_t group,
                                     const std::int16_t* columns, std::size_t pixels,
                                     std::int32_t* sums) const {
  const auto channels = static_cast<std::size_t>(m_shape.group_out_c());
  const auto out_c = static_cast<std::size_t>(m_shape.out_c);
  std::int32_t quad[k_quad][k_lanes];
  for (std::size_t lanes = 0; lanes < m_lane_groups; ++lanes) {
    const std::int16_t* of_lanes = weights + (group * m_lane_groups + lanes) * m_pairs * 2 * k_lanes;
    const std::size_t count = std::min(k_lanes, channels - lanes * k_lanes);
    for (std::size_t pixel = 0; pixel < pixels; pixel += k_quad) {
      multiply_quad(columns + pixel * m_column_stride, m_column_stride, of_lanes, m_pairs, quad);
      for (std::size_t p = 0; p < std::min(k_quad, pixels - pixel); ++p)
        std::memcpy(sums + (pixel + p) * out_c + group * channels + lanes * k_lanes, quad[p],
                    count * sizeof(std::int32_t));
    }
  }
}

void Avx2Convolution::multiply_own_block(const std::int16_t* weights, const std::int16_t* columns,
                                         std::size_t pixels, std::int32_t* sums) const {
  const auto out_c = static_cast<std::size_t>(m_shape.out_c);
  std::int32_t of_lanes[k_lanes];
  for (std::size_t pixel = 0; pixel < pixels; ++pixel)
    for (std::size_t lanes = 0; lanes < m_lane_groups; ++lanes) {
      const std::size_t first = lanes * k_lanes;
      multiply_own(columns + pixel * m_column_values + first, m_column_stride,
                   weights + lanes * m_pairs * 2 * k_lanes, m_pairs, of_lanes);
      std::memcpy(sums + pixel * out_c + first, of_lanes,
                  std::min(k_lanes, out_c - first) * sizeof(std::int32_t));
    }
}

void Avx2Convolution::run(const Weights& weights, std::size_t planes, const std::uint8_t* input,
                          std::int32_t* sums, std::byte* scratch) const {
  const ConvolutionShape& s = m_shape;
  const std::int16_t* values = static_cast<const PairedWeights&>(weights).values.data();
  auto* columns = reinterpret_cast<std::int16_t*>(scratch);
  const std::size_t all_pixels = planes * s.out_pixels();
  const auto out_w = static_cast<std::size_t>(s.out_w);
  for (std::size_t first = 0; first < all_pixels; first += m_block_pixels) {
    const std::size_t count = std::min(m_block_pixels, all_pixels - first);
    for (std::size_t group = 0; group < static_cast<std::size_t>(m_has_own_inputs ? 1 : s.groups); ++group) {
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t pixel = first + i;
        const std::size_t in_plane = pixel % s.out_pixels();
        fill_column({input + pixel / s.out_pixels() * s.in_plane(), static_cast<int>(in_plane / out_w),
                     static_cast<int>(in_plane % out_w)},
                    group, columns + i * m_column_values);
      }
      std::int32_t* const to = sums + first * static_cast<std::size_t>(s.out_c);
      if (m_has_own_inputs) multiply_own_block(values, columns, count, to);
      else multiply_block(values, group, columns, count, to);
    }
  }
}

}  // namespace

std::unique_ptr<IntegerConvolution> make_avx2_convolution(const ConvolutionShape& shape, CodeType input,
                                                          std::size_t planes) {
  if (shape.is_transposed) return nullptr;
  return std::make_unique<Avx2Convolution>(shape, input, planes);
}

}  // namespace qfi

#include "qfi/base/target_end.hpp"
#endif
