// SPDX-License-Identifier: Apache-2.0
// ADD, SUB, MUL, SQUARED_DIFFERENCE, MAXIMUM, MINIMUM, PRELU: each output element from one element of each
// of two inputs, with NumPy's broadcasting.
#include <array>
#include <cmath>
#include <functional>
#include <optional>

#include "../kernel.hpp"
#include "../kernels/instruction_set.hpp"
#include "../strided_loop.hpp"

namespace qfi {
namespace {

Result<Loop<2>> broadcast_loop(const OperatorView& view) {
  Loop<2> loop;
  QFI_CHECK(view.set_output_shape(broadcast_shape(view.input(0).shape, view.input(1).shape)));
  for (const int size : view.output().shape) loop.push_back({size, {}});
  QFI_CHECK(add_broadcast_strides(view.input(0).shape, view.input(1).shape, 0, loop));
  return joined(loop);
}

// Function: (T, T) -> T.
template <class T, class Function>
class BinaryKernel final : public Kernel {
 public:
  BinaryKernel(Loop<2> loop, const Function& function) : m_loop(std::move(loop)), m_function(function) {}

  void run(const KernelCall& call) const override {
    const auto inner = m_loop.back();
    for (std::size_t image = 0; image < call.images; ++image) {
      const T* a = call.input<T>(0, image);
      const T* b = call.input<T>(1, image);
      T* out = call.out<T>(image);
      for_each_row(m_loop, [&](const std::array<std::int64_t, 2>& offsets) {
        const T* x = a + offsets[0];
        const T* y = b + offsets[1];
        if constexpr (requires { m_function.form(); }) {
          if (m_function.form() && inner.strides == std::array<std::int64_t, 2>{1, 1}) {
            run_form(x, y, out, static_cast<std::size_t>(inner.size));
            out += inner.size;
            return;
          }
        }
        for (std::int64_t i = 0; i < inner.size; ++i, x += inner.strides[0], y += inner.strides[1])
          *out++ = m_function(*x, *y);
      });
    }
  }
  DeviceForm device_form() const override {
    if constexpr (requires { m_function.form(); }) {
      if (m_function.form() && is_elementwise()) return *m_function.form();
    }
    return {};
  }
  ByteSet possible_outputs() const override {
    if constexpr (sizeof(T) == 1) return m_function.results();
    else return ByteSet::all();
  }
  bool is_elementwise() const override {
    return m_loop.size() == 1 && m_loop.back().strides == std::array<std::int64_t, 2>{1, 1};
  }
  void run_range(const KernelCall& call, std::size_t first, std::size_t count,
                 std::size_t stride) const override {
    const T* x = call.input<T>(0, 0) + first;
    const T* y = call.input<T>(1, 0) + first;
    T* out = call.out<T>(0) + first;
    if constexpr (requires { m_function.form(); }) {
      if (m_function.form() && stride == 1) return run_form(x, y, out, count);
    }
    for (std::size_t i = 0; i < count * stride; i += stride) out[i] = m_function(x[i], y[i]);
  }
  std::size_t bytes() const override { return sizeof(*this) + (sizeof(T) == 1 ? k_code_pairs : 0); }

 private:
  void run_form(const T* x, const T* y, T* out, std::size_t count) const {
    instruction_set().linear_pair(
        *m_function.form(), std::is_signed_v<T>, reinterpret_cast<const std::uint8_t*>(x),
        reinterpret_cast<const std::uint8_t*>(y), count, reinterpret_cast<std::uint8_t*>(out));
  }

  Loop<2> m_loop;
  Function m_function;
};

// Every result for two 8-bit values, computed once; and a faster form, where one gives just these results.
template <class T, class Function>
class Tabulated {
 public:
  Tabulated(const Function& function, std::span<const LinearPair> forms) : Tabulated(function) {
    const auto right = std::ranges::find_if(forms, [&](const LinearPair& form) { return is_right(form); });
    if (right != forms.end()) m_form = *right;
  }
  explicit Tabulated(const Function& function) : m_table(std::make_shared<std::array<T, k_code_pairs>>()) {
    for (std::size_t x = 0; x < 256; ++x)
      for (std::size_t y = 0; y < 256; ++y)
        (*m_table)[x << 8U | y] = function(static_cast<T>(x), static_cast<T>(y));
  }
  ByteSet results() const {
    ByteSet results{};
    for (const T value : *m_table) results[static_cast<std::uint8_t>(value)] = true;
    return results;
  }
  T operator()(T x, T y) const {
    return (*m_table)[std::size_t{static_cast<std::uint8_t>(x)} << 8U | static_cast<std::uint8_t>(y)];
  }
  const std::optional<LinearPair>& form() const { return m_form; }

