// SPDX-License-Identifier: Apache-2.0
// ADD, RELU, RELU6, QUANTIZE, DEQUANTIZE: each output element from one element of each input.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "../kernel.hpp"
#include "qfi/arith/requantize.hpp"

namespace qfi {
namespace {

// For each output element, which element of an input of `shape` it reads (NumPy's broadcasting).
Result<std::vector<std::uint32_t>> broadcast_map(const std::vector<int>& shape, const std::vector<int>& out) {
  if (shape.size() > out.size()) return bad_input("an input has more dimensions than the output");
  std::vector<std::uint32_t> map{0};
  std::uint32_t in_elements = 1;
  // From the last dimension outwards, each repeats what is there.
  for (std::size_t k = 0; k < out.size(); ++k) {
    const int out_size = out[out.size() - 1 - k];
    const int in_size = k < shape.size() ? shape[shape.size() - 1 - k] : 1;
    if (in_size != out_size && in_size != 1)
      return bad_input("an input's shape does not broadcast to the output's");
    const std::size_t inner = map.size();
    for (int i = 1; i < out_size; ++i)
      for (std::size_t j = 0; j < inner; ++j)
        map.push_back(map[j] + (in_size == 1 ? 0 : static_cast<std::uint32_t>(i) * in_elements));
    in_elements *= static_cast<std::uint32_t>(in_size);
  }
  return map;
}

struct AddScaling {
  std::array<std::int32_t, 2> zero_points;
  std::array<QuantizedMultiplier, 2> inputs;
  QuantizedMultiplier output;
  std::int32_t output_zero_point;
  ActivationRange range;
};

constexpr int k_add_left_shift = 20;

template <class T>
class AddKernel final : public Kernel {
 public:
  AddKernel(const AddScaling& scaling, std::size_t elements, std::array<std::vector<std::uint32_t>, 2> maps)
      : m_scaling(scaling), m_elements(elements), m_maps(std::move(maps)) {
    for (std::size_t k = 0; k < 2; ++k)
      for (int byte = 0; byte < 256; ++byte) {
        const std::int32_t value = static_cast<T>(byte) - scaling.zero_points[k];
        m_scaled[k][static_cast<std::size_t>(byte)] =
            multiply_by_quantized_multiplier(value * (1 << k_add_left_shift), scaling.inputs[k]);
      }
  }

  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image) {
      const auto* a = call.input<std::uint8_t>(0, image);
      const auto* b = call.input<std::uint8_t>(1, image);
      T* out = call.out<T>(image);
      for (std::size_t i = 0; i < m_elements; ++i) {
        const std::uint8_t first = a[m_maps[0].empty() ? i : m_maps[0][i]];
        const std::uint8_t second = b[m_maps[1].empty() ? i : m_maps[1][i]];
        const std::int32_t sum = wrapping_add(m_scaled[0][first], m_scaled[1][second]);
        const std::int32_t scaled = wrapping_add(multiply_by_quantized_multiplier(sum, m_scaling.output),
                                                 m_scaling.output_zero_point);
        out[i] = static_cast<T>(std::clamp(scaled, m_scaling.range.min, m_scaling.range.max));
      }
    }
  }

 private:
  AddScaling m_scaling;
  std::size_t m_elements;
  std::array<std::vector<std::uint32_t>, 2> m_maps;       ///< see broadcast_map; empty: one to one
  std::array<std::array<std::int32_t, 256>, 2> m_scaled;  ///< each stored byte, rescaled
};

// 8-bit to 8-bit by a table over the stored byte.
class ByteMapKernel final : public Kernel {
 public:
  ByteMapKernel(const std::array<std::uint8_t, 256>& map, std::size_t elements)
      : m_map(map), m_elements(elements) {}
  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image) {
      const auto* in = call.input<std::uint8_t>(0, image);
      auto* out = call.out<std::uint8_t>(image);
      for (std::size_t i = 0; i < m_elements; ++i) out[i] = m_map[in[i]];
    }
  }

 private:
  std::array<std::uint8_t, 256> m_map;
  std::size_t m_elements;
};

// Input codes rescaled to the output's scale and zero point, then clamped.
std::array<std::uint8_t, 256> rescaling_map(const Tensor& input, const Tensor& output,
                                            QuantizedMultiplier factor, ActivationRange range) {
  std::array<std::uint8_t, 256> map;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::int32_t value = code_of_byte(byte, code_type(input)) - input.quantization.zero_points[0];
    const std::int32_t scaled =
        wrapping_add(multiply_by_quantized_multiplier(value, factor), output.quantization.zero_points[0]);
    map[byte] = static_cast<std::uint8_t>(std::clamp(scaled, range.min, range.max));
  }
  return map;
}

Result<QuantizedMultiplier> factor_of(double real) {
  if (!(real < 2147483647.0)) return bad_input("its scales give a factor of {}", real);
  return quantize_multiplier(real);
}

