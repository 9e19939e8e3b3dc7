// SPDX-License-Identifier: Apache-2.0
// Every kind of operator over random shapes, scales, zero points and extremes, against real
// arithmetic or plain index loops.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <span>

#include "qfi/base/log.hpp"
#include "qfi/base/random.hpp"
#include "qfi/engine/program.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using test::value_of;
using Shape = std::vector<int>;

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : m_seed(seed) {}
  int operator()(int first, int last) {
    return first + static_cast<int>(
                       random_below(m_seed, "case", m_next++, static_cast<std::uint64_t>(last - first) + 1));
  }
  double real(double first, double last) { return first + (last - first) * (*this)(0, 1'000'000) / 1e6; }

 private:
  std::uint64_t m_seed;
  std::uint64_t m_next = 0;
};

struct Limits {
  int min;
  int max;
};
Limits limits(TensorType type) {
  if (type == TensorType::int8) return {-128, 127};
  if (type == TensorType::uint8) return {0, 255};
  return {-32768, 32767};
}

Tensor tensor(TensorType type, Shape shape, float scale = 0.0F, int zero_point = 0) {
  Tensor result;
  result.name = "t";
  result.type = type;
  result.shape = std::move(shape);
  if (scale > 0) result.quantization = {{scale}, {zero_point}, 0};
  return result;
}

// With a random scale and zero point.
Tensor random_tensor(Draw& draw, TensorType type, Shape shape) {
  const Limits range = limits(type);
  const auto scale = static_cast<float>(draw.real(0.01, 0.1));
  return tensor(type, std::move(shape), scale, type == TensorType::int16 ? 0 : draw(range.min, range.max));
}

// A model of one operator: its constants live here.
class OneOperator {
 public:
  OneOperator(OperatorKind kind, OperatorOptions options = {}) {
    m_model.operators = {{kind, {}, {}, std::move(options)}};
  }
  OneOperator& input(Tensor t) {
    m_model.inputs.push_back(add(std::move(t)));
    m_model.operators[0].inputs.push_back(m_model.inputs.back());
    return *this;
  }
  template <class T>
  OneOperator& constant(Tensor t, const std::vector<T>& values) {
    const auto values_as_bytes = std::as_bytes(std::span(values));
    auto bytes = std::make_shared<std::vector<std::byte>>(values_as_bytes.begin(), values_as_bytes.end());
    t.is_constant = true;
    t.data = *bytes;
    m_model.folded.push_back(bytes);
    m_model.operators[0].inputs.push_back(add(std::move(t)));
    return *this;
  }
  OneOperator& integers(const std::vector<std::int32_t>& values) {
    return constant(tensor(TensorType::int32, {static_cast<int>(values.size())}), values);
  }
  OneOperator& output(Tensor t) {
    m_model.outputs.push_back(add(std::move(t)));
    m_model.operators[0].outputs.push_back(m_model.outputs.back());
    return *this;
  }
  Program prepare(KernelSet kernels = KernelSet::fast) const {
    return value_of(Program::prepare(m_model, {kernels, true, {}}));
  }
  const Model& model() const { return m_model; }
  const Tensor& in(std::size_t k = 0) const {
    return m_model.tensors[static_cast<std::size_t>(m_model.inputs[k])];
  }
  const Tensor& out(std::size_t k = 0) const {
    return m_model.tensors[static_cast<std::size_t>(m_model.outputs[k])];
  }

 private:
  int add(Tensor t) {
    m_model.tensors.push_back(std::move(t));
    return static_cast<int>(m_model.tensors.size()) - 1;
  }
  Model m_model;
};

double element(TensorType type, const std::byte* data, std::size_t i) {
  const auto as = [&]<class T>(T value) {
    std::memcpy(&value, data + i * sizeof(T), sizeof(T));
    return static_cast<double>(value);
  };
  switch (type) {
    case TensorType::int8: return as(std::int8_t{});
    case TensorType::uint8: return as(std::uint8_t{});
    case TensorType::int16: return as(std::int16_t{});
    case TensorType::float32: return as(float{});
    case TensorType::int64: return as(std::int64_t{});
    default: return as(std::int32_t{});
  }
}

void set_element(TensorType type, std::byte* data, std::size_t i, double value) {
  const auto as = [&]<class T>(T) {
    const auto stored = static_cast<T>(value);
    std::memcpy(data + i * sizeof(T), &stored, sizeof(T));
  };
  switch (type) {
    case TensorType::int8: return as(std::int8_t{});
    case TensorType::uint8: return as(std::uint8_t{});
    case TensorType::int16: return as(std::int16_t{});
    default: return as(float{});
  }
}

// What an operator computed: stored values of inputs and outputs.
struct Computed {
  std::vector<std::vector<double>> inputs;
  std::vector<std::vector<double>> outputs;
};

constexpr std::size_t k_images = 3;  // random, all largest, all smallest

Computed run(const OneOperator& op, Draw& draw, KernelSet kernels = KernelSet::fast) {
  const Program program = op.prepare(kernels);
  const Model& model = program.model();
  Batch batch(program, k_images);
  Computed result;
  for (const int index : model.inputs) {
    const Tensor& t = model.tensors[static_cast<std::size_t>(index)];
    const Limits range = t.type == TensorType::float32 ? Limits{-100, 100} : limits(t.type);
    std::vector<double> values;
    for (std::size_t i = 0; i < k_images * t.elements(); ++i) {
      const std::size_t image = i / t.elements();
      values.push_back(image == 0 ? draw(range.min, range.max) : image == 1 ? range.max : range.min);
      set_element(t.type, batch.tensor(index).data(), i, values.back());
    }
    result.inputs.push_back(std::move(values));
  }
  program.run(batch, 0, 1);
  for (const int index : model.outputs) {
    const Tensor& t = model.tensors[static_cast<std::size_t>(index)];
    std::vector<double> values;
    for (std::size_t i = 0; i < k_images * t.elements(); ++i)
      values.push_back(element(t.type, batch.tensor(index).data(), i));
    result.outputs.push_back(std::move(values));
  }
  return result;
}

double real_of(const Tensor& t, double stored) {
  return t.type == TensorType::float32 ? stored
                                       : t.quantization.scales[0] * (stored - t.quantization.zero_points[0]);
}

// The stored value of a real one, before rounding, clamped to the type.
double stored_of(const Tensor& t, double real) {
  if (t.type == TensorType::float32) return real;
  const Limits range = limits(t.type);
  return std::clamp<double>(real / t.quantization.scales[0] + t.quantization.zero_points[0], range.min,
                            range.max);
}

// Index loops over any number of dimensions.
std::size_t flat(const Shape& shape, const Shape& place) {
  std::size_t index = 0;
  for (std::size_t d = 0; d < shape.size(); ++d)
    index = index * static_cast<std::size_t>(shape[d]) + static_cast<std::size_t>(place[d]);
  return index;
}
void for_each_place(const Shape& shape, const std::function<void(const Shape&)>& use) {
  Shape place(shape.size(), 0);
  for (;;) {
    use(place);
    std::size_t d = shape.size();
    while (d > 0 && ++place[d - 1] == shape[d - 1]) place[--d] = 0;
    if (d == 0) return;
  }
}
std::size_t elements(const Shape& shape) {
  std::size_t count = 1;
  for (const int size : shape) count *= static_cast<std::size_t>(size);
  return count;
}

