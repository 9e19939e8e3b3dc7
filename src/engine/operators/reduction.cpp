// SPDX-License-Identifier: Apache-2.0
// MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD over any dimensions.
#include <bit>
#include <cmath>

#include "../kernel.hpp"
#include "../strided_loop.hpp"

namespace qfi {
namespace {

// Which output every input element goes to: a loop over the input with the output's strides.
struct ReductionShape {
  Loop<1> loop;
  std::size_t outputs = 1;
  std::int64_t count = 1;  ///< inputs of one output
};

Result<ReductionShape> reduction_shape(const OperatorView& view) {
  const std::vector<int>& in = view.input(0).shape;
  QFI_TRY(const std::vector<std::int64_t> axes, view.constant_integers(1));
  std::vector<bool> is_reduced(in.size(), false);
  for (const std::int64_t axis : axes) {
    QFI_TRY(const std::size_t dimension, dimension_index(axis, in.size()));
    is_reduced[dimension] = true;
  }
  ReductionShape shape;
  Loop<1> loop(in.size());
  std::int64_t stride = 1;
  for (std::size_t d = in.size(); d-- > 0;) {
    loop[d] = {in[d], {is_reduced[d] ? 0 : stride}};
    (is_reduced[d] ? shape.count : stride) *= in[d];
  }
  shape.loop = joined(loop);
  shape.outputs = static_cast<std::size_t>(stride);
  const auto* options = std::get_if<ReductionOptions>(&view.op().options);
  const bool keeps_dimensions = options != nullptr && options->keeps_dimensions;
  std::vector<int> kept;
  for (std::size_t d = 0; d < in.size(); ++d)
    if (!is_reduced[d] || keeps_dimensions) kept.push_back(is_reduced[d] ? 1 : in[d]);
  if (shape.outputs != view.output().elements()) QFI_CHECK(view.set_output_shape(kept));
  return shape;
}

// Reducer: start(T) for an output's first input, next(current, T), finish(current) -> T.
template <class T, class Reducer>
class ReductionKernel final : public Kernel {
 public:
  ReductionKernel(ReductionShape shape, const Reducer& reducer)
      : m_shape(std::move(shape)), m_reducer(reducer) {}

  void run(const KernelCall& call) const override {
    using Value = decltype(m_reducer.start(T{}));
    const auto inner = m_shape.loop.back();
    std::vector<Value> values(m_shape.outputs);
    std::vector<bool> has_started(m_shape.outputs);  // a row's outputs, at its first one
    for (std::size_t image = 0; image < call.images; ++image) {
      has_started.assign(m_shape.outputs, false);
      const T* in = call.input<T>(0, image);
      for_each_row(m_shape.loop, [&](const std::array<std::int64_t, 1>& offsets) {
        const auto place = static_cast<std::size_t>(offsets[0]);
        const bool is_first = !has_started[place];
        if (inner.strides[0] == 0) add_to_one(in, inner.size, is_first, values[place]);
        else add_to_each(in, inner.size, is_first, &values[place]);
        has_started[place] = true;
        in += inner.size;
      });
      T* out = call.out<T>(image);
      for (std::size_t o = 0; o < m_shape.outputs; ++o) out[o] = m_reducer.finish(values[o]);
    }
  }

  // Sums over whole rows of outputs: pixels, mostly.
  DeviceForm device_form() const override {
    if constexpr (requires { m_reducer.input_zero; } && sizeof(T) == 1) {
      const Loop<1>& loop = m_shape.loop;
      if (loop.size() == 2 && loop[0].strides[0] == 0 && loop[1].strides[0] == 1 && m_reducer.keeps_order)
        return SumForm{static_cast<int>(loop[0].size), static_cast<int>(loop[1].size), m_reducer.input_zero,
                       m_reducer.factor, m_reducer.zero_point};
    }
    return {};
  }
  bool rises() const override {
    if constexpr (requires { m_reducer.rises(); }) return m_reducer.rises();
    else return false;
  }

 private:
  template <class Value>
  void add_to_one(const T* in, std::int64_t count, bool is_first, Value& value) const {
    if (is_first) value = m_reducer.start(in[0]);
    for (std::int64_t i = is_first ? 1 : 0; i < count; ++i) value = m_reducer.next(value, in[i]);
  }
  template <class Value>
  void add_to_each(const T* in, std::int64_t count, bool is_first, Value* values) const {
    if (is_first)
      for (std::int64_t i = 0; i < count; ++i) values[i] = m_reducer.start(in[i]);
    else
      for (std::int64_t i = 0; i < count; ++i) values[i] = m_reducer.next(values[i], in[i]);
  }

  ReductionShape m_shape;
  Reducer m_reducer;
};

template <class T, class Reducer>
PreparedKernel make_reduction(const ReductionShape& shape, const Reducer& reducer) {
  return std::make_unique<ReductionKernel<T, Reducer>>(shape, reducer);
}

// MEAN and SUM: the sum rescaled.
template <class T>
struct ScaledSum {
  std::int32_t input_zero;  ///< -(input zero point) * inputs of a sum
  QuantizedMultiplier factor;
  std::int32_t zero_point;
  bool keeps_order;  ///< T is the type that the tensors say

