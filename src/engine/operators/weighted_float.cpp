// SPDX-License-Identifier: Apache-2.0
// FLOAT32. Every output is summed in one fixed order, that of the runtime's reference kernels: taps
// from top left on, input channels innermost, the bias last; a transposed convolution in the order
// of its inputs. So results depend neither on batch nor on threads.
#include <array>
#include <bit>

#include "../kernels/instruction_set.hpp"
#include "weighted.hpp"

namespace qfi {
namespace {

constexpr int k_lanes = k_float_lanes;

struct WeightedFloat {
  ConvolutionShape shape;
  std::vector<float> weights;  ///< [group][block of k_lanes channels][tap][lane], filled up with zeros
  std::vector<float> bias;
  FloatRange range;
  std::size_t data_input = 0;

  int blocks_per_group() const { return (shape.group_out_c() + k_lanes - 1) / k_lanes; }
};

class WeightedFloatKernel final : public Kernel {
 public:
  explicit WeightedFloatKernel(WeightedFloat op) : m_op(std::move(op)) {}

  void run(const KernelCall& call) const override {
    const ConvolutionShape& s = m_op.shape;
    for (std::size_t image = 0; image < call.images; ++image) {
      const float* in = call.input<float>(m_op.data_input, image);
      float* out = call.out<float>(image);
      for (int plane = 0; plane < s.planes; ++plane, in += s.in_plane())
        for (int oy = 0; oy < s.out_h; ++oy, out += s.out_w * s.out_c) run_row(in, oy, out);
    }
  }
  bool has_accumulators() const override { return true; }
  std::uint32_t accumulator(const KernelCall& call, std::size_t element) const override {
    const ConvolutionShape& s = m_op.shape;
    const std::size_t pixel = element % s.out_plane() / static_cast<std::size_t>(s.out_c);
    const auto out_w = static_cast<std::size_t>(s.out_w);
    std::vector<float> sums(static_cast<std::size_t>(s.out_c));
    run_pixel(call.input<float>(m_op.data_input, 0) + element / s.out_plane() * s.in_plane(),
              static_cast<int>(pixel / out_w), static_cast<int>(pixel % out_w), FloatRange{}, sums.data());
    return std::bit_cast<std::uint32_t>(sums[element % static_cast<std::size_t>(s.out_c)]);
  }
  void store_accumulator(const KernelCall& call, std::size_t element, std::uint32_t bits) const override {
    call.out<float>(0)[element] = m_op.range(std::bit_cast<float>(bits));
  }
  std::uint64_t multiplications() const override { return m_op.shape.multiplications(); }
  std::size_t bytes() const override { return 4 * (m_op.weights.size() + m_op.bias.size()); }

 private:
  // Pixels of an output row.
  struct Pixels {
    int oy = 0;
    int ox = 0;
    int count = 1;  ///< 1 .. k_float_pixels
  };

  void run_row(const float* in, int oy, float* out) const {
    const auto out_w = m_op.shape.out_w;
    for (int ox = 0; ox < out_w; ox += static_cast<int>(k_float_pixels))
      run_pixels(in, {oy, ox, std::min(static_cast<int>(k_float_pixels), out_w - ox)}, m_op.range,
                 out + ox * m_op.shape.out_c);
  }
  void run_pixel(const float* in, int oy, int ox, const FloatRange& range, float* out) const {
    run_pixels(in, {oy, ox, 1}, range, out);
  }

  void run_pixels(const float* in, const Pixels& pixels, const FloatRange& range, float* out) const {
    const ConvolutionShape& s = m_op.shape;
    const float* weights = m_op.weights.data();
    std::array<float, k_float_pixels * k_float_lanes> sums;
    for (int group = 0; group < s.groups; ++group)
      for (int block = 0; block < m_op.blocks_per_group(); ++block, weights += s.taps() * k_lanes) {
        sums.fill(0.0F);
        accumulate(in + group * s.group_in_c(), weights, pixels, sums.data());
        const int first = group * s.group_out_c() + block * k_lanes;
        const int end = std::min(first + k_lanes, (group + 1) * s.group_out_c());
        for (int p = 0; p < pixels.count; ++p)
          for (int c = first; c < end; ++c)
            out[p * s.out_c + c] = range(sums[static_cast<std::size_t>(p * k_lanes + c - first)] +
                                         m_op.bias[static_cast<std::size_t>(c)]);
      }
  }