const TensorType k_integer_types[] = {TensorType::int8, TensorType::uint8, TensorType::int16};

// A test whose body runs for many seeds.
#define PROPERTY(name)                                      \
  void check_##name(Draw& draw);                            \
  TEST(Operators, name) {                                   \
    for (std::uint64_t seed = 1; seed <= k_seeds; ++seed) { \
      SCOPED_TRACE(fmt::format("seed {}", seed));           \
      Draw draw(seed);                                      \
      check_##name(draw);                                   \
      if (HasFailure()) return;                             \
    }                                                       \
  }                                                         \
  void check_##name(Draw& draw)
constexpr std::uint64_t k_seeds = 60;

// ---- two inputs

struct Binary {
  OperatorKind kind;
  double (*real)(double, double);
  std::vector<TensorType> types;
};

std::vector<Binary> binaries() {
  using enum TensorType;
  return {{OperatorKind::add, [](double a, double b) { return a + b; }, {int8, uint8, int16, float32}},
          {OperatorKind::sub, [](double a, double b) { return a - b; }, {int8, uint8, int16, float32}},
          {OperatorKind::mul, [](double a, double b) { return a * b; }, {int8, uint8, int16, float32}},
          {OperatorKind::prelu, [](double a, double b) { return a < 0 ? a * b : a; }, {int8, uint8, float32}},
          {OperatorKind::squared_difference, [](double a, double b) { return (a - b) * (a - b); }, {int8}}};
}

PROPERTY(BinaryOnesBroadcastAndAreWithinAStepOfTheRealOnes) {
  for (const Binary& binary : binaries())
    for (const TensorType type : binary.types) {
      const Shape out{draw(1, 3), draw(1, 4), draw(1, 5), draw(1, 6)};
      const auto some_of = [&] {
        Shape shape(out.begin() + draw(0, 3), out.end());
        for (int& size : shape) size = draw(0, 2) == 0 ? 1 : size;
        return shape;
      };
      Shape a = some_of();
      Shape b = some_of();
      (draw(0, 1) == 0 ? a : b) = out;
      OneOperator op(binary.kind, binary.kind == OperatorKind::squared_difference
                                      ? OperatorOptions{}
                                      : OperatorOptions{ActivationOptions{}});
      if (type == TensorType::float32)
        op.input(tensor(type, a)).input(tensor(type, b)).output(tensor(type, out));
      else {
        // The output's scale is wide enough for a multiplier below 1.
        Tensor output = random_tensor(draw, type, out);
        output.quantization.scales[0] *= binary.kind == OperatorKind::squared_difference ? 20.0F : 4.0F;
        op.input(random_tensor(draw, type, a)).input(random_tensor(draw, type, b)).output(output);
      }
      const Computed result = run(op, draw);
      const auto place_in = [&](const Shape& shape, const Shape& place) {
        Shape own(place.end() - static_cast<std::ptrdiff_t>(shape.size()), place.end());
        for (std::size_t d = 0; d < shape.size(); ++d) own[d] = shape[d] == 1 ? 0 : own[d];
        return flat(shape, own);
      };
      for (std::size_t image = 0; image < k_images; ++image)
        for_each_place(out, [&](const Shape& place) {
          const double x = real_of(op.in(0), result.inputs[0][image * elements(a) + place_in(a, place)]);
          const double y = real_of(op.in(1), result.inputs[1][image * elements(b) + place_in(b, place)]);
          const double got = result.outputs[0][image * elements(out) + flat(out, place)];
          ASSERT_NEAR(got, stored_of(op.out(), binary.real(x, y)), type == TensorType::float32 ? 1e-3 : 1.01)
              << name_of(binary.kind) << " " << name_of(type);
        });
    }
}

PROPERTY(MaximumAndMinimumCompareStoredValues) {
  for (const TensorType type : k_integer_types)
    for (const bool is_max : {false, true}) {
      const Tensor t = random_tensor(draw, type, {2, 3, 4});
      OneOperator op(is_max ? OperatorKind::maximum : OperatorKind::minimum);
      op.input(t).input(t).output(t);
      const Computed result = run(op, draw);
      for (std::size_t i = 0; i < result.outputs[0].size(); ++i)
        ASSERT_EQ(result.outputs[0][i], is_max ? std::max(result.inputs[0][i], result.inputs[1][i])
                                               : std::min(result.inputs[0][i], result.inputs[1][i]));
    }
}

// ---- one input

struct Unary {
  OperatorKind kind;
  OperatorOptions options;
  double (*real)(double);
  std::vector<TensorType> types;
  float output_scale;  ///< of 8 bits; 0: any
  double tolerance;    ///< in steps, 8 bits
  double tolerance_16;
};

