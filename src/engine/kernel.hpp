// SPDX-License-Identifier: Apache-2.0
// What an operator becomes when a Program is prepared.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "fast_layer.hpp"
#include "kernels/linear_pair.hpp"
#include "multiply_accumulate.hpp"
#include "qfi/arith/requantize.hpp"
#include "qfi/engine/program.hpp"

namespace qfi {

/// No circuit in the place of the products.
inline const Unit k_exact{};

/// Pointers of one call. Image i of input k begins at inputs[k] + i * input_strides[k]; the
/// stride of a constant is 0. Inputs that are left out are nullptr. Outputs have pointers and strides alike.
struct KernelCall {
  std::size_t images = 0;
  std::vector<const std::byte*> inputs;
  std::vector<std::size_t> input_strides;
  std::vector<std::byte*> outputs;
  std::vector<std::size_t> output_strides;
  const Unit* unit = &k_exact;  ///< never nullptr
  std::int32_t* accumulators =
      nullptr;  ///< of all outputs, where a kernel with MultiplyAccumulate leaves them
  std::vector<std::byte>* scratch = nullptr;

  template <class T>
  const T* input(std::size_t k, std::size_t image) const {
    return reinterpret_cast<const T*>(inputs[k] + image * input_strides[k]);
  }
  template <class T>
  T* out(std::size_t image, std::size_t k = 0) const {
    return reinterpret_cast<T*>(outputs[k] + image * output_strides[k]);
  }
};

/// A call of operator `index` on `images` images. input(tensor) gives where the images of a tensor that is
/// no constant begin, output(tensor) where they go. `changed` nullptr: every constant is the model's.
template <class Input, class Output>
KernelCall make_call(const Model& model, std::size_t index, std::size_t images, const Input& input,
                     const Output& output, const ChangedOperators* changed = nullptr) {
  const Operator& op = model.operators[index];
  KernelCall call;
  call.images = images;
  for (const int k : op.inputs) {
    const Tensor* tensor = k == k_no_tensor ? nullptr : &model.tensors[static_cast<std::size_t>(k)];
    const std::byte* faulty = changed == nullptr || tensor == nullptr ? nullptr : changed->constant(k);
    call.inputs.push_back(faulty != nullptr     ? faulty
                          : tensor == nullptr   ? nullptr
                          : tensor->is_constant ? tensor->data.data()
                                                : input(k));
    call.input_strides.push_back(tensor == nullptr || tensor->is_constant ? 0 : tensor->bytes());
  }
  for (const int k : op.outputs) {
    call.outputs.push_back(output(k));
    call.output_strides.push_back(model.tensors[static_cast<std::size_t>(k)].bytes());
  }
  return call;
}

/// A pool of an 8-bit type, for devices that compute it themselves.
struct PoolForm {
  ConvolutionShape shape;
  bool is_average = false;
  std::int32_t min = 0;
  std::int32_t max = 0;
};
/// Each of `outputs` results is (start + the sum of `count` inputs, `outputs` apart) * factor + zero_point,
/// saturated.
struct SumForm {
  int count = 1;
  int outputs = 1;
  std::int32_t start = 0;
  QuantizedMultiplier factor;
  std::int32_t zero_point = 0;
};
using DeviceForm = std::variant<std::monostate, PoolForm, SumForm, LinearPair>;

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(const KernelCall& call) const = 0;
  /// The weights and geometry of an operator that multiplies 8-bit weights; else nullptr.
  virtual const MultiplyAccumulate* multiply_accumulate() const { return nullptr; }
  /// nullptr: no faster way than its table.
  virtual std::shared_ptr<const LayerProducts> prepare_table(TableAnalysis&, const ProductTable&,
                                                             PaddingTaps) const {
    return nullptr;
  }
  /// An 8-bit operator as plain numbers; monostate: it has no such form.
  virtual DeviceForm device_form() const { return {}; }
  /// Stored bytes of 8-bit outputs that no inputs give are left out.
  virtual ByteSet possible_outputs() const { return ByteSet::all(); }
  /// Whether output element i depends on element i of each input alone.
  virtual bool is_elementwise() const { return false; }
  /// Computes output elements first + i * stride, i = 0 .. count - 1, of the first image. Precondition:
  /// is_elementwise().
  virtual void run_range(const KernelCall& call, std::size_t first, std::size_t count,
                         std::size_t stride) const;
  /// The window of input pixels from which an output pixel comes, each channel from its own; nullptr: it is
  /// not so. Sizes of the filter, strides and padding are set.
  virtual const ConvolutionShape* window() const { return nullptr; }
  /// Computes channels first .. end - 1 of an output pixel of the first image; `row` counts those of all the
  /// model's own planes. Precondition: there is a window().
  virtual void run_pixel(const KernelCall& call, std::size_t row, std::size_t column, std::size_t first,
                         std::size_t end) const;
  /// Whether no output falls where an input rises, for 8-bit types; false says nothing. For operators that
  /// multiply weights, LayerBounds knows.
  virtual bool rises() const { return false; }
  /// Whether output elements come from 32-bit accumulators (int32, or FLOAT32 before the activation).
  virtual bool has_accumulators() const { return false; }
  /// The bits of the accumulator, bias included, behind output `element` of the call's first image.
  /// Precondition, here and below: has_accumulators().
  virtual std::uint32_t accumulator(const KernelCall& call, std::size_t element) const;
  /// Writes output `element` of the first image from these bits.
  virtual void store_accumulator(const KernelCall& call, std::size_t element, std::uint32_t bits) const;
  /// Multiplications of one image, all taps inside the image.
  virtual std::uint64_t multiplications() const { return 0; }
  /// Memory that the kernel keeps.
  virtual std::size_t bytes() const { return 0; }
  /// Memory that a run needs besides the tensors, for any number of images; and where it has a table.
  virtual std::size_t scratch_bytes() const { return 0; }
  virtual std::size_t table_scratch_bytes() const { return scratch_bytes(); }
};