  void accumulate(const float* in, const float* weights, const Pixels& pixels, float* sums) const {
    const ConvolutionShape& s = m_op.shape;
    FloatTap tap;
    tap.channels = static_cast<std::size_t>(s.group_in_c());
    for (int step_y = 0; step_y < s.filter_h; ++step_y) {
      const int ky = s.is_transposed ? s.filter_h - 1 - step_y : step_y;
      const int iy = input_place(pixels.oy, ky, s.in_h, s.stride_h, s.dilation_h, s.pad_h, s.is_transposed);
      if (iy < 0) continue;
      for (int step_x = 0; step_x < s.filter_w; ++step_x) {
        const int kx = s.is_transposed ? s.filter_w - 1 - step_x : step_x;
        tap.weights = weights + static_cast<std::ptrdiff_t>(ky * s.filter_w + kx) * s.group_in_c() * k_lanes;
        add_tap(in + static_cast<std::ptrdiff_t>(iy) * s.in_w * s.in_c, kx, pixels, tap, sums);
      }
    }
  }

  // One tap of the filter for each pixel that it meets the input's row with.
  void add_tap(const float* row, int kx, const Pixels& pixels, FloatTap& tap, float* sums) const {
    const ConvolutionShape& s = m_op.shape;
    std::array<const float*, k_float_pixels> inputs = {};
    int inside = 0;
    for (int p = 0; p < pixels.count; ++p) {
      const int ix =
          input_place(pixels.ox + p, kx, s.in_w, s.stride_w, s.dilation_w, s.pad_w, s.is_transposed);
      if (ix < 0) continue;
      inputs[static_cast<std::size_t>(p)] = row + static_cast<std::ptrdiff_t>(ix) * s.in_c;
      ++inside;
    }
    const AddFloatTapFunction add = instruction_set().add_float_tap;
    if (inside == static_cast<int>(k_float_pixels)) {
      std::ranges::copy(inputs, tap.inputs);
      tap.pixels = k_float_pixels;
      return add(tap, sums);
    }
    tap.pixels = 1;
    for (std::size_t p = 0; p < k_float_pixels; ++p) {
      if (inputs[p] == nullptr) continue;
      tap.inputs[0] = inputs[p];
      add(tap, sums + p * k_float_lanes);
    }
  }

  WeightedFloat m_op;
};

}  // namespace

PreparedKernel prepare_weighted_float(const OperatorView& view, const WeightedOperator& op) {
  if (view.input(1).type != TensorType::float32)
    return bad_input("weights '{}' are {}, the input FLOAT32", view.input(1).name,
                     name_of(view.input(1).type));
  WeightedFloat result;
  result.shape = op.shape;
  result.range = float_range(op.activation);
  result.data_input = op.data;
  QFI_TRY(result.bias, read_bias<float>(view, op, TensorType::float32));
  const std::vector<float> by_channel = weights_by_channel<float>(view, op);
  const std::size_t taps = op.shape.taps();
  const auto per_group = static_cast<std::size_t>(op.shape.group_out_c());
  const auto blocks = static_cast<std::size_t>(result.blocks_per_group());
  // A depthwise channel takes a whole block.
  const std::size_t filled_up = static_cast<std::size_t>(op.shape.groups) * blocks * taps * k_lanes;
  constexpr std::size_t k_most = std::size_t{1} << 26;
  if (filled_up > k_most) return bad_input("its weights are too many: {} with padding", filled_up);
  result.weights.assign(filled_up, 0.0F);
  for (std::size_t c = 0; c < op.channels(); ++c) {
    const std::size_t in_group = c % per_group;
    const std::size_t block = c / per_group * blocks + in_group / k_lanes;
    for (std::size_t tap = 0; tap < taps; ++tap)
      result.weights[(block * taps + tap) * k_lanes + in_group % k_lanes] = by_channel[c * taps + tap];
  }
  return std::make_unique<WeightedFloatKernel>(std::move(result));
}

}  // namespace qfi
