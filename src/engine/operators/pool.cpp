// SPDX-License-Identifier: Apache-2.0
// AVERAGE_POOL_2D, MAX_POOL_2D.
#include <array>

#include "../kernel.hpp"

namespace qfi {
namespace {

struct IntegerClamp {
  ActivationRange range;
  std::int32_t operator()(std::int32_t value) const { return std::clamp(value, range.min, range.max); }
};

// The mean of `count` taps inside the image, rounded half away from zero.
struct Average {
  std::int32_t sum = 0;
  void add(std::int32_t value) { sum += value; }
  std::int32_t result(std::int32_t count) const {
    return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
  }
};

struct FloatAverage {
  float sum = 0.0F;
  void add(float value) { sum += value; }
  float result(std::int32_t count) const { return sum / static_cast<float>(count); }
};

// As in the runtime, NaN loses against every number.
template <class T>
struct Maximum {
  T value = std::numeric_limits<T>::lowest();
  void add(T other) { value = std::max(value, other); }
  T result(std::int32_t) const { return value; }
};

template <class T, class Reduction, class Clamp>
class PoolKernel final : public Kernel {
 public:
  PoolKernel(const ConvolutionShape& shape, Clamp clamp) : m_shape(shape), m_clamp(clamp) {}

  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t row = 0; row < rows(); ++row)
        for (std::size_t column = 0; column < static_cast<std::size_t>(m_shape.out_w); ++column)
          pool(call.input<T>(0, image), call.out<T>(image), row, column, 0, channels());
  }

  DeviceForm device_form() const override {
    if constexpr (sizeof(T) == 1)
      return PoolForm{m_shape, std::is_same_v<Reduction, Average>, m_clamp.range.min, m_clamp.range.max};
    else return {};
  }
  bool rises() const override { return true; }
  const ConvolutionShape* window() const override { return &m_shape; }
  void run_pixel(const KernelCall& call, std::size_t row, std::size_t column, std::size_t first,
                 std::size_t end) const override {
    pool(call.input<T>(0, 0), call.out<T>(0), row, column, first, end);
  }

 private:
  std::size_t channels() const { return static_cast<std::size_t>(m_shape.out_c); }
  std::size_t rows() const {
    return static_cast<std::size_t>(m_shape.planes) * static_cast<std::size_t>(m_shape.out_h);
  }

  // Some channels at a time, side by side.
  void pool(const T* in, T* out, std::size_t row, std::size_t column, std::size_t first,
            std::size_t end) const {
    constexpr std::size_t k_together = 64;
    const auto out_h = static_cast<std::size_t>(m_shape.out_h);
    in += row / out_h * m_shape.in_plane();
    out += (row * static_cast<std::size_t>(m_shape.out_w) + column) * channels();
    const int top = static_cast<int>(row % out_h) * m_shape.stride_h - m_shape.pad_h;
    const int left = static_cast<int>(column) * m_shape.stride_w - m_shape.pad_w;
    const int first_y = std::max(top, 0);
    const int first_x = std::max(left, 0);
    const int end_y = std::min(top + m_shape.filter_h, m_shape.in_h);
    const int end_x = std::min(left + m_shape.filter_w, m_shape.in_w);
    const std::int32_t taps = std::max(end_y - first_y, 0) * std::max(end_x - first_x, 0);
    std::array<Reduction, k_together> reductions;
    for (std::size_t c = first; c < end; c += k_together) {
      const std::size_t count = std::min(k_together, end - c);
      std::fill_n(reductions.begin(), count, Reduction());
      for (int y = first_y; y < end_y; ++y)
        for (int x = first_x; x < end_x; ++x) {
          const T* pixel = in + static_cast<std::size_t>(y * m_shape.in_w + x) * channels() + c;
          for (std::size_t i = 0; i < count; ++i) reductions[i].add(pixel[i]);
        }
      for (std::size_t i = 0; i < count; ++i)
        out[c + i] = static_cast<T>(m_clamp(reductions[i].result(taps)));
    }
  }

  ConvolutionShape m_shape;
  Clamp m_clamp;
};

template <class T, class Mean, class Clamp>
PreparedKernel make_pool(OperatorKind kind, const ConvolutionShape& shape, Clamp clamp) {
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
  ConvolutionShape shape;
  shape.planes = input.shape[0];
  shape.in_h = input.shape[1];
  shape.in_w = input.shape[2];
  shape.in_c = shape.out_c = shape.groups = input.shape[3];
  shape.out_h = window.out_h;
  shape.out_w = window.out_w;
  shape.filter_h = options.filter_h;
  shape.filter_w = options.filter_w;
  shape.stride_h = options.stride_h;
  shape.stride_w = options.stride_w;
  shape.pad_h = window.pad_h;
  shape.pad_w = window.pad_w;
  const OperatorKind kind = view.op().kind;
  if (input.type == TensorType::float32)
    return make_pool<float, FloatAverage>(kind, shape, float_range(options.activation));
  QFI_TRY(const ActivationRange range, activation_range(options.activation, view.output()));
  return with_integer(input.type,
                      [&]<class T>() { return make_pool<T, Average>(kind, shape, IntegerClamp{range}); });
}

}  // namespace qfi
