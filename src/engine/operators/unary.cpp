// SPDX-License-Identifier: Apache-2.0
// Each output element from one input element: RELU, RELU6, RELU_N1_TO_1, LEAKY_RELU, HARD_SWISH, ABS,
// NEG, EXP, GELU, LOGISTIC, TANH, RSQRT, QUANTIZE, DEQUANTIZE, CAST. For 8- and 16-bit inputs the
// function is tabulated over all codes when the operator is prepared.
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "../kernel.hpp"
#include "../piecewise_linear.hpp"
#include "qfi/arith/fixed_point.hpp"

namespace qfi {
namespace {

using Type = TensorType;

// out[i] = function(in[i]).
template <class In, class Out, class Function>
class MapKernel final : public Kernel {
 public:
  MapKernel(std::size_t elements, Function function)
      : m_elements(elements), m_function(std::move(function)) {}
  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image) {
      const auto* in = call.input<std::byte>(0, image);
      Out* out = call.out<Out>(image);
      for (std::size_t i = 0; i < m_elements; ++i) out[i] = value_at(in, i);
    }
  }
  bool is_elementwise() const override { return true; }
  void run_range(const KernelCall& call, std::size_t first, std::size_t count,
                 std::size_t stride) const override {
    for (std::size_t i = first; i < first + count * stride; i += stride)
      call.out<Out>(0)[i] = value_at(call.input<std::byte>(0, 0), i);
  }
  std::size_t bytes() const override { return sizeof(*this) + extra_bytes(m_function); }

 private:
  Out value_at(const std::byte* in, std::size_t i) const {
    In value;  // by bytes: 64-bit constants of a file need not be aligned
    std::memcpy(&value, in + i * sizeof(In), sizeof(In));
    return static_cast<Out>(m_function(value));
  }

  template <class F>
  static std::size_t extra_bytes(const F& function) {
    if constexpr (requires { function.bytes(); }) return function.bytes();
    else return 0;
  }
  std::size_t m_elements;
  Function m_function;
};

template <class In, class Out, class Function>
PreparedKernel make_map(const OperatorView& view, Function function) {
  return std::make_unique<MapKernel<In, Out, Function>>(view.output().elements(), std::move(function));
}

// A function of an 8- or 16-bit code as a table.
template <class In, class Out>
class CodeTable {
 public:
  template <class Function>
  explicit CodeTable(const Function& function) : m_values(std::size_t{1} << (8 * sizeof(In))) {
    for (std::size_t i = 0; i < m_values.size(); ++i)
      m_values[i] = static_cast<Out>(function(std::int32_t{static_cast<In>(i)}));
  }
  Out operator()(In code) const { return m_values[static_cast<std::make_unsigned_t<In>>(code)]; }
  std::size_t bytes() const { return m_values.size() * sizeof(Out); }

 private:
  std::vector<Out> m_values;
};

// Function: stored value -> stored value, both as int32.
template <class In, class Out = In, class Function>
PreparedKernel make_table(const OperatorView& view, const Function& function) {
  return make_map<In, Out>(view, CodeTable<In, Out>(function));
}

// (value - input zero point) * factor + output zero point, clamped.
struct Rescaling {
  std::int32_t input_zero_point = 0;
  QuantizedMultiplier factor;
  std::int32_t output_zero_point = 0;
  ActivationRange range;

  std::int32_t operator()(std::int32_t stored) const {
    const std::int32_t value = wrapping_subtract(stored, input_zero_point);
    const std::int32_t scaled = multiply_by_quantized_multiplier(value, factor);
    return std::clamp(wrapping_add(scaled, output_zero_point), range.min, range.max);
  }
};

Result<Rescaling> rescaling(const OperatorView& view, double real, Activation activation = Activation::none) {
  Rescaling result;
  result.input_zero_point = view.input(0).quantization.zero_points[0];
  result.output_zero_point = view.output().quantization.zero_points[0];
  QFI_TRY(result.factor, factor_of(real));
  QFI_TRY(result.range, activation_range(activation, view.output()));
  return result;
}