using PreparedKernel = Result<std::unique_ptr<Kernel>>;

/// An operator with its tensors; the checks return errors that complete the operator's label.
class OperatorView {
 public:
  OperatorView(Model& model, std::size_t index) : m_model(model), m_op(model.operators[index]) {}

  const Operator& op() const { return m_op; }
  template <class Options>
  const Options& options() const {
    return std::get<Options>(m_op.options);
  }
  bool has_input(std::size_t k) const { return k < m_op.inputs.size() && m_op.inputs[k] != k_no_tensor; }
  const Tensor& input(std::size_t k) const {
    return m_model.tensors[static_cast<std::size_t>(m_op.inputs[k])];
  }
  const Tensor& output(std::size_t k = 0) const {
    return m_model.tensors[static_cast<std::size_t>(m_op.outputs[k])];
  }

  /// `required` inputs are there, at most `maximum` in all, and `outputs` outputs.
  Result<void> check_counts(std::size_t required, std::size_t maximum, std::size_t outputs = 1) const;
  /// Input `k` and output 0 have the same type, one of `types`; if it is INT8, UINT8 or INT16,
  /// each has one scale, and an INT16 zero point is 0.
  Result<void> check_types(std::size_t k, std::initializer_list<TensorType> types) const;
  /// Gives output `k` the shape that the operator computes: what the file says may be a placeholder, and is
  /// told in a warning where it is another one and not meant as such. Error: a dimension below 1, or too
  /// large.
  template <class Size>
  Result<void> set_output_shape(const std::vector<Size>& shape, std::size_t k = 0) const {
    return set_shape(std::vector<std::int64_t>(shape.begin(), shape.end()), k);
  }
  /// A constant of int32 or int64 as numbers.
  Result<std::vector<std::int64_t>> constant_integers(std::size_t k) const;
  /// Gives the output the shape of input 0 [batch, height, width, channels] with another height and width,
  /// which input `k` holds as a constant.
  Result<void> set_resized_shape(std::size_t k) const;
  /// A constant of int32 or int64 with one element, as a dimension of `dimensions`.
  Result<std::size_t> constant_axis(std::size_t k, std::size_t dimensions) const;

 private:
  Result<void> set_shape(const std::vector<std::int64_t>& shape, std::size_t k) const;

  Model& m_model;
  const Operator& m_op;
};

/// One scale; an INT16 zero point is 0.
Result<void> check_quantized(const Tensor& tensor);

/// `axis`, counted from the end where negative, as an index below `dimensions`.
Result<std::size_t> dimension_index(std::int64_t axis, std::size_t dimensions);

/// Precondition: INT8 or UINT8.
CodeType code_type(const Tensor& tensor);

/// The values that the integer type can hold.
struct ActivationRange {
  std::int32_t min = 0;
  std::int32_t max = 0;
};
ActivationRange type_range(TensorType type);

/// The stored values that a fused activation lets through.
Result<ActivationRange> activation_range(Activation activation, const Tensor& output);

/// The values that a fused activation of FLOAT32 lets through. Without an activation nothing is clamped:
/// unlike the runtime, which turns infinity into the largest number, so that infinity can be seen and
/// counted. NaN stays NaN.
struct FloatRange {
  float min = -std::numeric_limits<float>::infinity();
  float max = std::numeric_limits<float>::infinity();
  float operator()(float value) const { return std::min(std::max(value, min), max); }
};
FloatRange float_range(Activation activation);

/// The exponent of a scale that the runtime takes for a power of two: within 0.1 % of an octave.
std::optional<int> power_of_two(float scale);

/// quantize_multiplier, or an error if the factor is out of its range.
Result<QuantizedMultiplier> factor_of(double real);

/// The value, clamped to what T can hold.
template <class T>
T saturated(std::int32_t value) {
  return static_cast<T>(
      std::clamp<std::int32_t>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

/// Calls use.template operator()<T>() with the C++ type of the elements.
/// Precondition: INT8, UINT8 or INT16.
template <class Use>
PreparedKernel with_integer(TensorType type, const Use& use) {
  if (type == TensorType::int8) return use.template operator()<std::int8_t>();
  if (type == TensorType::uint8) return use.template operator()<std::uint8_t>();
  return use.template operator()<std::int16_t>();
}

/// Where a sliding window lies: padding before the first row and column.
struct WindowGeometry {
  int out_h = 0;
  int out_w = 0;
  int pad_h = 0;
  int pad_w = 0;
};
/// `shape`: of what the window slides over. Error: it has not 4 dimensions, or the window is too large.
Result<WindowGeometry> window_geometry(const WindowOptions& options, const std::vector<int>& shape,
                                       int filter_h, int filter_w);

// Each file in operators/ prepares some kinds of operators.
PreparedKernel prepare_weighted(const OperatorView& view, KernelSet kernels);
PreparedKernel prepare_batch_matmul(const OperatorView& view);
PreparedKernel prepare_binary(const OperatorView& view);
PreparedKernel prepare_unary(const OperatorView& view);
PreparedKernel prepare_pool(const OperatorView& view);
PreparedKernel prepare_reduction(const OperatorView& view);
PreparedKernel prepare_arg(const OperatorView& view);
PreparedKernel prepare_normalization(const OperatorView& view);
PreparedKernel prepare_resize_bilinear(const OperatorView& view);
PreparedKernel prepare_sequence_lstm(const OperatorView& view);
PreparedKernel prepare_layout(const OperatorView& view);

}  // namespace qfi