double gelu_of(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

std::vector<Unary> unaries() {
  using enum TensorType;
  const std::vector<TensorType> all{int8, uint8, int16};
  return {
      {OperatorKind::relu, {}, [](double x) { return std::max(x, 0.0); }, all, 0, 1.01, 1.01},
      {OperatorKind::relu6, {}, [](double x) { return std::clamp(x, 0.0, 6.0); }, all, 0, 1.01, 1.01},
      {OperatorKind::relu_n1_to_1, {}, [](double x) { return std::clamp(x, -1.0, 1.0); }, all, 0, 1.01, 1.01},
      {OperatorKind::leaky_relu, LeakyReluOptions{0.25F}, [](double x) { return x > 0 ? x : 0.25 * x; }, all,
       0, 1.01, 1.01},
      {OperatorKind::abs, {}, [](double x) { return std::fabs(x); }, {int8, int16}, 0, 1.01, 1.01},
      {OperatorKind::hard_swish,
       {},
       [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; },
       {int8, uint8},
       0,
       2.01,
       0},
      {OperatorKind::logistic,
       {},
       [](double x) { return 1 / (1 + std::exp(-x)); },
       all,
       1.0F / 256,
       0.51,
       12},
      {OperatorKind::tanh, {}, [](double x) { return std::tanh(x); }, all, 1.0F / 128, 0.51, 24},
      {OperatorKind::exp, {}, [](double x) { return std::exp(x); }, {int8}, 0, 0.51, 0},
      {OperatorKind::gelu, GeluOptions{false}, gelu_of, {int8, uint8}, 0, 0.51, 0}};
}

PROPERTY(UnaryOnesAreNearTheRealFunctions) {
  for (const Unary& unary : unaries())
    for (const TensorType type : unary.types) {
      const bool is_16 = type == TensorType::int16;
      Tensor in = random_tensor(draw, type, {1, 300});
      Tensor out = random_tensor(draw, type, {1, 300});
      if (is_16) in.quantization.scales[0] /= 256;
      if (is_16) out.quantization.scales[0] /= 256;
      // From 2^31 steps on the runtime's conversion gives the smallest code, not the largest.
      if (unary.kind == OperatorKind::exp) in.quantization.scales[0] /= 2;
      if (unary.kind == OperatorKind::hard_swish) out.quantization.scales = in.quantization.scales;
      if (unary.output_scale > 0) {
        out.quantization.scales[0] = is_16 ? 1.0F / 32768 : unary.output_scale;
        if (unary.kind == OperatorKind::logistic)
          out.quantization.zero_points[0] = is_16 ? 0 : limits(type).min;
      }
      OneOperator op(unary.kind, unary.options);
      op.input(in).output(out);
      const Computed result = run(op, draw);
      for (std::size_t i = 0; i < result.outputs[0].size(); ++i) {
        const double real = unary.real(real_of(in, result.inputs[0][i]));
        ASSERT_NEAR(result.outputs[0][i], stored_of(out, real), is_16 ? unary.tolerance_16 : unary.tolerance)
            << name_of(unary.kind) << " " << name_of(type) << " of " << real_of(in, result.inputs[0][i]);
      }
    }
}

PROPERTY(QuantizationGoesThereAndBack) {
  for (const TensorType from : k_integer_types) {
    const Tensor in = random_tensor(draw, from, {1, 64});
    OneOperator dequantize(OperatorKind::dequantize);
    dequantize.input(in).output(tensor(TensorType::float32, {1, 64}));
    const Computed reals = run(dequantize, draw);
    for (std::size_t i = 0; i < 64; ++i)
      ASSERT_FLOAT_EQ(static_cast<float>(reals.outputs[0][i]),
                      static_cast<float>(real_of(in, reals.inputs[0][i])));
    for (const TensorType to : k_integer_types) {
      if (from == TensorType::int16 && to == TensorType::uint8) continue;
      const Tensor out = random_tensor(draw, to, {1, 64});
      OneOperator requantize(OperatorKind::quantize);
      requantize.input(in).output(out);
      const Computed codes = run(requantize, draw);
      for (std::size_t i = 0; i < 64; ++i)
        ASSERT_NEAR(codes.outputs[0][i], stored_of(out, real_of(in, codes.inputs[0][i])), 1.01);
      OneOperator quantize(OperatorKind::quantize);
      quantize.input(tensor(TensorType::float32, {1, 64})).output(out);
      const Computed quantized = run(quantize, draw);
      for (std::size_t i = 0; i < 64; ++i)
        ASSERT_NEAR(quantized.outputs[0][i], stored_of(out, quantized.inputs[0][i]), 0.51);
    }
  }
}

// ---- weights

struct Layer {
  OperatorKind kind;
  Shape in, out, weights;
  WindowOptions window;
  int pad_h = 0, pad_w = 0;
};

int padded(int in, int filter, int stride, int dilation, Padding padding, int& pad) {
  const int reach = (filter - 1) * dilation + 1;
  const int out = padding == Padding::same ? (in + stride - 1) / stride : (in - reach) / stride + 1;
  pad = std::max((out - 1) * stride + reach - in, 0) / 2;
  return out;
}

Layer random_layer(Draw& draw, OperatorKind kind) {
  Layer layer;
  layer.kind = kind;
  WindowOptions& w = layer.window;
  w.padding = draw(0, 1) == 0 ? Padding::same : Padding::valid;
  w.stride_h = draw(1, 3);
  w.stride_w = draw(1, 3);
  const int filter_h = draw(1, 3);
  const int filter_w = draw(1, 3);
  if (kind != OperatorKind::transpose_conv) {
    w.dilation_h = draw(1, 2);
    w.dilation_w = draw(1, 2);
  }
  // The larger side of the window; a transposed convolution has it at its output.
  const int large_h = draw(5, 9);
  const int large_w = draw(5, 9);
  const int small_h = padded(large_h, filter_h, w.stride_h, w.dilation_h, w.padding, layer.pad_h);
  const int small_w = padded(large_w, filter_w, w.stride_w, w.dilation_w, w.padding, layer.pad_w);
  const int groups = kind == OperatorKind::conv_2d ? draw(1, 2) : 1;
  const int in_c = groups * draw(1, 4);
  const int out_c = kind == OperatorKind::depthwise_conv_2d ? in_c * draw(1, 3) : groups * draw(1, 20);
  const int batch = draw(1, 2);
  layer.in = {batch, large_h, large_w, in_c};
  layer.out = {batch, small_h, small_w, out_c};
  layer.weights = {out_c, filter_h, filter_w, in_c / groups};
  if (kind == OperatorKind::depthwise_conv_2d) layer.weights = {1, filter_h, filter_w, out_c};
  if (kind == OperatorKind::transpose_conv) {
    layer.in = {batch, small_h, small_w, in_c};
    layer.out = {batch, large_h, large_w, out_c};
  }
  return layer;
}

// sums[out place] of products, by walking inputs for transposed convolutions, outputs for others.
std::vector<double> real_sums(const Layer& layer, const std::vector<double>& x,
                              const std::vector<double>& w) {
  std::vector<double> sums(elements(layer.out), 0.0);
  const WindowOptions& o = layer.window;
  const int filter_h = layer.weights[1];
  const int filter_w = layer.weights[2];
  const bool is_transposed = layer.kind == OperatorKind::transpose_conv;
  const bool is_depthwise = layer.kind == OperatorKind::depthwise_conv_2d;
  const int out_c = layer.out[3];
  const int group_in = is_depthwise ? 1 : layer.weights[3];
  const int groups = layer.in[3] / group_in;
  for_each_place(
      {layer.in[0], is_transposed ? layer.in[1] : layer.out[1], is_transposed ? layer.in[2] : layer.out[2],
       filter_h, filter_w, out_c, group_in},
      [&](const Shape& p) {
        const int small_y = p[1], small_x = p[2], channel = p[5];
        const int large_y = small_y * o.stride_h + p[3] * o.dilation_h - layer.pad_h;
        const int large_x = small_x * o.stride_w + p[4] * o.dilation_w - layer.pad_w;
        const Shape& large = is_transposed ? layer.out : layer.in;
        if (large_y < 0 || large_y >= large[1] || large_x < 0 || large_x >= large[2]) return;
        const int in_channel = channel / (out_c / groups) * group_in + p[6];
        const Shape in_place = is_transposed ? Shape{p[0], small_y, small_x, in_channel}
                                             : Shape{p[0], large_y, large_x, in_channel};
        const Shape out_place =
            is_transposed ? Shape{p[0], large_y, large_x, channel} : Shape{p[0], small_y, small_x, channel};
        const Shape w_place = is_depthwise ? Shape{0, p[3], p[4], channel} : Shape{channel, p[3], p[4], p[6]};
        sums[flat(layer.out, out_place)] += x[flat(layer.in, in_place)] * w[flat(layer.weights, w_place)];
      });
  return sums;
}

template <class Weight, class Bias>
OneOperator layer_operator(const Layer& layer, const Tensor& in, const Tensor& weights,
                           const std::vector<Weight>& w, const Tensor& bias, const std::vector<Bias>& b,
                           const Tensor& out) {
  OneOperator op(layer.kind, layer.window);
  if (layer.kind == OperatorKind::transpose_conv) {
    op.integers({layer.out[0], layer.out[1], layer.out[2], layer.out[3]})
        .constant(weights, w)
        .input(in)
        .constant(bias, b);
  } else {
    op.input(in).constant(weights, w).constant(bias, b);
  }
  op.output(out);
  return op;
}

const OperatorKind k_layers[] = {OperatorKind::conv_2d, OperatorKind::depthwise_conv_2d,
                                 OperatorKind::transpose_conv};

PROPERTY(QuantizedLayersAreWithinAStepOfTheRealOnes) {
  for (const OperatorKind kind : k_layers)
    for (const TensorType type : {TensorType::int8, TensorType::int16}) {
      const Layer layer = random_layer(draw, kind);
      const bool is_16 = type == TensorType::int16;
      const auto channels = static_cast<std::size_t>(layer.out[3]);
      const Tensor in = random_tensor(draw, type, layer.in);
      Tensor out = random_tensor(draw, type, layer.out);
      out.quantization.scales[0] *= is_16 ? 8.0F : 40.0F;
      Tensor weights = tensor(TensorType::int8, layer.weights);
      weights.quantization.axis = kind == OperatorKind::depthwise_conv_2d ? 3 : 0;
      std::vector<std::int8_t> w;
      for (std::size_t i = 0; i < elements(layer.weights); ++i)
        w.push_back(static_cast<std::int8_t>(draw(-127, 127)));
      std::vector<std::int32_t> b32;
      std::vector<std::int64_t> b64;
      for (std::size_t c = 0; c < channels; ++c) {
        weights.quantization.scales.push_back(static_cast<float>(draw.real(0.001, 0.02)));
        weights.quantization.zero_points.push_back(0);
        b32.push_back(draw(-20000, 20000));
        b64.push_back(b32.back());
      }
      const auto bias = [&](TensorType t) { return tensor(t, {layer.out[3]}); };
      const OneOperator op = is_16 ? layer_operator(layer, in, weights, w, bias(TensorType::int64), b64, out)
                                   : layer_operator(layer, in, weights, w, bias(TensorType::int32), b32, out);
      const Computed result = run(op, draw);
      if (!is_16) {
        Draw again = draw;
        Draw same = draw;
        EXPECT_EQ(run(op, again).outputs, run(op, same, KernelSet::reference).outputs);
      }
      for (std::size_t image = 0; image < k_images; ++image) {
        std::vector<double> x;
        for (std::size_t i = 0; i < elements(layer.in); ++i)
          x.push_back(result.inputs[0][image * elements(layer.in) + i] - in.quantization.zero_points[0]);
        const std::vector<double> sums = real_sums(layer, x, {w.begin(), w.end()});
        for (std::size_t i = 0; i < sums.size(); ++i) {
          const std::size_t c = i % channels;
          const double real = (sums[i] + b32[c]) * in.quantization.scales[0] * weights.quantization.scales[c];
          // The multiplier of 64-bit accumulators has only 15 bits.
          const double tolerance = is_16 ? 1.01 + std::fabs(real / out.quantization.scales[0]) * 4e-5 : 1.01;
          ASSERT_NEAR(result.outputs[0][image * sums.size() + i], stored_of(out, real), tolerance)
              << name_of(kind);
        }
      }
    }
}

PROPERTY(FloatLayersAreTheRealOnes) {
  for (const OperatorKind kind : k_layers) {
    const Layer layer = random_layer(draw, kind);
    std::vector<float> w;
    for (std::size_t i = 0; i < elements(layer.weights); ++i)
      w.push_back(static_cast<float>(draw.real(-1, 1)));
    std::vector<float> b;
    for (int c = 0; c < layer.out[3]; ++c) b.push_back(static_cast<float>(draw.real(-1, 1)));
    const auto float_tensor = [](const Shape& shape) { return tensor(TensorType::float32, shape); };
    const OneOperator op = layer_operator(layer, float_tensor(layer.in), float_tensor(layer.weights), w,
                                          float_tensor({layer.out[3]}), b, float_tensor(layer.out));
    const Computed result = run(op, draw);
    for (std::size_t image = 0; image < k_images; ++image) {
      const auto first = result.inputs[0].begin() + static_cast<std::ptrdiff_t>(image * elements(layer.in));
      const std::vector<double> x(first, first + static_cast<std::ptrdiff_t>(elements(layer.in)));
      const std::vector<double> sums = real_sums(layer, x, {w.begin(), w.end()});
      for (std::size_t i = 0; i < sums.size(); ++i)
        ASSERT_NEAR(result.outputs[0][image * sums.size() + i], sums[i] + b[i % b.size()], 2e-3)
            << name_of(kind);
    }
  }
}

PROPERTY(BatchMatMulIsWithinAStepOfTheRealOne) {
  for (const TensorType type : {TensorType::int8, TensorType::int16}) {
    const BatchMatMulOptions options{draw(0, 1) == 1, draw(0, 1) == 1};
    const int rows = draw(1, 5), depth = draw(1, 6), columns = draw(1, 5), outer = draw(1, 3);
    const Shape a = options.transpose_a ? Shape{outer, depth, rows} : Shape{outer, rows, depth};
    const int b_outer = draw(0, 1) == 0 ? 1 : outer;
    const Shape b = options.transpose_b ? Shape{b_outer, columns, depth} : Shape{b_outer, depth, columns};
    Tensor out = random_tensor(draw, type, {outer, rows, columns});
    out.quantization.scales[0] *= type == TensorType::int16 ? 5000.0F : 10.0F;
    OneOperator op(OperatorKind::batch_matmul, options);
    op.input(random_tensor(draw, type, a)).input(random_tensor(draw, type, b)).output(out);
    const Computed result = run(op, draw);
    for (std::size_t image = 0; image < k_images; ++image)
      for_each_place(out.shape, [&](const Shape& p) {
        double real = 0;
        for (int k = 0; k < depth; ++k) {
          const Shape at = options.transpose_a ? Shape{p[0], k, p[1]} : Shape{p[0], p[1], k};
          const int o = b_outer == 1 ? 0 : p[0];
          const Shape bt = options.transpose_b ? Shape{o, p[2], k} : Shape{o, k, p[2]};
          real += real_of(op.in(0), result.inputs[0][image * elements(a) + flat(a, at)]) *
                  real_of(op.in(1), result.inputs[1][image * elements(b) + flat(b, bt)]);
        }
        const double expected = stored_of(out, real);
        const double tolerance = 1.01 + (type == TensorType::int16 ? std::fabs(expected) * 4e-5 : 0);
        ASSERT_NEAR(result.outputs[0][image * elements(out.shape) + flat(out.shape, p)], expected, tolerance);
      });
  }
}

// ---- sums over places

PROPERTY(ReductionsAreWithinAStepOfTheRealOnes) {
  for (const OperatorKind kind :
       {OperatorKind::mean, OperatorKind::sum, OperatorKind::reduce_max, OperatorKind::reduce_min})
    for (const TensorType type : k_integer_types) {
      // SUM takes INT8 for UINT8 and INT16 for neither, as the runtime does.
      if (kind == OperatorKind::sum && type != TensorType::uint8) continue;
      const Shape in{draw(1, 3), draw(1, 4), draw(1, 5), draw(1, 4)};
      std::vector<std::int32_t> axes;
      Shape out;
      for (int d = 0; d < 4; ++d) {
        if (draw(0, 1) == 0) out.push_back(in[static_cast<std::size_t>(d)]);
        else axes.push_back(draw(0, 1) == 0 ? d : d - 4);
      }
      if (axes.empty()) continue;
      const Tensor input = random_tensor(draw, type, in);
      Tensor output = random_tensor(draw, type, out);
      if (kind == OperatorKind::reduce_max || kind == OperatorKind::reduce_min)
        output.quantization = input.quantization;
      OneOperator op(kind);
      op.input(input).integers(axes).output(output);
      const Computed result = run(op, draw);
      for (std::size_t image = 0; image < k_images; ++image) {
        std::vector<double> sums(elements(out), 0.0), largest(elements(out), -1e9),
            smallest(elements(out), 1e9);
        for_each_place(in, [&](const Shape& p) {
          Shape place;
          for (int d = 0; d < 4; ++d)
            if (std::ranges::find(axes, d) == axes.end() && std::ranges::find(axes, d - 4) == axes.end())
              place.push_back(p[static_cast<std::size_t>(d)]);
          const double real = real_of(input, result.inputs[0][image * elements(in) + flat(in, p)]);
          const std::size_t o = flat(out, place);
          sums[o] += real;
          largest[o] = std::max(largest[o], real);
          smallest[o] = std::min(smallest[o], real);
        });
        const double count = static_cast<double>(elements(in)) / static_cast<double>(elements(out));
        for (std::size_t o = 0; o < sums.size(); ++o) {
          const double real = kind == OperatorKind::mean         ? sums[o] / count
                              : kind == OperatorKind::sum        ? sums[o]
                              : kind == OperatorKind::reduce_max ? largest[o]
                                                                 : smallest[o];
          ASSERT_NEAR(result.outputs[0][image * sums.size() + o], stored_of(output, real), 1.01)
              << name_of(kind) << " " << name_of(type);
        }
      }
    }
}

PROPERTY(PoolsAreTheRealOnes) {
  using enum TensorType;
  for (const TensorType type : {int8, uint8, int16, float32})
    for (const bool is_max : {false, true}) {
      WindowOptions w;
      w.padding = draw(0, 1) == 0 ? Padding::same : Padding::valid;
      w.filter_h = draw(1, 4);
      w.filter_w = draw(1, 4);
      w.stride_h = draw(1, 3);
      w.stride_w = draw(1, 3);
      const Shape in{draw(1, 2), draw(4, 9), draw(4, 9), draw(1, 5)};
      int pad_h = 0, pad_w = 0;
      const Shape out{in[0], padded(in[1], w.filter_h, w.stride_h, 1, w.padding, pad_h),
                      padded(in[2], w.filter_w, w.stride_w, 1, w.padding, pad_w), in[3]};
      const Tensor input = type == float32 ? tensor(type, in) : random_tensor(draw, type, in);
      Tensor output = input;
      output.shape = out;
      OneOperator op(is_max ? OperatorKind::max_pool_2d : OperatorKind::average_pool_2d, w);
      op.input(input).output(output);
      const Computed result = run(op, draw);
      for (std::size_t image = 0; image < k_images; ++image)
        for_each_place(out, [&](const Shape& p) {
          double sum = 0, count = 0, largest = -1e9;
          for (int ky = 0; ky < w.filter_h; ++ky)
            for (int kx = 0; kx < w.filter_w; ++kx) {
              const int y = p[1] * w.stride_h + ky - pad_h;
              const int x = p[2] * w.stride_w + kx - pad_w;
              if (y < 0 || y >= in[1] || x < 0 || x >= in[2]) continue;
              const double value = result.inputs[0][image * elements(in) + flat(in, {p[0], y, x, p[3]})];
              sum += value;
              count += 1;
              largest = std::max(largest, value);
            }
          const double expected = is_max ? largest : type == float32 ? sum / count : std::round(sum / count);
          ASSERT_NEAR(result.outputs[0][image * elements(out) + flat(out, p)], expected,
                      type == float32 ? 1e-3 : 0.0);
        });
    }
}

// ---- rows

PROPERTY(NormalizationsAreNearTheRealOnes) {
  using enum TensorType;
  const int depth = draw(2, 40);
  struct Case {
    OperatorKind kind;
    OperatorOptions options;
    TensorType type;
    float scale;
    int zero_point;
    double tolerance;
  };
  const std::vector<Case> cases = {
      {OperatorKind::softmax, SoftmaxOptions{1.0F}, int8, 1.0F / 256, -128, 1.01},
      {OperatorKind::softmax, SoftmaxOptions{1.0F}, uint8, 1.0F / 256, 0, 1.01},
      {OperatorKind::softmax, SoftmaxOptions{1.0F}, int16, 1.0F / 32768, 0, 40},
      {OperatorKind::softmax, SoftmaxOptions{0.5F}, float32, 0, 0, 1e-5},
      {OperatorKind::log_softmax, {}, int8, 1.0F / 16, 127, 1.01},
      {OperatorKind::log_softmax, {}, uint8, 1.0F / 16, 255, 1.01},
      {OperatorKind::l2_normalization, ActivationOptions{}, int8, 1.0F / 128, 0, 1.01},
      {OperatorKind::l2_normalization, ActivationOptions{}, uint8, 1.0F / 128, 128, 1.01}};
  for (const Case& c : cases) {
    Tensor in = c.type == float32 ? tensor(c.type, {3, depth}) : random_tensor(draw, c.type, {3, depth});
    if (c.type == int16) in.quantization.scales[0] /= 256;
    const Tensor out = tensor(c.type, {3, depth}, c.scale, c.zero_point);
    OneOperator op(c.kind, c.options);
    op.input(in).output(out);
    const Computed result = run(op, draw);
    const auto size = static_cast<std::size_t>(depth);
    for (std::size_t row = 0; row < result.outputs[0].size() / size; ++row) {
      std::vector<double> x;
      for (std::size_t i = 0; i < size; ++i) x.push_back(real_of(in, result.inputs[0][row * size + i]));
      const double beta = c.kind == OperatorKind::softmax ? std::get<SoftmaxOptions>(c.options).beta : 1.0;
      const double largest = *std::ranges::max_element(x);
      double sum = 0, squares = 0;
      for (const double value : x) {
        sum += std::exp(beta * (value - largest));
        squares += value * value;
      }
      for (std::size_t i = 0; i < size; ++i) {
        const double softmax = std::exp(beta * (x[i] - largest)) / sum;
        const double real = c.kind == OperatorKind::softmax       ? softmax
                            : c.kind == OperatorKind::log_softmax ? x[i] - largest - std::log(sum)
                            : squares == 0                        ? 0.0
                                                                  : x[i] / std::sqrt(squares);
        ASSERT_NEAR(result.outputs[0][row * size + i], stored_of(out, real), c.tolerance)
            << name_of(c.kind) << " " << name_of(c.type) << " depth " << depth;
      }
    }
  }
}

// ---- values that move: place(output place) is the input's place; nothing: the fill value

struct Move {
  OneOperator op;
  std::function<std::optional<Shape>(const Shape&)> place;
  double fill = 0;
};

void expect_moves(const Move& move, Draw& draw) {
  const Computed result = run(move.op, draw);
  const Shape& in = move.op.in().shape;
  const Shape& out = move.op.out().shape;
  for (std::size_t image = 0; image < k_images; ++image)
    for_each_place(out, [&](const Shape& p) {
      const auto source = move.place(p);
      const double expected = source ? result.inputs[0][image * elements(in) + flat(in, *source)] : move.fill;
      ASSERT_EQ(result.outputs[0][image * elements(out) + flat(out, p)], expected)
          << name_of(move.op.model().operators[0].kind) << " at " << testing::PrintToString(p);
    });
}

PROPERTY(LayoutOnesMoveValues) {
  const TensorType type = k_integer_types[static_cast<std::size_t>(draw(0, 2))];
  const Shape in{draw(1, 2), 2 * draw(1, 3), 2 * draw(1, 3), draw(2, 4)};
  const Tensor input = random_tensor(draw, type, in);
  const auto like = [&](Shape shape) {
    Tensor t = input;
    t.shape = std::move(shape);
    return t;
  };
  {
    const std::vector<std::int32_t> pads{0,          draw(0, 1), draw(0, 2), draw(0, 2),
                                         draw(0, 2), draw(0, 2), draw(0, 1), 0};
    Shape out;
    for (std::size_t d = 0; d < 4; ++d) out.push_back(in[d] + pads[2 * d] + pads[2 * d + 1]);
    OneOperator op(OperatorKind::pad);
    op.input(input).constant(tensor(TensorType::int32, {4, 2}), pads).output(like(out));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    Shape source;
                    for (std::size_t d = 0; d < 4; ++d) {
                      source.push_back(p[d] - pads[2 * d]);
                      if (source[d] < 0 || source[d] >= in[d]) return std::nullopt;
                    }
                    return source;
                  },
                  static_cast<double>(input.quantization.zero_points[0])},
                 draw);
  }
  for (const bool repeats : {false, true}) {
    const std::vector<std::int32_t> pads{0, 0, draw(0, 1), draw(0, 1), draw(0, 1), draw(0, 1), 0, draw(0, 1)};
    Shape out;
    for (std::size_t d = 0; d < 4; ++d) out.push_back(in[d] + pads[2 * d] + pads[2 * d + 1]);
    OneOperator op(OperatorKind::mirror_pad, MirrorPadOptions{repeats});
    op.input(input).constant(tensor(TensorType::int32, {4, 2}), pads).output(like(out));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    Shape source;
                    for (std::size_t d = 0; d < 4; ++d) {
                      int i = p[d] - pads[2 * d];
                      if (i < 0) i = repeats ? -1 - i : -i;
                      if (i >= in[d]) i = repeats ? 2 * in[d] - 1 - i : 2 * in[d] - 2 - i;
                      source.push_back(i);
                    }
                    return source;
                  }},
                 draw);
  }
  {
    const std::vector<std::vector<std::int32_t>> orders{
        {3, 1, 2, 0}, {0, 2, 1, 3}, {1, 2, 3, 0}, {0, 3, 1, 2}};
    const auto& order = orders[static_cast<std::size_t>(draw(0, 3))];
    Shape out;
    for (const int d : order) out.push_back(in[static_cast<std::size_t>(d)]);
    OneOperator op(OperatorKind::transpose);
    op.input(input).integers(order).output(like(out));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    Shape source(4);
                    for (std::size_t d = 0; d < 4; ++d) source[static_cast<std::size_t>(order[d])] = p[d];
                    return source;
                  }},
                 draw);
  }
  {
    std::vector<std::int32_t> begin, end, stride;
    Shape out;
    for (const int size : in) {
      const bool backwards = draw(0, 2) == 0;
      const int step = draw(1, 2);
      const int first = draw(0, size - 1);
      begin.push_back(draw(0, 1) == 0 ? first : first - size);
      stride.push_back(backwards ? -step : step);
      end.push_back(backwards ? -size - 1 : size + 3);
      out.push_back(backwards ? first / step + 1 : (size - first + step - 1) / step);
    }
    OneOperator op(OperatorKind::strided_slice, StridedSliceOptions{});
    op.input(input).integers(begin).integers(end).integers(stride).output(like(out));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    Shape source;
                    for (std::size_t d = 0; d < 4; ++d)
                      source.push_back((begin[d] < 0 ? begin[d] + in[d] : begin[d]) + p[d] * stride[d]);
                    return source;
                  }},
                 draw);
  }
  {
    const std::size_t axis = static_cast<std::size_t>(draw(0, 3));
    std::vector<std::int32_t> indices;
    for (int i = 0; i < 5; ++i) indices.push_back(draw(0, in[axis] - 1));
    Shape out = in;
    out[axis] = 5;
    OneOperator op(OperatorKind::gather, AxisOptions{static_cast<int>(axis)});
    op.input(input).integers(indices).output(like(out));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    Shape source = p;
                    source[axis] = indices[static_cast<std::size_t>(p[axis])];
                    return source;
                  }},
                 draw);
  }
  {
    OneOperator op(OperatorKind::space_to_depth, BlockOptions{2});
    op.input(input).output(like({in[0], in[1] / 2, in[2] / 2, 4 * in[3]}));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    const int phase = p[3] / in[3];
                    return Shape{p[0], 2 * p[1] + phase / 2, 2 * p[2] + phase % 2, p[3] % in[3]};
                  }},
                 draw);
  }
  if (type != TensorType::int16) {
    const Shape deep{in[0], in[1], in[2], 9 * in[3]};
    OneOperator op(OperatorKind::depth_to_space, BlockOptions{3});
    op.input(like(deep)).output(like({in[0], 3 * in[1], 3 * in[2], in[3]}));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    return Shape{p[0], p[1] / 3, p[2] / 3, (p[1] % 3 * 3 + p[2] % 3) * in[3] + p[3]};
                  }},
                 draw);
  }
  {
    const int top = draw(0, 2), left = draw(0, 2);
    const int bottom = 4 - (in[1] + top) % 4, right = 3 - (in[2] + left) % 3;
    const Shape out{12 * in[0], (in[1] + top + bottom) / 4, (in[2] + left + right) / 3, in[3]};
    OneOperator op(OperatorKind::space_to_batch_nd);
    op.input(input)
        .integers({4, 3})
        .constant(tensor(TensorType::int32, {2, 2}), std::vector<std::int32_t>{top, bottom, left, right})
        .output(like(out));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    const int phase = p[0] / in[0];
                    const int y = p[1] * 4 + phase / 3 - top, x = p[2] * 3 + phase % 3 - left;
                    if (y < 0 || y >= in[1] || x < 0 || x >= in[2]) return std::nullopt;
                    return Shape{p[0] % in[0], y, x, p[3]};
                  },
                  static_cast<double>(input.quantization.zero_points[0])},
                 draw);
    // And back, from a batch of random values, cropped alike.
    OneOperator back(OperatorKind::batch_to_space_nd);
    back.input(like(out))
        .integers({4, 3})
        .constant(tensor(TensorType::int32, {2, 2}), std::vector<std::int32_t>{top, bottom, left, right})
        .output(like(in));
    expect_moves({back,
                  [&](const Shape& p) -> std::optional<Shape> {
                    const int y = p[1] + top, x = p[2] + left;
                    return Shape{(y % 4 * 3 + x % 3) * in[0] + p[0], y / 4, x / 3, p[3]};
                  }},
                 draw);
  }
  {
    const Shape out{in[0], draw(1, 9), draw(1, 9), in[3]};
    OneOperator op(OperatorKind::resize_nearest_neighbor, ResizeOptions{});
    op.input(input).integers({out[1], out[2]}).output(like(out));
    expect_moves({op,
                  [&](const Shape& p) -> std::optional<Shape> {
                    return Shape{p[0], p[1] * in[1] / out[1], p[2] * in[2] / out[2], p[3]};
                  }},
                 draw);
  }
}