// Several operators divide the scales as floats.
float scale_ratio(const OperatorView& view) {
  return view.input(0).quantization.scales[0] / view.output().quantization.scales[0];
}

PreparedKernel prepare_relu(const OperatorView& view) {
  const OperatorKind kind = view.op().kind;
  const Activation activation = kind == OperatorKind::relu    ? Activation::relu
                                : kind == OperatorKind::relu6 ? Activation::relu6
                                                              : Activation::relu_n1_to_1;
  QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16, Type::float32}));
  if (view.output().type == Type::float32) return make_map<float, float>(view, float_range(activation));
  QFI_TRY(const Rescaling function, rescaling(view, scale_ratio(view), activation));
  return with_integer(view.output().type, [&]<class T>() { return make_table<T>(view, function); });
}

PreparedKernel prepare_leaky_relu(const OperatorView& view) {
  QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16}));
  const float alpha = view.options<LeakyReluOptions>().alpha;
  const float input_scale = view.input(0).quantization.scales[0];
  QFI_TRY(const Rescaling positive, rescaling(view, scale_ratio(view)));
  QFI_TRY(const QuantizedMultiplier slope,
          factor_of(std::fabs(input_scale * alpha / view.output().quantization.scales[0])));
  return with_integer(view.output().type, [&]<class T>() {
    return make_table<T>(view, [&](std::int32_t stored) {
      const std::int32_t value = stored - positive.input_zero_point;
      if (value >= 0) return positive(stored);
      const std::int32_t scaled = multiply_by_quantized_multiplier(value, slope);
      return std::clamp(wrapping_add(positive.output_zero_point, alpha < 0 ? -scaled : scaled),
                        positive.range.min, positive.range.max);
    });
  });
}

PreparedKernel prepare_abs(const OperatorView& view) {
  QFI_CHECK(view.check_types(0, {Type::int8, Type::int16}));
  QFI_TRY(const Rescaling magnitude, rescaling(view, scale_ratio(view)));
  return with_integer(view.output().type, [&]<class T>() {
    return make_table<T>(view, [&](std::int32_t stored) {
      const std::int32_t value = std::abs(stored - magnitude.input_zero_point);
      return magnitude(wrapping_add(value, magnitude.input_zero_point));
    });
  });
}

std::int16_t saturated_16(std::int64_t value) {
  return static_cast<std::int16_t>(std::clamp<std::int64_t>(value, -32768, 32767));
}

// a * b / 2^15, rounded half towards positive infinity or towards zero. Never min * min here.
std::int16_t rounding_high_multiply(std::int16_t a, std::int16_t b) {
  const std::int32_t product = std::int32_t{a} * std::int32_t{b};
  const std::int32_t nudge = product >= 0 ? 1 << 14 : 1 - (1 << 14);
  return saturated_16((product + nudge) / (1 << 15));
}
std::int16_t truncating_high_multiply(std::int16_t a, std::int16_t b) {
  return saturated_16(std::int32_t{a} * std::int32_t{b} / (1 << 15));
}

// The multiplier of a factor as 16 bits: 0, or in [2^14, 2^15).
std::int16_t multiplier_16(QuantizedMultiplier factor) {
  constexpr std::int64_t k_half = 1 << 15;
  return saturated_16((factor.multiplier + k_half) >> 16);
}

