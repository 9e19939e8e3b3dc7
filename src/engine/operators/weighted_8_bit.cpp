// SPDX-License-Identifier: Apache-2.0
// INT8 and UINT8: products exact or from a table, in 32-bit accumulators that wrap.
#include "weighted.hpp"

namespace qfi {
namespace {

class WeightedKernel final : public Kernel {
 public:
  WeightedKernel(MultiplyAccumulate op, KernelSet kernels)
      : m_op(std::move(op)),
        m_function(kernels == KernelSet::reference ? multiply_accumulate_reference
                                                   : multiply_accumulate_portable),
        m_fast(kernels == KernelSet::fast ? FastLayer::make(m_op) : nullptr) {}
  void run(const KernelCall& call) const override {
    std::visit([&](const auto& unit) { run_with(unit, call); }, *call.unit);
  }
  std::shared_ptr<const LayerProducts> prepare_table(TableAnalysis& analysis, const ProductTable& table,
                                                     PaddingTaps padding) const override {
    return m_fast ? m_fast->prepare(analysis, table, padding) : nullptr;
  }
  bool has_accumulators() const override { return true; }
  std::uint32_t accumulator(const KernelCall& call, std::size_t element) const override {
    return static_cast<std::uint32_t>(exact_accumulator(m_op, input(call), element));
  }
  void store_accumulator(const KernelCall& call, std::size_t element, std::uint32_t bits) const override {
    const std::size_t channel = element % static_cast<std::size_t>(m_op.shape.out_c);
    call.out<std::uint8_t>(0)[element] =
        static_cast<std::uint8_t>(m_op.requantizer(static_cast<std::int32_t>(bits), channel));
  }
  const MultiplyAccumulate* multiply_accumulate() const override { return &m_op; }
  ByteSet possible_outputs() const override {
    ByteSet outputs{};
    for (int code = m_op.requantizer.min; code <= m_op.requantizer.max; ++code)
      outputs[byte_index(code)] = true;
    return outputs;
  }
  std::uint64_t multiplications() const override { return m_op.shape.multiplications(); }
  std::size_t bytes() const override {
    return m_op.weights.size() + m_op.bias.size() * sizeof(m_op.bias[0]) + m_op.requantizer.bytes() +
           (m_fast ? m_fast->bytes() : 0);
  }
  std::size_t scratch_bytes() const override {
    return m_fast ? m_fast->scratch_bytes() : multiply_accumulate_scratch_bytes(m_op.shape);
  }
  std::size_t table_scratch_bytes() const override {
    return std::max(multiply_accumulate_scratch_bytes(m_op.shape),
                    m_fast ? m_fast->table_scratch_bytes() : 0);
  }

 private:
  void run_with(std::monostate, const KernelCall& call) const {
    if (m_fast) run_fast(nullptr, call);
    else run_loop(nullptr, PaddingTaps::skip, call);
  }
  void run_with(const TabulatedUnit& unit, const KernelCall& call) const {
    if (m_fast && unit.products) run_fast(unit.products.get(), call);
    else run_loop(unit.table, unit.padding, call);
  }
  void run_fast(const LayerProducts* products, const KernelCall& call) const {
    m_fast->run(products, planes(call), input(call), call.out<std::uint8_t>(0), call.accumulators,
                *call.scratch);
  }
  void run_loop(const ProductTable* table, PaddingTaps padding, const KernelCall& call) const {
    m_function(m_op, planes(call), input(call), call.out<std::uint8_t>(0), table, padding, call.accumulators,
               *call.scratch);
  }
  std::size_t planes(const KernelCall& call) const {
    return call.images * static_cast<std::size_t>(m_op.shape.planes);
  }
  const std::uint8_t* input(const KernelCall& call) const {
    return call.input<std::uint8_t>(m_op.data_input, 0);
  }

  MultiplyAccumulate m_op;
  MultiplyAccumulateFunction m_function;
  std::unique_ptr<FastLayer> m_fast;  ///< nullptr: not asked for, or not possible
};

}  // namespace

PreparedKernel prepare_weighted_8_bit(const OperatorView& view, const WeightedOperator& op,
                                      KernelSet kernels) {
  const Tensor& input = view.input(op.data);
  MultiplyAccumulate result;
  QFI_TRY(result.requantizer, read_requantizer(view, op));
  QFI_TRY(result.bias, read_bias<std::int32_t>(view, op, TensorType::int32));
  result.shape = op.shape;
  result.codes = {code_type(input), view.input(1).quantization.zero_points[0],
                  input.quantization.zero_points[0]};
  result.weights = weights_by_channel<std::uint8_t>(view, op);
  result.data_input = op.data;
  return std::make_unique<WeightedKernel>(std::move(result), kernels);
}

}  // namespace qfi