PROPERTY(SplittingAndJoiningAreInverse) {
  const TensorType type = k_integer_types[static_cast<std::size_t>(draw(0, 2))];
  const std::size_t axis = static_cast<std::size_t>(draw(0, 2));
  Shape whole{draw(2, 4), draw(2, 4), draw(2, 4)};
  const int first = draw(1, whole[axis] - 1);
  const Tensor input = random_tensor(draw, type, whole);
  const auto part = [&](int size) {
    Tensor t = input;
    t.shape[axis] = size;
    return t;
  };
  OneOperator split(OperatorKind::split_v);
  split.input(input)
      .integers({first, whole[axis] - first})
      .integers({static_cast<int>(axis)})
      .output(part(first))
      .output(part(whole[axis] - first));
  const Computed parts = run(split, draw);
  OneOperator join(OperatorKind::concatenation, AxisOptions{static_cast<int>(axis) - 3});
  join.input(part(first)).input(part(whole[axis] - first)).output(input);
  const Program program = join.prepare();
  Batch batch(program, k_images);
  for (std::size_t k = 0; k < 2; ++k)
    for (std::size_t i = 0; i < parts.outputs[k].size(); ++i)
      set_element(type, batch.tensor(program.model().inputs[k]).data(), i, parts.outputs[k][i]);
  program.run(batch, 0, 1);
  for (std::size_t i = 0; i < parts.inputs[0].size(); ++i)
    ASSERT_EQ(element(type, batch.tensor(program.model().outputs[0]).data(), i), parts.inputs[0][i]);
  // Unpack: each output is a slice; pack puts them back.
  Shape slice = whole;
  slice.erase(slice.begin() + static_cast<std::ptrdiff_t>(axis));
  Tensor piece = input;
  piece.shape = slice;
  OneOperator unpack(OperatorKind::unpack, AxisOptions{static_cast<int>(axis)});
  unpack.input(input);
  OneOperator pack(OperatorKind::pack, AxisOptions{static_cast<int>(axis)});
  for (int i = 0; i < whole[axis]; ++i) {
    unpack.output(piece);
    pack.input(piece);
  }
  pack.output(input);
  const Computed pieces = run(unpack, draw);
  const Program packing = pack.prepare();
  Batch packed(packing, k_images);
  for (std::size_t k = 0; k < pieces.outputs.size(); ++k) {
    for (std::size_t i = 0; i < pieces.outputs[k].size(); ++i)
      set_element(type, packed.tensor(packing.model().inputs[k]).data(), i, pieces.outputs[k][i]);
    for_each_place(slice, [&](const Shape& p) {
      Shape source = p;
      source.insert(source.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<int>(k));
      ASSERT_EQ(pieces.outputs[k][flat(slice, p)], pieces.inputs[0][flat(whole, source)]);
    });
  }
  packing.run(packed, 0, 1);
  for (std::size_t i = 0; i < pieces.inputs[0].size(); ++i)
    ASSERT_EQ(element(type, packed.tensor(packing.model().outputs[0]).data(), i), pieces.inputs[0][i]);
}

