// SPDX-License-Identifier: Apache-2.0
// What an operator becomes when a Program is prepared.
#pragma once

#include <memory>
#include <vector>

#include "multiply_accumulate.hpp"
#include "qfi/engine/program.hpp"

namespace qfi {

/// Pointers of one call. Image i of input k begins at inputs[k] + i * input_strides[k]; the
/// stride of a constant is 0. Inputs that are left out are nullptr.
struct KernelCall {
  std::size_t images = 0;
  std::vector<const std::byte*> inputs;
  std::vector<std::size_t> input_strides;
  std::byte* output = nullptr;
  std::size_t output_stride = 0;
  const ProductTable* table = nullptr;
  PaddingTaps padding = PaddingTaps::skip;
  std::vector<std::byte>* scratch = nullptr;

  template <class T>
  const T* input(std::size_t k, std::size_t image) const {
    return reinterpret_cast<const T*>(inputs[k] + image * input_strides[k]);
  }
  template <class T>
  T* out(std::size_t image) const {
    return reinterpret_cast<T*>(output + image * output_stride);
  }
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(const KernelCall& call) const = 0;
  /// The weights and geometry of an operator that multiplies weights; else nullptr.
  virtual const MultiplyAccumulate* multiply_accumulate() const { return nullptr; }
};

using PreparedKernel = Result<std::unique_ptr<Kernel>>;

/// An operator with its tensors; the checks return errors that complete the operator's label.
class OperatorView {
 public:
  OperatorView(const Model& model, std::size_t index) : m_model(model), m_op(model.operators[index]) {}

  const Operator& op() const { return m_op; }
  template <class Options>
  const Options& options() const {
    return std::get<Options>(m_op.options);
  }
  bool has_input(std::size_t k) const { return k < m_op.inputs.size() && m_op.inputs[k] != k_no_tensor; }
  const Tensor& input(std::size_t k) const {
    return m_model.tensors[static_cast<std::size_t>(m_op.inputs[k])];
  }
  const Tensor& output() const { return m_model.tensors[static_cast<std::size_t>(m_op.outputs[0])]; }

  /// `required` inputs are there, at most `maximum` in all, and one output.
  Result<void> check_counts(std::size_t required, std::size_t maximum) const;
  /// Input `k` and the output have the same 8-bit type, each with one scale.
  Result<void> check_8_bit(std::size_t k) const;
  /// A constant of int32 or int64 as numbers.
  Result<std::vector<std::int64_t>> constant_integers(std::size_t k) const;

 private:
  const Model& m_model;
  const Operator& m_op;
};

/// Per-tensor quantized INT8 or UINT8.
Result<void> check_quantized_8_bit(const Tensor& tensor);

CodeType code_type(const Tensor& tensor);

/// The stored values that a fused activation lets through.
struct ActivationRange {
  std::int32_t min = 0;
  std::int32_t max = 0;
};
Result<ActivationRange> activation_range(Activation activation, const Tensor& output);

/// Where a sliding window lies: padding before the first row and column.
struct WindowGeometry {
  int out_h = 0;
  int out_w = 0;
  int pad_h = 0;
  int pad_w = 0;
};
Result<WindowGeometry> window_geometry(const WindowOptions& options, const Tensor& input,
                                       const Tensor& output, int filter_h, int filter_w);

/// std::lround as x86 does it: whatever does not fit, NaN included, becomes the smallest int32.
std::int32_t round_to_int32(double value);

PreparedKernel prepare_conv_2d(const OperatorView& view, KernelSet kernels);
PreparedKernel prepare_depthwise_conv_2d(const OperatorView& view, KernelSet kernels);
PreparedKernel prepare_fully_connected(const OperatorView& view, KernelSet kernels);
PreparedKernel prepare_add(const OperatorView& view);
PreparedKernel prepare_pool(const OperatorView& view);
PreparedKernel prepare_mean(const OperatorView& view);
PreparedKernel prepare_pad(const OperatorView& view);
PreparedKernel prepare_reshape(const OperatorView& view);
PreparedKernel prepare_relu(const OperatorView& view);
PreparedKernel prepare_softmax(const OperatorView& view);
PreparedKernel prepare_quantize(const OperatorView& view);
PreparedKernel prepare_dequantize(const OperatorView& view);

}  // namespace qfi