 private:
  // For all pairs of codes.
  bool is_right(const LinearPair& form) const {
    std::array<std::uint8_t, 256> y;
    for (std::size_t i = 0; i < 256; ++i) y[i] = static_cast<std::uint8_t>(i);
    std::array<std::uint8_t, 256> same_x, results;
    for (std::size_t x = 0; x < 256; ++x) {
      same_x.fill(static_cast<std::uint8_t>(x));
      instruction_set().linear_pair(form, std::is_signed_v<T>, same_x.data(), y.data(), 256, results.data());
      for (std::size_t i = 0; i < 256; ++i)
        if (results[i] != static_cast<std::uint8_t>((*m_table)[x << 8U | i])) return false;
    }
    return true;
  }

  std::shared_ptr<std::array<T, k_code_pairs>> m_table;
  std::optional<LinearPair> m_form;
};

// Stored values minus the zero point, shifted left and rescaled to twice the larger input scale.
template <class T>
class RescaledInput {
 public:
  RescaledInput() = default;
  RescaledInput(std::int32_t zero_point, int left_shift, QuantizedMultiplier factor)
      : m_zero_point(zero_point), m_left_shift(left_shift), m_factor(factor) {
    if constexpr (sizeof(T) == 1)
      for (int byte = 0; byte < 256; ++byte)
        m_table[static_cast<std::size_t>(byte)] = rescale(static_cast<T>(byte));
  }
  std::int32_t operator()(T stored) const {
    if constexpr (sizeof(T) == 1) return m_table[static_cast<std::uint8_t>(stored)];
    else return rescale(stored);
  }

 private:
  std::int32_t rescale(T stored) const {
    return multiply_by_quantized_multiplier((stored - m_zero_point) * (1 << m_left_shift), m_factor);
  }

  std::int32_t m_zero_point = 0;
  int m_left_shift = 0;
  QuantizedMultiplier m_factor;
  std::array<std::int32_t, sizeof(T) == 1 ? 256 : 0> m_table{};
};

struct RescaledOutput {
  QuantizedMultiplier factor;
  std::int32_t zero_point = 0;
  ActivationRange range;