PROPERTY(BilinearResizeIsNearTheRealOne) {
  for (const TensorType type : k_integer_types) {
    const Shape in{1, draw(1, 6), draw(1, 6), draw(1, 3)};
    const Shape out{1, draw(1, 12), draw(1, 12), in[3]};
    const int mode = draw(0, 2);
    const Tensor input = random_tensor(draw, type, in);
    Tensor output = input;
    output.shape = out;
    OneOperator op(OperatorKind::resize_bilinear, ResizeOptions{mode == 1, mode == 2});
    op.input(input).integers({out[1], out[2]}).output(output);
    const Computed result = run(op, draw);
    const auto source = [&](int o, int in_size, int out_size) {
      const bool aligned = mode == 1 && out_size > 1;
      const double scale =
          aligned ? (in_size - 1.0) / (out_size - 1.0) : static_cast<double>(in_size) / out_size;
      return mode == 2 ? std::max((o + 0.5) * scale - 0.5, 0.0) : o * scale;
    };
    for_each_place(out, [&](const Shape& p) {
      const double y = source(p[1], in[1], out[1]), x = source(p[2], in[2], out[2]);
      double real = 0;
      for (int dy = 0; dy < 2; ++dy)
        for (int dx = 0; dx < 2; ++dx) {
          const int iy = std::min(static_cast<int>(y) + dy, in[1] - 1),
                    ix = std::min(static_cast<int>(x) + dx, in[2] - 1);
          const double weight = (dy == 0 ? 1 - (y - std::floor(y)) : y - std::floor(y)) *
                                (dx == 0 ? 1 - (x - std::floor(x)) : x - std::floor(x));
          real += weight * result.inputs[0][flat(in, {0, iy, ix, p[3]})];
        }
      // Places are rounded to 1/1024 of a pixel, for each output pixel anew.
      const double range = type == TensorType::int16 ? 65535 : 255;
      ASSERT_NEAR(result.outputs[0][flat(out, p)], real, 1.01 + range * 12.0 / 1024 * 1.5) << "mode " << mode;
    });
  }
}

