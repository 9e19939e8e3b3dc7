// SPDX-License-Identifier: Apache-2.0
// AVERAGE_POOL_2D, MAX_POOL_2D.
#include <algorithm>

#include "../kernel.hpp"

namespace qfi {
namespace {

struct PoolShape {
  int planes, in_h, in_w, channels, out_h, out_w;
  int filter_h, filter_w, stride_h, stride_w, pad_h, pad_w;
};

// Rounds half away from zero, by the number of taps inside the image.
struct Average {
  std::int32_t sum = 0;
  std::int32_t count = 0;
  void add(std::int32_t value) {
    sum += value;
    ++count;
  }
  std::int32_t result() const { return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count; }
};

struct Maximum {
  std::int32_t value = -256;
  void add(std::int32_t other) { value = std::max(value, other); }
  std::int32_t result() const { return value; }
};

template <class T, class Reduction>
class PoolKernel final : public Kernel {
 public:
  PoolKernel(const PoolShape& shape, ActivationRange range) : m_shape(shape), m_range(range) {}

  void run(const KernelCall& call) const override {
    const PoolShape& s = m_shape;
    for (std::size_t image = 0; image < call.images; ++image) {
      const T* in = call.input<T>(0, image);
      T* out = call.out<T>(image);
      for (int plane = 0; plane < s.planes; ++plane, in += s.in_h * s.in_w * s.channels)
        for (int oy = 0; oy < s.out_h; ++oy)
          for (int ox = 0; ox < s.out_w; ++ox)
            for (int c = 0; c < s.channels; ++c)
              *out++ = pooled(in + c, oy * s.stride_h - s.pad_h, ox * s.stride_w - s.pad_w);
    }
  }

 private:
  T pooled(const T* channel, int top, int left) const {
    Reduction reduction;
    for (int y = std::max(top, 0); y < std::min(top + m_shape.filter_h, m_shape.in_h); ++y)
      for (int x = std::max(left, 0); x < std::min(left + m_shape.filter_w, m_shape.in_w); ++x)
        reduction.add(channel[(y * m_shape.in_w + x) * m_shape.channels]);
    return static_cast<T>(std::clamp(reduction.result(), m_range.min, m_range.max));
  }

  PoolShape m_shape;
  ActivationRange m_range;
};

template <class T>
std::unique_ptr<Kernel> make_pool(OperatorKind kind, const PoolShape& shape, ActivationRange range) {
  if (kind == OperatorKind::average_pool_2d) return std::make_unique<PoolKernel<T, Average>>(shape, range);
  return std::make_unique<PoolKernel<T, Maximum>>(shape, range);
}

}  // namespace

PreparedKernel prepare_pool(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 1));
  QFI_CHECK(view.check_8_bit(0));
  const auto& options = view.options<WindowOptions>();
  const Tensor& input = view.input(0);
  QFI_TRY(const WindowGeometry window,
          window_geometry(options, input, view.output(), options.filter_h, options.filter_w));
  if (input.shape[3] != view.output().shape[3]) return bad_input("input and output differ in their channels");
  const auto taps =
      std::int64_t{std::min(options.filter_h, input.shape[1])} * std::min(options.filter_w, input.shape[2]);
  if (taps > (1 << 22)) return bad_input("the sum of {} taps may overflow", taps);
  QFI_TRY(const ActivationRange range, activation_range(options.activation, view.output()));
  const PoolShape shape{input.shape[0],   input.shape[1],   input.shape[2],   input.shape[3],
                        window.out_h,     window.out_w,     options.filter_h, options.filter_w,
                        options.stride_h, options.stride_w, window.pad_h,     window.pad_w};
  if (input.type == TensorType::int8) return make_pool<std::int8_t>(view.op().kind, shape, range);
  return make_pool<std::uint8_t>(view.op().kind, shape, range);
}

}  // namespace qfi