  std::int32_t operator()(std::int32_t value) const {
    const std::int32_t scaled = wrapping_add(multiply_by_quantized_multiplier(value, factor), zero_point);
    return std::clamp(scaled, range.min, range.max);
  }
};

template <class T>
struct RescaledPair {
  RescaledInput<T> a;
  RescaledInput<T> b;
  RescaledOutput out;
};

template <class T>
struct Sum : RescaledPair<T> {
  T operator()(T x, T y) const { return static_cast<T>(this->out(wrapping_add(this->a(x), this->b(y)))); }
};

template <class T>
struct Difference : RescaledPair<T> {
  T operator()(T x, T y) const {
    return static_cast<T>(this->out(wrapping_subtract(this->a(x), this->b(y))));
  }
};

template <class T>
struct SquaredDifference : RescaledPair<T> {
  T operator()(T x, T y) const {
    const std::int32_t difference = wrapping_subtract(this->a(x), this->b(y));
    return static_cast<T>(this->out(wrapping_multiply(difference, difference)));
  }
};

template <class T>
struct Product {
  std::int32_t zero_a;
  std::int32_t zero_b;
  RescaledOutput out;
  T operator()(T x, T y) const { return static_cast<T>(out((x - zero_a) * (y - zero_b))); }
};

// A value from the zero point on is rescaled; one below is multiplied by its slope, the second input, first.
template <class T>
struct Prelu {
  std::int32_t zero_value;
  std::int32_t zero_slope;
  QuantizedMultiplier factor;
  RescaledOutput below_zero;
  T operator()(T x, T slope) const {
    const std::int32_t value = x - zero_value;
    if (value < 0) return static_cast<T>(below_zero(wrapping_multiply(value, slope - zero_slope)));
    return static_cast<T>(RescaledOutput{factor, below_zero.zero_point, below_zero.range}(value));
  }
};

struct FloatPrelu {
  float operator()(float x, float slope) const { return x >= 0.0F ? x : x * slope; }
};

// Whole numbers, as graphs compute with shapes: they wrap.
template <class Operation>
struct Whole {
  template <class T>
  T operator()(T x, T y) const {
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(Operation{}(static_cast<Unsigned>(x), static_cast<Unsigned>(y)));
  }
};

struct Larger {
  template <class T>
  T operator()(T x, T y) const {
    return x > y ? x : y;  // of NaN and a number the second
  }
};
struct Smaller {
  template <class T>
  T operator()(T x, T y) const {
    return x < y ? x : y;
  }
};

struct FloatSum {
  FloatRange range;
  float operator()(float x, float y) const { return range(x + y); }
};
struct FloatDifference {
  FloatRange range;
  float operator()(float x, float y) const { return range(x - y); }
};
struct FloatProduct {
  FloatRange range;
  float operator()(float x, float y) const { return range(x * y); }
};

Activation fused_activation(const OperatorView& view) {
  const auto* options = std::get_if<ActivationOptions>(&view.op().options);
  return options == nullptr ? Activation::none : options->activation;
}

template <class T>
Result<RescaledPair<T>> rescaled_pair(const OperatorView& view) {
  const auto& a = view.input(0).quantization;
  const auto& b = view.input(1).quantization;
  const double output_scale = view.output().quantization.scales[0];
  const bool is_squared = view.op().kind == OperatorKind::squared_difference;
  const int left_shift = is_squared ? 7 : sizeof(T) == 2 ? 15 : 20;
  const double twice_larger = 2 * std::max(a.scales[0], b.scales[0]);
  const double real_output =
      is_squared ? twice_larger * twice_larger / (std::ldexp(1.0, 2 * left_shift) * output_scale)
                 : twice_larger / (std::ldexp(1.0, left_shift) * output_scale);
  QFI_TRY(const QuantizedMultiplier factor_a, factor_of(a.scales[0] / twice_larger));
  QFI_TRY(const QuantizedMultiplier factor_b, factor_of(b.scales[0] / twice_larger));
  RescaledPair<T> pair;
  pair.a = RescaledInput<T>(a.zero_points[0], left_shift, factor_a);
  pair.b = RescaledInput<T>(b.zero_points[0], left_shift, factor_b);
  QFI_TRY(pair.out.factor, factor_of(real_output));
  pair.out.zero_point = view.output().quantization.zero_points[0];
  QFI_TRY(pair.out.range, activation_range(fused_activation(view), view.output()));
  return pair;
}

template <class T>
Result<Product<T>> product(const OperatorView& view) {
  const auto& a = view.input(0).quantization;
  const auto& b = view.input(1).quantization;
  Product<T> result{a.zero_points[0], b.zero_points[0], {}};
  // The runtime multiplies and divides the scales as floats here.
  QFI_TRY(result.out.factor, factor_of(a.scales[0] * b.scales[0] / view.output().quantization.scales[0]));
  result.out.zero_point = view.output().quantization.zero_points[0];
  QFI_TRY(result.out.range, activation_range(fused_activation(view), view.output()));
  return result;
}

template <class T>
Result<Prelu<T>> prelu(const OperatorView& view) {
  const auto& value = view.input(0).quantization;
  const auto& slope = view.input(1).quantization;
  const auto& output = view.output().quantization;
  Prelu<T> result{value.zero_points[0], slope.zero_points[0], {}, {}};
  // The runtime multiplies and divides the scales as floats here too.
  QFI_TRY(result.factor, factor_of(value.scales[0] / output.scales[0]));
  QFI_TRY(result.below_zero.factor, factor_of(value.scales[0] * slope.scales[0] / output.scales[0]));
  result.below_zero.zero_point = output.zero_points[0];
  result.below_zero.range = type_range(view.output().type);
  return result;
}

// The sum (sign 1) or difference (sign -1) as real numbers would give it, rounded in ways that differ where a
// result lies next to a half.
std::vector<LinearPair> linear_forms(const OperatorView& view, int sign, const ActivationRange& range) {
  const auto& x = view.input(0).quantization;
  const auto& y = view.input(1).quantization;
  const auto& output = view.output().quantization;
  const double largest_code = view.output().type == TensorType::int8 ? 128 : 255;
  std::vector<LinearPair> forms;
  for (int shift = 24; shift >= 19; --shift) {
    const double one = 1 << shift;
    const double of_x = one * x.scales[0] / output.scales[0];
    const double of_y = sign * one * y.scales[0] / output.scales[0];
    const double offset =
        one * (output.zero_points[0] + 0.5) - of_x * x.zero_points[0] - of_y * y.zero_points[0];
    const double largest = largest_code * (std::abs(of_x) + std::abs(of_y)) + std::abs(offset) + 2 * one;
    if (!(largest < 2147483647.0)) continue;
    const auto rounded = [](double value) { return static_cast<std::int32_t>(std::lround(value)); };
    for (const int nudge_x : {0, -1, 1})
      for (const int nudge_y : {0, -1, 1})
        for (const int nudge : {0, -4, 4, -16, 16, -64, 64})
          forms.push_back({rounded(of_x) + nudge_x, rounded(of_y) + nudge_y, rounded(offset) + nudge, shift,
                           range.min, range.max});
  }
  return forms;
}

template <class T, class Function>
PreparedKernel make_linear(const OperatorView& view, const Loop<2>& loop, const Function& function,
                           int sign) {
  if constexpr (sizeof(T) == 1) {
    const Tabulated<T, Function> tabulated(function, linear_forms(view, sign, function.out.range));
    return std::make_unique<BinaryKernel<T, Tabulated<T, Function>>>(loop, tabulated);
  } else {
    return std::make_unique<BinaryKernel<T, Function>>(loop, function);
  }
}

template <class T, class Function>
PreparedKernel make_binary(const Loop<2>& loop, const Function& function) {
  if constexpr (sizeof(T) == 1)
    return std::make_unique<BinaryKernel<T, Tabulated<T, Function>>>(loop, Tabulated<T, Function>(function));
  else return std::make_unique<BinaryKernel<T, Function>>(loop, function);
}

template <class T>
PreparedKernel prepare_integer(const OperatorView& view, const Loop<2>& loop) {
  switch (view.op().kind) {
    case OperatorKind::maximum: return make_binary<T>(loop, Larger{});
    case OperatorKind::minimum: return make_binary<T>(loop, Smaller{});
    case OperatorKind::mul: {
      QFI_TRY(const Product<T> function, product<T>(view));
      return make_binary<T>(loop, function);
    }
    case OperatorKind::prelu: {
      QFI_TRY(const Prelu<T> function, prelu<T>(view));
      return make_binary<T>(loop, function);
    }
    default: break;
  }
  QFI_TRY(const RescaledPair<T> pair, rescaled_pair<T>(view));
  if (view.op().kind == OperatorKind::add) return make_linear<T>(view, loop, Sum<T>{pair}, 1);
  if (view.op().kind == OperatorKind::sub) return make_linear<T>(view, loop, Difference<T>{pair}, -1);
  return make_binary<T>(loop, SquaredDifference<T>{pair});
}

PreparedKernel prepare_float(const OperatorView& view, const Loop<2>& loop) {
  const FloatRange range = float_range(fused_activation(view));
  switch (view.op().kind) {
    case OperatorKind::maximum: return make_binary<float>(loop, Larger{});
    case OperatorKind::minimum: return make_binary<float>(loop, Smaller{});
    case OperatorKind::mul: return make_binary<float>(loop, FloatProduct{range});
    case OperatorKind::prelu: return make_binary<float>(loop, FloatPrelu{});
    case OperatorKind::sub: return make_binary<float>(loop, FloatDifference{range});
    default: return make_binary<float>(loop, FloatSum{range});
  }
}

template <class T>
PreparedKernel prepare_whole(const OperatorView& view, const Loop<2>& loop) {
  if (fused_activation(view) != Activation::none)
    return bad_input("a fused activation is not supported here");
  switch (view.op().kind) {
    case OperatorKind::maximum: return make_binary<T>(loop, Larger{});
    case OperatorKind::minimum: return make_binary<T>(loop, Smaller{});
    case OperatorKind::mul: return make_binary<T>(loop, Whole<std::multiplies<>>{});
    case OperatorKind::sub: return make_binary<T>(loop, Whole<std::minus<>>{});
    default: return make_binary<T>(loop, Whole<std::plus<>>{});
  }
}

// INT16 with scales that are all powers of two has an arithmetic of its own, where the file asks
// for it; no recording covers it.
Result<void> check_not_power_of_two(const OperatorView& view) {
  const auto* options = std::get_if<ActivationOptions>(&view.op().options);
  if (options == nullptr || !options->power_of_two_scales || view.output().type != TensorType::int16)
    return {};
  for (const Tensor* tensor : {&view.input(0), &view.input(1), &view.output()})
    if (!power_of_two(tensor->quantization.scales[0])) return {};
  return bad_input("INT16 arithmetic for scales that are powers of two is not supported");
}

}  // namespace

PreparedKernel prepare_binary(const OperatorView& view) {
  using enum TensorType;
  QFI_CHECK(view.check_counts(2, 2));
  for (std::size_t k = 0; k < 2; ++k) {
    switch (view.op().kind) {
      case OperatorKind::squared_difference: QFI_CHECK(view.check_types(k, {int8})); break;
      case OperatorKind::prelu: QFI_CHECK(view.check_types(k, {int8, uint8, float32})); break;
      default: QFI_CHECK(view.check_types(k, {int8, uint8, int16, int32, int64, float32}));
    }
  }
  QFI_TRY(const Loop<2> loop, broadcast_loop(view));
  if (view.output().type == float32) return prepare_float(view, loop);
  if (view.output().type == int32) return prepare_whole<std::int32_t>(view, loop);
  if (view.output().type == int64) return prepare_whole<std::int64_t>(view, loop);
  QFI_CHECK(check_not_power_of_two(view));
  return with_integer(view.output().type, [&]<class T>() { return prepare_integer<T>(view, loop); });
}

}  // namespace qfi