PROPERTY(ArgMaxFindsTheFirstExtreme) {
  for (const TensorType type : {TensorType::int8, TensorType::uint8})
    for (const bool is_max : {false, true}) {
      const Shape in{draw(1, 3), draw(1, 6), draw(1, 4)};
      const int axis = draw(-3, 2);
      const std::size_t a = static_cast<std::size_t>(axis < 0 ? axis + 3 : axis);
      Shape out = in;
      out.erase(out.begin() + static_cast<std::ptrdiff_t>(a));
      OneOperator op(is_max ? OperatorKind::arg_max : OperatorKind::arg_min);
      op.input(random_tensor(draw, type, in))
          .integers({axis})
          .output(tensor(draw(0, 1) == 0 ? TensorType::int32 : TensorType::int64, out));
      const Computed result = run(op, draw);
      for_each_place(out, [&](const Shape& p) {
        int best = 0;
        const auto at = [&](int i) {
          Shape place = p;
          place.insert(place.begin() + static_cast<std::ptrdiff_t>(a), i);
          return result.inputs[0][flat(in, place)];
        };
        for (int i = 1; i < in[a]; ++i)
          if (is_max ? at(i) > at(best) : at(i) < at(best)) best = i;
        ASSERT_EQ(result.outputs[0][flat(out, p)], best);
      });
    }
}

