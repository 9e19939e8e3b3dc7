// SPDX-License-Identifier: Apache-2.0
// AVERAGE_POOL_2D, MAX_POOL_2D.
#include "../kernel.hpp"

namespace qfi {
namespace {

struct PoolShape {
  int planes, in_h, in_w, channels, out_h, out_w;
  int filter_h, filter_w, stride_h, stride_w, pad_h, pad_w;
};

struct IntegerClamp {
  ActivationRange range;
  std::int32_t operator()(std::int32_t value) const { return std::clamp(value, range.min, range.max); }
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

struct FloatAverage {
  float sum = 0.0F;
  float count = 0.0F;
  void add(float value) {
    sum += value;
    count += 1.0F;
  }
  float result() const { return sum / count; }
};

// As in the runtime, NaN loses against every number.
template <class T>
struct Maximum {
  T value = std::numeric_limits<T>::lowest();
  void add(T other) { value = std::max(value, other); }
  T result() const { return value; }
};

template <class T, class Reduction, class Clamp>
class PoolKernel final : public Kernel {
 public:
  PoolKernel(const PoolShape& shape, Clamp clamp) : m_shape(shape), m_clamp(clamp) {}

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

  bool rises() const override { return true; }

 private:
  T pooled(const T* channel, int top, int left) const {
    Reduction reduction;
    for (int y = std::max(top, 0); y < std::min(top + m_shape.filter_h, m_shape.in_h); ++y)
      for (int x = std::max(left, 0); x < std::min(left + m_shape.filter_w, m_shape.in_w); ++x)
        reduction.add(channel[(y * m_shape.in_w + x) * m_shape.channels]);
    return static_cast<T>(m_clamp(reduction.result()));
  }

  PoolShape m_shape;
  Clamp m_clamp;
};

template <class T, class Mean, class Clamp>
PreparedKernel make_pool(OperatorKind kind, const PoolShape& shape, Clamp clamp) {
  if (kind == OperatorKind::average_pool_2d)
    return std::make_unique<PoolKernel<T, Mean, Clamp>>(shape, clamp);
  return std::make_unique<PoolKernel<T, Maximum<T>, Clamp>>(shape, clamp);
}

}  // namespace

PreparedKernel prepare_pool(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 1));
  QFI_CHECK(
      view.check_types(0, {TensorType::int8, TensorType::uint8, TensorType::int16, TensorType::float32}));
  const auto& options = view.options<WindowOptions>();
  const Tensor& input = view.input(0);
  QFI_TRY(const WindowGeometry window,
          window_geometry(options, input.shape, options.filter_h, options.filter_w));
  QFI_CHECK(
      view.set_output_shape(std::vector<int>{input.shape[0], window.out_h, window.out_w, input.shape[3]}));
  const auto taps =
      std::int64_t{std::min(options.filter_h, input.shape[1])} * std::min(options.filter_w, input.shape[2]);
  if (taps >= (input.type == TensorType::int16 ? 1 << 16 : 1 << 22))
    return bad_input("the sum of {} taps may overflow", taps);
  const PoolShape shape{input.shape[0],   input.shape[1],   input.shape[2],   input.shape[3],
                        window.out_h,     window.out_w,     options.filter_h, options.filter_w,
                        options.stride_h, options.stride_w, window.pad_h,     window.pad_w};
  const OperatorKind kind = view.op().kind;
  if (input.type == TensorType::float32)
    return make_pool<float, FloatAverage>(kind, shape, float_range(options.activation));
  QFI_TRY(const ActivationRange range, activation_range(options.activation, view.output()));
  return with_integer(input.type,
                      [&]<class T>() { return make_pool<T, Average>(kind, shape, IntegerClamp{range}); });
}

}  // namespace qfi