// x * relu6(x + 3) / 6 in 16-bit fixed point.
PreparedKernel prepare_hard_swish(const OperatorView& view) {
  QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8}));
  const std::int32_t input_zero = view.input(0).quantization.zero_points[0];
  const std::int32_t output_zero = view.output().quantization.zero_points[0];
  const float fine_scale = view.input(0).quantization.scales[0] / 128.0F;
  constexpr float k_third_scale = 3.0F / 32768.0F;  // 3 becomes 2^15
  QFI_TRY(const QuantizedMultiplier to_output, factor_of(fine_scale / view.output().quantization.scales[0]));
  QFI_TRY(const QuantizedMultiplier to_thirds, factor_of(fine_scale / k_third_scale));
  if (to_output.shift > 0 || to_output.shift < -15 || to_thirds.shift < -15)
    return bad_input("its scales are too far apart");
  const auto function = [&](std::int32_t stored) -> std::int16_t {
    const auto fine = static_cast<std::int16_t>((stored - input_zero) * (1 << 7));
    const std::int16_t value = rounding_high_multiply(fine, multiplier_16(to_output));
    // x / 3, saturated to [-1, 1): the last bit of a left shift comes after the multiplication.
    std::int16_t third = fine;
    if (to_thirds.shift > 0)
      third = saturated_16(std::int64_t{third} * (std::int64_t{1} << (to_thirds.shift - 1)));
    third = rounding_high_multiply(third, multiplier_16(to_thirds));
    if (to_thirds.shift > 0) third = saturated_16(std::int64_t{third} * 2);
    else third = static_cast<std::int16_t>(rounding_divide_by_power_of_two(third, -to_thirds.shift));
    const auto gate = static_cast<std::int16_t>((third + (1 << 15)) >> 1);
    const std::int32_t product = truncating_high_multiply(gate, value);
    return static_cast<std::int16_t>(rounding_divide_by_power_of_two(product, -to_output.shift) +
                                     output_zero);
  };
  return with_integer(view.output().type, [&]<class T>() {
    return make_table<T>(view, [&](std::int32_t stored) { return saturated<T>(function(stored)); });
  });
}

// Real functions. They are evaluated in double and rounded to float once: the same on every machine.
float rounded_exp(float x) { return static_cast<float>(std::exp(double{x})); }
float logistic(float x) { return 1.0F / (1.0F + rounded_exp(-x)); }
float hyperbolic_tangent(float x) { return static_cast<float>(std::tanh(double{x})); }
float gelu(float x) {
  return 0.5F * x * static_cast<float>(std::erfc(double{x * static_cast<float>(-std::numbers::sqrt2 / 2)}));
}
float gelu_by_tanh(float x) {
  constexpr auto k_factor = static_cast<float>(std::numbers::inv_sqrtpi * std::numbers::sqrt2);
  return 0.5F * x * (1.0F + hyperbolic_tangent(k_factor * (x + 0.044715F * x * x * x)));
}

using RealFunction = float (*)(float);

// A real number of steps as a code. The runtime saturates INT8 before it converts; UINT8 after that, and what
// int32 cannot hold converts to its smallest number.
template <class T>
T code_of_steps(float steps) {
  if constexpr (std::is_same_v<T, std::uint8_t>) return saturated<T>(round_to_int32(steps));
  if (!(steps > -128.0F)) return -128;
  return steps < 127.0F ? static_cast<T>(steps) : T{127};
}

// 8 bits: the real function of every code.
template <class T>
PreparedKernel make_real_8(const OperatorView& view, RealFunction function) {
  const float input_scale = view.input(0).quantization.scales[0];
  const float inverse_scale = 1.0F / view.output().quantization.scales[0];
  const std::int32_t input_zero = view.input(0).quantization.zero_points[0];
  const auto output_zero = static_cast<float>(view.output().quantization.zero_points[0]);
  return make_table<T>(view, [&](std::int32_t stored) {
    const float real = input_scale * static_cast<float>(stored - input_zero);
    return code_of_steps<T>(std::round(function(real) * inverse_scale) + output_zero);
  });
}

PiecewiseLinear piecewise_linear(float input_scale, float output_scale, const auto& function) {
  return {input_scale * -32768.0F, input_scale * 32767.0F,
          65536.0F / (output_scale * 32767.0F - output_scale * -32768.0F), function};
}

PreparedKernel make_real(const OperatorView& view, RealFunction function) {
  switch (view.output().type) {
    case Type::int8: return make_real_8<std::int8_t>(view, function);
    case Type::uint8: return make_real_8<std::uint8_t>(view, function);
    case Type::int16:
      return make_table<std::int16_t>(view, piecewise_linear(view.input(0).quantization.scales[0],
                                                             view.output().quantization.scales[0], function));
    default: return make_map<float, float>(view, function);
  }
}