// The rounded scale of 6 to 640 leads 25 rows beyond the input.
TEST(Operators, BilinearResizeStaysInsideTheInput) {
  for (const TensorType type : k_integer_types) {
    Draw draw(1);
    const Tensor in = random_tensor(draw, type, {1, 6, 1, 1});
    Tensor out = in;
    out.shape = {1, 640, 1, 1};
    OneOperator op(OperatorKind::resize_bilinear, ResizeOptions{});
    op.input(in).integers({640, 1}).output(out);
    const Computed result = run(op, draw);
    for (std::size_t i = 640; i < 3 * 640; ++i)
      ASSERT_EQ(result.outputs[0][i], i < 1280 ? limits(type).max : limits(type).min);
  }
}

// ---- FLOAT32 beyond numbers

TEST(Float, MaximumOfNanAndANumberIsTheSecond) {
  const Tensor t = tensor(TensorType::float32, {2});
  OneOperator op(OperatorKind::maximum);
  op.input(t).input(t).output(t);
  const Program program = op.prepare();
  Batch batch(program, 1);
  const float a[2] = {std::nanf(""), 1};
  const float b[2] = {1, std::nanf("")};
  std::memcpy(batch.tensor(program.model().inputs[0]).data(), a, sizeof(a));
  std::memcpy(batch.tensor(program.model().inputs[1]).data(), b, sizeof(b));
  program.run(batch, 0, 1);
  float out[2];
  std::memcpy(out, batch.tensor(program.model().outputs[0]).data(), sizeof(out));
  EXPECT_EQ(out[0], 1.0F);
  EXPECT_TRUE(std::isnan(out[1]));
}