template <class T>
class QuantizeKernel final : public Kernel {
 public:
  QuantizeKernel(float scale, std::int32_t zero_point, std::size_t elements)
      : m_scale(scale), m_zero_point(zero_point), m_elements(elements) {}
  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t i = 0; i < m_elements; ++i) {
        const std::int32_t steps = round_to_int32(call.input<float>(0, image)[i] / m_scale);
        call.out<T>(image)[i] = static_cast<T>(std::clamp<std::int32_t>(
            wrapping_add(steps, m_zero_point), std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
      }
  }

 private:
  float m_scale;
  std::int32_t m_zero_point;
  std::size_t m_elements;
};

class DequantizeKernel final : public Kernel {
 public:
  DequantizeKernel(const std::array<float, 256>& map, std::size_t elements)
      : m_map(map), m_elements(elements) {}
  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t i = 0; i < m_elements; ++i)
        call.out<float>(image)[i] = m_map[call.input<std::uint8_t>(0, image)[i]];
  }

 private:
  std::array<float, 256> m_map;
  std::size_t m_elements;
};

}  // namespace

PreparedKernel prepare_add(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  QFI_CHECK(view.check_8_bit(0));
  QFI_CHECK(view.check_8_bit(1));
  const auto& a = view.input(0).quantization;
  const auto& b = view.input(1).quantization;
  const auto& out = view.output().quantization;
  std::array<std::vector<std::uint32_t>, 2> maps;
  for (std::size_t k = 0; k < 2; ++k) {
    if (view.input(k).shape == view.output().shape) continue;
    QFI_TRY(maps[k], broadcast_map(view.input(k).shape, view.output().shape));
  }
  const double twice_larger = 2 * std::max(a.scales[0], b.scales[0]);
  AddScaling scaling;
  scaling.zero_points = {a.zero_points[0], b.zero_points[0]};
  QFI_TRY(scaling.inputs[0], factor_of(a.scales[0] / twice_larger));
  QFI_TRY(scaling.inputs[1], factor_of(b.scales[0] / twice_larger));
  QFI_TRY(scaling.output, factor_of(twice_larger / (double{1 << k_add_left_shift} * double{out.scales[0]})));
  scaling.output_zero_point = out.zero_points[0];
  QFI_TRY(scaling.range, activation_range(view.options<ActivationOptions>().activation, view.output()));
  if (view.output().type == TensorType::int8)
    return std::make_unique<AddKernel<std::int8_t>>(scaling, view.output().elements(), std::move(maps));
  return std::make_unique<AddKernel<std::uint8_t>>(scaling, view.output().elements(), std::move(maps));
}

PreparedKernel prepare_relu(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 1));
  QFI_CHECK(view.check_8_bit(0));
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  if (input.elements() != output.elements()) return bad_input("input and output differ in size");
  // The runtime divides the scales as floats here.
  QFI_TRY(const QuantizedMultiplier factor,
          factor_of(input.quantization.scales[0] / output.quantization.scales[0]));
  const Activation activation = view.op().kind == OperatorKind::relu6 ? Activation::relu6 : Activation::relu;
  QFI_TRY(const ActivationRange range, activation_range(activation, output));
  return std::make_unique<ByteMapKernel>(rescaling_map(input, output, factor, range), output.elements());
}

PreparedKernel prepare_quantize(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 1));
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  QFI_CHECK(check_quantized_8_bit(output));
  if (input.elements() != output.elements()) return bad_input("input and output differ in size");
  const float scale = output.quantization.scales[0];
  const std::int32_t zero_point = output.quantization.zero_points[0];
  if (input.type == TensorType::float32) {
    if (output.type == TensorType::int8)
      return std::make_unique<QuantizeKernel<std::int8_t>>(scale, zero_point, output.elements());
    return std::make_unique<QuantizeKernel<std::uint8_t>>(scale, zero_point, output.elements());
  }
  QFI_CHECK(check_quantized_8_bit(input));
  QFI_TRY(const QuantizedMultiplier factor, factor_of(double{input.quantization.scales[0]} / double{scale}));
  QFI_TRY(const ActivationRange range, activation_range(Activation::none, output));
  return std::make_unique<ByteMapKernel>(rescaling_map(input, output, factor, range), output.elements());
}

PreparedKernel prepare_dequantize(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, 1));
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  QFI_CHECK(check_quantized_8_bit(input));
  if (output.type != TensorType::float32)
    return bad_input("output '{}' is {} instead of FLOAT32", output.name, name_of(output.type));
  if (input.elements() != output.elements()) return bad_input("input and output differ in size");
  std::array<float, 256> map;
  for (std::size_t byte = 0; byte < 256; ++byte)
    map[byte] =
        static_cast<float>(double{input.quantization.scales[0]} *
                           (code_of_byte(byte, code_type(input)) - input.quantization.zero_points[0]));
  return std::make_unique<DequantizeKernel>(map, output.elements());
}

}  // namespace qfi