// INT16 TANH and LOGISTIC share a table of 65536 / (1 + exp(-i / 24)), whose values are moved by
// half of the error that a straight line makes in the middle of a piece; the last is 65535.
const std::array<std::uint16_t, 256>& logistic_table() {
  static const std::array<std::uint16_t, 256> k_table = [] {
    std::array<std::uint16_t, 256> table{};
    const auto exact = [](int i) { return 65536.0 / (1.0 + std::exp(-i / 24.0)); };
    for (int i = 0; i < 255; ++i) {
      const double curvature = 2 * exact(i) - exact(i + 1) - exact(i - 1);
      table[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(std::round(exact(i) + curvature / 16));
    }
    table[255] = 65535;
    return table;
  }();
  return k_table;
}

// Input codes to steps of 1 / (3 * 4096): value * multiplier, then a rounding right shift.
struct TableSteps {
  std::int32_t multiplier = 0;
  int shift = 0;
  std::int32_t operator()(std::int32_t stored) const {
    const std::int32_t half = shift > 0 ? 1 << (shift - 1) : 0;
    return wrapping_add(wrapping_multiply(stored, multiplier), half) >> shift;
  }
};

// `most_left_shift`: scales of 2^-12 times up to 2^this are multiplied exactly.
Result<TableSteps> table_steps(float scale, int most_left_shift) {
  if (const auto exponent = power_of_two(scale)) {
    const int left_shift = 12 + *exponent;
    if (left_shift >= 0 && left_shift <= most_left_shift) return TableSteps{3 << left_shift, 0};
  }
  double multiplier = double{scale} * 4096.0 * 3.0;
  if (!(multiplier < 65536.0)) return bad_input("input scale {} is too large", scale);
  TableSteps steps;
  for (; multiplier <= 32767.0 / 2.0 && steps.shift <= 30; ++steps.shift) multiplier *= 2.0;
  steps.multiplier = static_cast<std::int32_t>(multiplier);
  if (steps.shift > 30) return bad_input("input scale {} is too small", scale);
  return steps;
}

std::int32_t logistic_16(std::int32_t steps) {
  const std::uint32_t distance = static_cast<std::uint32_t>(std::abs(std::int64_t{steps}));
  const std::uint32_t piece = distance >> 9;
  std::uint32_t result = 0x7FFFU << 10;
  if (piece < 255) {
    const std::uint32_t left = logistic_table()[piece];
    result = (left << 9) + (distance & 0x1FF) * (logistic_table()[piece + 1] - left);
  }
  result = steps >= 0 ? result + (1U << 9) : (1U << 25) - result + (1U << 9) - 1;
  return static_cast<std::int16_t>(result >> 10);
}

std::int32_t tanh_16(std::int32_t steps) {
  const std::uint32_t distance = static_cast<std::uint32_t>(std::abs(std::int64_t{steps}));
  const std::uint32_t piece = distance >> 8;
  std::int32_t result = 0xFFFF << 8;
  if (piece < 255) {
    const std::uint32_t left = logistic_table()[piece];
    result =
        static_cast<std::int32_t>((left << 8) + (distance & 0xFF) * (logistic_table()[piece + 1] - left));
  }
  result = steps >= 0 ? result - (1 << 23) + (1 << 7) : -result + (1 << 23) + (1 << 7) - 1;
  return static_cast<std::int16_t>(result >> 8);
}

Result<void> check_output_scale(const OperatorView& view, float scale, std::int32_t zero_point) {
  const Quantization& output = view.output().quantization;
  if (output.scales[0] != scale || output.zero_points[0] != zero_point)
    return bad_input("the output must have the scale {} and the zero point {}", scale, zero_point);
  return {};
}

PreparedKernel prepare_logistic(const OperatorView& view) {
  QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16, Type::float32}));
  const Type type = view.output().type;
  if (type == Type::float32) return make_real(view, logistic);
  if (type != Type::int16) {
    QFI_CHECK(check_output_scale(view, 1.0F / 256, type_range(type).min));
    return make_real(view, logistic);
  }
  QFI_CHECK(check_output_scale(view, 1.0F / 32768, 0));
  QFI_TRY(const TableSteps steps, table_steps(view.input(0).quantization.scales[0], 0));
  return make_table<std::int16_t>(view, [&](std::int32_t stored) { return logistic_16(steps(stored)); });
}

