// SPDX-License-Identifier: Apache-2.0
// MEAN over any dimensions.
#include <algorithm>
#include <bit>

#include "../kernel.hpp"
#include "qfi/arith/requantize.hpp"

namespace qfi {
namespace {

template <class T>
class MeanKernel final : public Kernel {
 public:
  MeanKernel(std::vector<std::uint32_t> output_of, std::size_t outputs, std::int32_t shift_of_zero,
             QuantizedMultiplier factor, std::int32_t zero_point)
      : m_output_of(std::move(output_of)),
        m_outputs(outputs),
        m_input_zero(shift_of_zero),
        m_factor(factor),
        m_zero_point(zero_point) {}

  void run(const KernelCall& call) const override {
    std::vector<std::int32_t> sums(m_outputs);
    for (std::size_t image = 0; image < call.images; ++image) {
      std::fill(sums.begin(), sums.end(), 0);
      const T* in = call.input<T>(0, image);
      for (std::size_t i = 0; i < m_output_of.size(); ++i) sums[m_output_of[i]] += in[i];
      for (std::size_t o = 0; o < m_outputs; ++o) {
        const std::int32_t scaled =
            multiply_by_quantized_multiplier(wrapping_add(sums[o], m_input_zero), m_factor);
        call.out<T>(image)[o] = static_cast<T>(std::clamp<std::int32_t>(wrapping_add(scaled, m_zero_point),
                                                                        std::numeric_limits<T>::min(),
                                                                        std::numeric_limits<T>::max()));
      }
    }
  }

 private:
  std::vector<std::uint32_t> m_output_of;  ///< which output an input element is added to
  std::size_t m_outputs;
  std::int32_t m_input_zero;  ///< -(input zero point) * elements of a sum
  QuantizedMultiplier m_factor;
  std::int32_t m_zero_point;
};

// The reciprocal of the count goes into the multiplier, with as many more bits as fit.
QuantizedMultiplier divided_by(QuantizedMultiplier factor, std::uint64_t count) {
  int shift = 63 - std::countl_zero(count);
  shift = std::min({shift, 32, 31 + factor.shift});
  const auto multiplier = (std::int64_t{factor.multiplier} << shift) / static_cast<std::int64_t>(count);
  return {static_cast<std::int32_t>(multiplier), factor.shift - shift};
}

}  // namespace

PreparedKernel prepare_mean(const OperatorView& view) {
  QFI_CHECK(view.check_counts(2, 2));
  QFI_CHECK(view.check_8_bit(0));
  const Tensor& input = view.input(0);
  const Tensor& output = view.output();
  QFI_TRY(const std::vector<std::int64_t> axes, view.constant_integers(1));
  const auto dimensions = static_cast<std::int64_t>(input.shape.size());
  std::vector<bool> is_reduced(input.shape.size(), false);
  for (const std::int64_t axis : axes) {
    if (axis < -dimensions || axis >= dimensions) return bad_input("axis {} is out of range", axis);
    is_reduced[static_cast<std::size_t>(axis < 0 ? axis + dimensions : axis)] = true;
  }
  std::vector<std::uint32_t> output_of{0};
  std::uint64_t count = 1;
  for (std::size_t k = 0; k < input.shape.size(); ++k) {
    const auto size = static_cast<std::uint32_t>(input.shape[k]);
    if (is_reduced[k]) count *= size;
    std::vector<std::uint32_t> next;
    next.reserve(output_of.size() * size);
    for (const std::uint32_t o : output_of)
      for (std::uint32_t i = 0; i < size; ++i) next.push_back(is_reduced[k] ? o : o * size + i);
    output_of = std::move(next);
  }
  const std::size_t outputs = input.elements() / count;
  if (outputs != output.elements())
    return bad_input("the output has {} elements instead of {}", output.elements(), outputs);
  if (count > (1U << 22)) return bad_input("the mean of {} elements may overflow", count);
  const double real = double{input.quantization.scales[0]} / double{output.quantization.scales[0]};
  if (!(real < 2147483647.0)) return bad_input("its scales give a factor of {}", real);
  const QuantizedMultiplier factor = divided_by(quantize_multiplier(real), count);
  const auto input_zero = static_cast<std::int32_t>(-std::int64_t{input.quantization.zero_points[0]} *
                                                    static_cast<std::int64_t>(count));
  const std::int32_t zero_point = output.quantization.zero_points[0];
  if (input.type == TensorType::int8)
    return std::make_unique<MeanKernel<std::int8_t>>(std::move(output_of), outputs, input_zero, factor,
                                                     zero_point);
  return std::make_unique<MeanKernel<std::uint8_t>>(std::move(output_of), outputs, input_zero, factor,
                                                    zero_point);
}

}  // namespace qfi