  bool rises() const { return keeps_order && factor.shift <= 0; }  // a shift to the left may wrap
  std::int32_t start(T value) const { return value; }
  std::int32_t next(std::int32_t sum, T value) const { return sum + value; }
  T finish(std::int32_t sum) const {
    const std::int32_t scaled = multiply_by_quantized_multiplier(wrapping_add(sum, input_zero), factor);
    return saturated<T>(wrapping_add(scaled, zero_point));
  }
};

struct FloatMean {
  float count;
  float start(float value) const { return value; }
  float next(float sum, float value) const { return sum + value; }
  float finish(float sum) const { return sum / count; }
};

template <class T, bool is_max>
struct Extreme {
  T start(T value) const { return value; }
  T next(T best, T value) const { return is_max ? std::max(best, value) : std::min(best, value); }
  T finish(T best) const { return best; }
};

// Of whole numbers, as graphs compute with shapes.
template <class T>
struct WholeProduct {
  T start(T value) const { return value; }
  T next(T product, T value) const {
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<Unsigned>(product) * static_cast<Unsigned>(value));
  }
  T finish(T product) const { return product; }
};

// Each partial product is rescaled by input_scale / output_scale^(1 / count).
struct ScaledProduct {
  std::int32_t input_zero_point;
  QuantizedMultiplier factor;
  std::int32_t zero_point;

  std::int32_t start(std::int8_t value) const { return value - input_zero_point; }
  std::int32_t next(std::int32_t product, std::int8_t value) const {
    return multiply_by_quantized_multiplier(std::int64_t{product} * (value - input_zero_point), factor);
  }
  std::int8_t finish(std::int32_t product) const {
    const std::int32_t scaled = multiply_by_quantized_multiplier(std::int64_t{product}, factor);
    return saturated<std::int8_t>(wrapping_add(scaled, zero_point));
  }
};

// The reciprocal of the count goes into the multiplier, with as many more bits as fit.
QuantizedMultiplier divided_by(QuantizedMultiplier factor, std::int64_t count) {
  int shift = 63 - std::countl_zero(static_cast<std::uint64_t>(count));
  shift = std::min({shift, 32, 31 + factor.shift});
  const std::int64_t multiplier = (std::int64_t{factor.multiplier} << shift) / count;
  return {static_cast<std::int32_t>(multiplier), factor.shift - shift};
}

PreparedKernel prepare_sum(const OperatorView& view, const ReductionShape& shape) {
  const Quantization& input = view.input(0).quantization;
  const Quantization& output = view.output().quantization;
  if (shape.count >= (view.input(0).type == TensorType::int16 ? 1 << 16 : 1 << 22))
    return bad_input("the sum of {} elements may overflow", shape.count);
  QFI_TRY(QuantizedMultiplier factor, factor_of(double{input.scales[0]} / double{output.scales[0]}));
  if (view.op().kind == OperatorKind::mean) factor = divided_by(factor, shape.count);
  const auto input_zero = static_cast<std::int32_t>(-input.zero_points[0] * shape.count);
  // The reference kernel of SUM takes INT8 for UINT8, input and output; the recordings show it.
  if (view.op().kind == OperatorKind::sum)
    return make_reduction<std::uint8_t>(shape,
                                        ScaledSum<std::uint8_t>{input_zero, factor, output.zero_points[0],
                                                                view.output().type == TensorType::uint8});
  return with_integer(view.output().type, [&]<class T>() {
    return make_reduction<T>(shape, ScaledSum<T>{input_zero, factor, output.zero_points[0], true});
  });
}

PreparedKernel prepare_extreme(const OperatorView& view, const ReductionShape& shape) {
  const Quantization& input = view.input(0).quantization;
  const Quantization& output = view.output().quantization;
  if (input.scales != output.scales || input.zero_points != output.zero_points)
    return bad_input("input and output differ in scale or zero point");
  return with_integer(view.output().type, [&]<class T>() {
    if (view.op().kind == OperatorKind::reduce_max) return make_reduction<T>(shape, Extreme<T, true>{});
    return make_reduction<T>(shape, Extreme<T, false>{});
  });
}

PreparedKernel prepare_product(const OperatorView& view, const ReductionShape& shape) {
  const Quantization& input = view.input(0).quantization;
  const Quantization& output = view.output().quantization;
  const double root = std::pow(double{output.scales[0]}, 1.0 / static_cast<double>(shape.count));
  QFI_TRY(const QuantizedMultiplier factor, factor_of(double{input.scales[0]} / root));
  if (factor.shift > 7) return bad_input("its scales give a factor that is too large");
  return make_reduction<std::int8_t>(shape,
                                     ScaledProduct{input.zero_points[0], factor, output.zero_points[0]});
}

}  // namespace

PreparedKernel prepare_reduction(const OperatorView& view) {
  using Type = TensorType;
  QFI_CHECK(view.check_counts(2, 2));
  const OperatorKind kind = view.op().kind;
  // The reference kernel of SUM leaves half of an INT16 output undefined.
  if (kind == OperatorKind::reduce_prod)
    QFI_CHECK(view.check_types(0, {Type::int8, Type::int32, Type::int64}));
  else if (kind == OperatorKind::sum) QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8}));
  else if (kind == OperatorKind::mean)
    QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16, Type::float32}));
  else QFI_CHECK(view.check_types(0, {Type::int8, Type::uint8, Type::int16}));
  QFI_TRY(const ReductionShape shape, reduction_shape(view));
  if (view.output().type == Type::float32)
    return make_reduction<float>(shape, FloatMean{static_cast<float>(shape.count)});
  if (view.output().type == Type::int32)
    return make_reduction<std::int32_t>(shape, WholeProduct<std::int32_t>{});
  if (view.output().type == Type::int64)
    return make_reduction<std::int64_t>(shape, WholeProduct<std::int64_t>{});
  if (kind == OperatorKind::reduce_prod) return prepare_product(view, shape);
  if (kind == OperatorKind::mean || kind == OperatorKind::sum) return prepare_sum(view, shape);
  return prepare_extreme(view, shape);
}

}  // namespace qfi