PreparedKernel prepare_tanh(const OperatorView& view) {
  QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16}));
  if (view.output().type != Type::int16) return make_real(view, hyperbolic_tangent);
  QFI_CHECK(check_output_scale(view, 1.0F / 32768, 0));
  QFI_TRY(const TableSteps steps, table_steps(view.input(0).quantization.scales[0], 1));
  return make_table<std::int16_t>(view, [&](std::int32_t stored) { return tanh_16(steps(stored)); });
}

// Not positive: the largest output. (The runtime stops there; a fault may well bring it about.)
PreparedKernel prepare_rsqrt(const OperatorView& view) {
  QFI_CHECK(view.check_types(0, {Type::int8, Type::int16}));
  const float input_scale = view.input(0).quantization.scales[0];
  const float output_scale = view.output().quantization.scales[0];
  if (view.output().type == Type::int16)
    return make_table<std::int16_t>(view, piecewise_linear(input_scale, output_scale, [&](float x) {
                                      return x <= 0.0F ? 32767.0F * output_scale : 1.0F / std::sqrt(x);
                                    }));
  constexpr int k_fraction_bits = 20;
  QFI_TRY(const QuantizedMultiplier factor, factor_of(1.0 / double{std::sqrt(input_scale) * output_scale}));
  if (factor.shift - k_fraction_bits < -31) return bad_input("its scales give a factor that is too small");
  const std::int32_t input_zero = view.input(0).quantization.zero_points[0];
  const std::int32_t output_zero = view.output().quantization.zero_points[0];
  return make_table<std::int8_t>(view, [&](std::int32_t stored) -> std::int32_t {
    const std::int32_t value = stored - input_zero;
    if (value <= 0) return 127;
    QuantizedMultiplier root = inverse_square_root(value);
    root.shift += k_fraction_bits;
    const std::int32_t fraction = multiply_by_quantized_multiplier(1, root);
    const std::int32_t scaled = multiply_by_quantized_multiplier(
        fraction, QuantizedMultiplier{factor.multiplier, factor.shift - k_fraction_bits});
    return saturated<std::int8_t>(wrapping_add(scaled, output_zero));
  });
}

template <class Out>
struct Quantize {
  float scale;
  std::int32_t zero_point;
  Out operator()(float value) const {
    return saturated<Out>(wrapping_add(round_to_int32(value / scale), zero_point));
  }
};

template <class In>
PreparedKernel make_requantize(const OperatorView& view, const Rescaling& function) {
  if (view.output().type == Type::int32) return make_table<In, std::int32_t>(view, function);
  return with_integer(view.output().type, [&]<class Out>() { return make_table<In, Out>(view, function); });
}

PreparedKernel prepare_quantize(const OperatorView& view) {
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  const Type from = input.type;
  const Type to = output.type;
  const bool is_8_bit_input = from == Type::int8 || from == Type::uint8;
  const bool is_possible =
      ((is_8_bit_input || from == Type::float32) &&
       (to == Type::int8 || to == Type::uint8 || to == Type::int16)) ||
      (from == Type::int16 && (to == Type::int8 || to == Type::int16 || to == Type::int32)) ||
      (from == Type::int32 && (to == Type::int8 || to == Type::int16));
  if (!is_possible) return bad_input("{} to {} is not supported", name_of(from), name_of(to));
  QFI_CHECK(check_quantized(output));
  const float scale = output.quantization.scales[0];
  if (from == Type::float32)
    return with_integer(to, [&]<class Out>() {
      return make_map<float, Out>(view, Quantize<Out>{scale, output.quantization.zero_points[0]});
    });
  QFI_CHECK(check_quantized(input));
  QFI_TRY(const Rescaling function, rescaling(view, double{input.quantization.scales[0]} / double{scale}));
  if (from == Type::int32) {
    if (to == Type::int8) return make_map<std::int32_t, std::int8_t>(view, function);
    return make_map<std::int32_t, std::int16_t>(view, function);
  }
  return with_integer(from, [&]<class In>() { return make_requantize<In>(view, function); });
}