TEST(Float, InfinityAndNanFlowThroughLayers) {
  constexpr float k_infinity = std::numeric_limits<float>::infinity();
  const auto float_tensor = [](const Shape& shape) { return tensor(TensorType::float32, shape); };
  OneOperator op(OperatorKind::fully_connected, ActivationOptions{Activation::relu});
  op.input(float_tensor({1, 2}))
      .constant(float_tensor({3, 2}), std::vector<float>{1, 0, k_infinity, 0, std::nanf(""), 1})
      .constant(float_tensor({3}), std::vector<float>{0, 0, 0})
      .output(float_tensor({1, 3}));
  const Program program = op.prepare();
  Batch batch(program, 1);
  const float values[2] = {2, 3};
  std::memcpy(batch.tensor(program.model().inputs[0]).data(), values, sizeof(values));
  program.run(batch, 0, 1);
  float out[3];
  std::memcpy(out, batch.tensor(program.model().outputs[0]).data(), sizeof(out));
  EXPECT_EQ(out[0], 2.0F);
  EXPECT_EQ(out[1], k_infinity);
  EXPECT_TRUE(std::isnan(out[2]));
}

// ---- constants

TEST(Folding, OperatorsOfConstantsRunOnceAndBecomeConstants) {
  // SHAPE -> PACK-like chain: shape of the input, one entry of it, used as RESHAPE's target.
  Model model;
  const auto add = [&](Tensor t) {
    model.tensors.push_back(std::move(t));
    return static_cast<int>(model.tensors.size()) - 1;
  };
  const std::vector<std::int32_t> numbers{1, 2, 1};  // begin, end, stride
  const auto constant = [&](std::size_t i) {
    Tensor t = tensor(TensorType::int32, {1});
    t.is_constant = true;
    t.data = std::as_bytes(std::span(&numbers[i], 1));
    return add(t);
  };
  const int input = add(tensor(TensorType::int8, {1, 6}, 0.1F, 0));
  const int shape = add(tensor(TensorType::int32, {2}));
  const int entry = add(tensor(TensorType::int32, {1}));
  const int output = add(tensor(TensorType::int8, {6}, 0.1F, 0));
  model.inputs = {input};
  model.outputs = {output};
  model.operators = {{OperatorKind::shape, {input}, {shape}, {}},
                     {OperatorKind::strided_slice,
                      {shape, constant(0), constant(1), constant(2)},
                      {entry},
                      StridedSliceOptions{}},
                     {OperatorKind::reshape, {input, entry}, {output}, {}}};
  const Program program = value_of(Program::prepare(model));
  EXPECT_TRUE(program.is_folded(0));
  EXPECT_TRUE(program.is_folded(1));
  EXPECT_FALSE(program.is_folded(2));
  const Tensor& folded = program.model().tensors[static_cast<std::size_t>(entry)];
  ASSERT_TRUE(folded.is_constant);
  EXPECT_EQ(element(TensorType::int32, folded.data.data(), 0), 6);
  EXPECT_EQ(program.bytes_per_image(), 128U) << "only input and output take memory";
}

// As a file may hold it: 64-bit numbers at any address.
TEST(Folding, ConstantsAreReadAtAnyAddress) {
  const std::vector<std::int64_t> numbers{7, -3};
  std::vector<std::byte> bytes(1 + 2 * sizeof(std::int64_t));
  std::memcpy(bytes.data() + 1, numbers.data(), bytes.size() - 1);
  Model model;
  Tensor constant = tensor(TensorType::int64, {2});
  constant.is_constant = true;
  constant.data = std::span(bytes).subspan(1);
  model.tensors = {constant, tensor(TensorType::float32, {2}), tensor(TensorType::float32, {2}),
                   tensor(TensorType::float32, {2})};
  model.inputs = {2};
  model.outputs = {3};
  model.operators = {{OperatorKind::cast, {0}, {1}, {}}, {OperatorKind::maximum, {2, 1}, {3}, {}}};
  const Program program = value_of(Program::prepare(model));
  ASSERT_TRUE(program.is_folded(0));
  EXPECT_EQ(element(TensorType::float32, program.model().tensors[1].data.data(), 0), 7.0);
  EXPECT_EQ(element(TensorType::float32, program.model().tensors[1].data.data(), 1), -3.0);
}

// ---- shapes

std::vector<std::string> warnings_of(const Model& model) {
  std::vector<std::string> heard;
  set_log_sink([&](LogLevel, const std::string& message) { heard.push_back(message); });
  const auto program = Program::prepare(model);
  set_log_sink({});
  if (!program) throw std::runtime_error(program.error().message);
  EXPECT_EQ(program->model().tensors[static_cast<std::size_t>(model.outputs[0])].shape, (Shape{1, 3}));
  return heard;
}

TEST(Operators, ShapesAreWhatTheyComputeAndOthersAreToldUnlessTheyArePlaceholders) {
  const auto relu = [](bool is_dynamic) {
    Tensor output = tensor(TensorType::int8, {1, 1}, 0.1F);
    output.is_dynamic = is_dynamic;
    OneOperator op(OperatorKind::relu);
    op.input(tensor(TensorType::int8, {1, 3}, 0.1F)).output(output);
    return op.model();
  };
  EXPECT_THAT(warnings_of(relu(true)), testing::IsEmpty());
  EXPECT_THAT(
      warnings_of(relu(false)),
      testing::ElementsAre("tensor 't' has the shape 1x1 in the file; its operator gives 1x3, which holds"));
}

TEST(Operators, ShapesThatAreTooLargeAreRefused) {
  for (const int side : {3000, 1 << 30}) {
    OneOperator op(OperatorKind::resize_nearest_neighbor, ResizeOptions{});
    const Tensor small = tensor(TensorType::int8, {1, 1, 1, 8}, 0.1F);
    op.input(small).integers({side, side}).output(small);
    const auto program = Program::prepare(op.model());
    ASSERT_FALSE(program);
    EXPECT_THAT(program.error().message, side == 3000 ? testing::HasSubstr("more than the limit of 67108864")
                                                      : testing::HasSubstr("would have the shape"));
  }
}

TEST(Operators, InputsWithoutElementsAreRefusedWhereTheyAreNoLists) {
  OneOperator op(OperatorKind::add, ActivationOptions{});
  const Tensor t = tensor(TensorType::int8, {1, 3}, 0.1F);
  op.input(t).constant(tensor(TensorType::int8, {0}, 0.1F), std::vector<std::int8_t>{}).output(t);
  const auto program = Program::prepare(op.model());
  ASSERT_FALSE(program);
  EXPECT_THAT(program.error().message, testing::HasSubstr("has no elements"));
}

}  // namespace
}  // namespace qfi
