// SPDX-License-Identifier: Apache-2.0
// INT16 activations with INT8 weights: 64-bit accumulators, or 32-bit ones where the file says so.
#include "weighted.hpp"

namespace qfi {
namespace {

struct Weighted16 {
  ConvolutionShape shape;
  std::vector<std::int8_t> weights;  ///< [tap of a group][out_c]: neighbours meet the same input
  std::vector<std::int64_t> bias;
  bool wraps_to_32_bits = false;
  Requantizer requantizer;
  std::size_t data_input = 0;
};

class Weighted16Kernel final : public Kernel {
 public:
  explicit Weighted16Kernel(Weighted16 op) : m_op(std::move(op)) {}

  void run(const KernelCall& call) const override {
    const ConvolutionShape& s = m_op.shape;
    std::vector<std::int64_t> sums(s.out_plane());
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t plane = 0; plane < static_cast<std::size_t>(s.planes); ++plane) {
        accumulate(call.input<std::int16_t>(m_op.data_input, image) + plane * s.in_plane(), sums);
        store(sums, call.out<std::int16_t>(image) + plane * s.out_plane());
      }
  }
  std::uint64_t multiplications() const override { return m_op.shape.multiplications(); }
  std::size_t bytes() const override {
    return m_op.weights.size() + m_op.bias.size() * sizeof(m_op.bias[0]) + m_op.requantizer.bytes();
  }
  std::size_t scratch_bytes() const override { return m_op.shape.out_plane() * sizeof(std::int64_t); }

 private:
  // No sum of products leaves 64 bits: each is below 2^22.
  void accumulate(const std::int16_t* in, std::vector<std::int64_t>& sums) const {
    const ConvolutionShape& s = m_op.shape;
    const auto out_c = static_cast<std::size_t>(s.out_c);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = m_op.bias[i % out_c];
    for (int ky = 0; ky < s.filter_h; ++ky)
      for (int kx = 0; kx < s.filter_w; ++kx) {
        const TapRange rows = tap_rows(s, ky);
        const TapRange columns = tap_columns(s, kx);
        const std::int8_t* weights =
            &m_op.weights[static_cast<std::size_t>((ky * s.filter_w + kx) * s.group_in_c()) * out_c];
        for (int r = 0; r < rows.count; ++r)
          for (int c = 0; c < columns.count; ++c) {
            const int iy = rows.first_in + r * rows.in_step;
            const int ix = columns.first_in + c * columns.in_step;
            const int oy = rows.first_out + r * rows.out_step;
            const int ox = columns.first_out + c * columns.out_step;
            add_pixel(in + static_cast<std::size_t>(iy * s.in_w + ix) * static_cast<std::size_t>(s.in_c),
                      weights, &sums[static_cast<std::size_t>(oy * s.out_w + ox) * out_c]);
          }
      }
  }

  // One tap: all input channels of a pixel into all output channels.
  void add_pixel(const std::int16_t* in, const std::int8_t* weights, std::int64_t* sums) const {
    const ConvolutionShape& s = m_op.shape;
    for (int group = 0; group < s.groups; ++group)
      for (int c = 0; c < s.group_in_c(); ++c) {
        const std::int32_t x = in[group * s.group_in_c() + c];
        const int first = group * s.group_out_c();
        const std::int8_t* w = weights + c * s.out_c;
        for (int o = first; o < first + s.group_out_c(); ++o) sums[o] += x * w[o];
      }
  }

  void store(const std::vector<std::int64_t>& sums, std::int16_t* out) const {
    const auto out_c = static_cast<std::size_t>(m_op.shape.out_c);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t channel = i % out_c;
      out[i] = static_cast<std::int16_t>(m_op.wraps_to_32_bits
                                             ? m_op.requantizer(static_cast<std::int32_t>(sums[i]), channel)
                                             : m_op.requantizer(sums[i], channel));
    }
  }

  Weighted16 m_op;
};

std::vector<std::int8_t> weights_by_tap(const OperatorView& view, const WeightedOperator& op) {
  const std::vector<std::int8_t> by_channel = weights_by_channel<std::int8_t>(view, op);
  const std::size_t taps = op.shape.taps();
  std::vector<std::int8_t> weights(by_channel.size());
  for (std::size_t c = 0; c < op.channels(); ++c)
    for (std::size_t tap = 0; tap < taps; ++tap)
      weights[tap * op.channels() + c] = by_channel[c * taps + tap];
  return weights;
}

}  // namespace

PreparedKernel prepare_weighted_16_bit(const OperatorView& view, const WeightedOperator& op) {
  Weighted16 result;
  QFI_TRY(result.requantizer, read_requantizer(view, op));
  for (const QuantizedMultiplier& factor : result.requantizer.fixed_point)
    if (factor.shift > 7) return bad_input("its scales give a factor that is too large for INT16");
  result.wraps_to_32_bits = op.accumulates_in_32_bits;
  if (result.wraps_to_32_bits) {
    QFI_TRY(const auto bias, read_bias<std::int32_t>(view, op, TensorType::int32));
    result.bias.assign(bias.begin(), bias.end());
  } else {
    QFI_TRY(result.bias, read_bias<std::int64_t>(view, op, TensorType::int64));
  }
  constexpr std::int64_t k_most_bias = std::int64_t{1} << 47;
  for (const std::int64_t bias : result.bias)
    if (bias < -k_most_bias || bias >= k_most_bias) return bad_input("bias {} needs more than 48 bits", bias);
  result.shape = op.shape;
  result.data_input = op.data;
  result.weights = weights_by_tap(view, op);
  return std::make_unique<Weighted16Kernel>(std::move(result));
}

}  // namespace qfi