PreparedKernel prepare_dequantize(const OperatorView& view) {
  const Tensor& input = view.input(0);
  if (input.type != Type::int8 && input.type != Type::uint8 && input.type != Type::int16)
    return bad_input("input '{}' is {}; INT8, UINT8 and INT16 are supported", input.name,
                     name_of(input.type));
  if (view.output().type != Type::float32)
    return bad_input("output '{}' is {} instead of FLOAT32", view.output().name, name_of(view.output().type));
  QFI_CHECK(check_quantized(input));
  const double scale = input.quantization.scales[0];
  const std::int32_t zero_point = input.quantization.zero_points[0];
  return with_integer(input.type, [&]<class In>() {
    return make_table<In, float>(view, [&](std::int32_t stored) { return scale * (stored - zero_point); });
  });
}

template <class T>
PreparedKernel make_negation(const OperatorView& view) {
  using Unsigned = std::make_unsigned_t<T>;
  return make_map<T, T>(view,
                        [](T value) { return static_cast<T>(Unsigned{0} - static_cast<Unsigned>(value)); });
}

// Stored integers are negated as they are, and the smallest one stays: the runtime looks at neither scales
// nor zero points.
PreparedKernel prepare_neg(const OperatorView& view) {
  QFI_CHECK(view.check_types(0, {Type::int8, Type::int16, Type::int32, Type::int64, Type::float32}));
  switch (view.output().type) {
    case Type::int8: return make_negation<std::int8_t>(view);
    case Type::int16: return make_negation<std::int16_t>(view);
    case Type::int32: return make_negation<std::int32_t>(view);
    case Type::int64: return make_negation<std::int64_t>(view);
    default: return make_map<float, float>(view, [](float x) { return -x; });
  }
}

PreparedKernel prepare_cast(const OperatorView& view) {
  const Type from = view.input(0).type;
  const Type to = view.output().type;
  if (from == Type::int32 && to == Type::int64)
    return make_map<std::int32_t, std::int64_t>(view, [](std::int32_t value) { return value; });
  if (from == Type::int64 && to == Type::int32)
    return make_map<std::int64_t, std::int32_t>(view, [](std::int64_t value) { return value; });
  if (to != Type::float32 || (from != Type::int32 && from != Type::int64))
    return bad_input("{} to {} is not supported; INT32 and INT64 to FLOAT32 and to each other are",
                     name_of(from), name_of(to));
  const auto convert = [](auto value) { return static_cast<float>(value); };
  if (from == Type::int32) return make_map<std::int32_t, float>(view, convert);
  return make_map<std::int64_t, float>(view, convert);
}

}  // namespace

PreparedKernel prepare_unary(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 1));
  QFI_CHECK(view.set_output_shape(view.input(0).shape));
  switch (view.op().kind) {
    case OperatorKind::abs: return prepare_abs(view);
    case OperatorKind::cast: return prepare_cast(view);
    case OperatorKind::dequantize: return prepare_dequantize(view);
    case OperatorKind::exp: {
      QFI_CHECK(view.check_types(0, {Type::int8, Type::int16}));
      return make_real(view, rounded_exp);
    }
    case OperatorKind::gelu: {
      QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16}));
      return make_real(view, view.options<GeluOptions>().approximate ? gelu_by_tanh : gelu);
    }
    case OperatorKind::hard_swish: return prepare_hard_swish(view);
    case OperatorKind::leaky_relu: return prepare_leaky_relu(view);
    case OperatorKind::logistic: return prepare_logistic(view);
    case OperatorKind::neg: return prepare_neg(view);
    case OperatorKind::quantize: return prepare_quantize(view);
    case OperatorKind::rsqrt: return prepare_rsqrt(view);
    case OperatorKind::tanh: return prepare_tanh(view);
    default: return prepare_relu(view);
  }
}

}  // namespace qfi
