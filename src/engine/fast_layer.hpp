// SPDX-License-Identifier: Apache-2.0
// One 8-bit layer as a few exact convolutions and a pass that finishes them: the fault-free products and
// those of any table that factors. Equal, bit for bit, to the reference loop.
#pragma once

#include <memory>
#include <vector>

#include "bit_counted_errors.hpp"
#include "kernels/fused_convolution.hpp"
#include "kernels/instruction_set.hpp"
#include "multiply_accumulate.hpp"
#include "table_analysis.hpp"

namespace qfi {

/// Products made ready for a layer's weights. Immutable; shared by threads.
struct LayerProducts {
  struct Term {
    std::int32_t factor = 1;
    std::size_t map = 0;
    std::shared_ptr<const IntegerConvolution::Weights> weights;
  };
  BorderBias bias;
  std::vector<std::array<std::uint8_t, 256>> maps;  ///< of inputs; the first one changes nothing
  std::vector<Term> terms;
  std::vector<Term> input_terms;             ///< weights are 1, one output channel
  std::unique_ptr<BitCountedErrors> errors;  ///< added to the terms; nullptr: none
  /// The whole, finished in registers, in place of all of the above; nullptr: not so.
  std::shared_ptr<const FusedConvolution::Products> fused;
};

/// How a table's errors are summed: as more products, or by counting the bits of error planes.
enum class ErrorWay : std::uint8_t { cheapest, products, counts };

/// Immutable; shared by threads.
class FastLayer {
 public:
  /// nullptr: transposed, too large, or no fast way on this CPU. `op` must outlive it.
  static std::unique_ptr<FastLayer> make(const MultiplyAccumulate& op,
                                         const InstructionSet& set = instruction_set());

  /// `analysis`: of the table's errors, by this layer's weights among others. nullptr: they have too little
  /// structure, or not that for the way asked for.
  std::shared_ptr<const LayerProducts> prepare(TableAnalysis& analysis, const ProductTable& table,
                                               PaddingTaps padding, ErrorWay way = ErrorWay::cheapest) const;

  /// `products` nullptr: the exact ones. The rest as MultiplyAccumulateFunction.
  void run(const LayerProducts* products, std::size_t planes, const std::uint8_t* input, std::uint8_t* output,
           std::int32_t* accumulators, std::vector<std::byte>& scratch) const;

  /// The most that run() resizes its scratch to: with exact products, and with any others.
  std::size_t scratch_bytes() const {
    return m_exact.fused ? fused_scratch_bytes(m_exact.fused->terms()) : scratch_bytes(m_exact);
  }
  std::size_t table_scratch_bytes() const;
  std::size_t bytes() const;

 private:
  class Run;
  FastLayer(const MultiplyAccumulate& op, const InstructionSet& set);
  void make_convolution();
  void make_input_convolution(MakeConvolutionFunction make, std::size_t planes);
  ConvolutionShape finished_shape(std::size_t planes) const;
  LayerProducts ready(FactoredProducts factored, const ProductTable* table, PaddingTaps padding) const;
  std::shared_ptr<const FusedConvolution::Products> fused(FactoredProducts factored,
                                                          const ProductTable* table,
                                                          PaddingTaps padding) const;
  const FactoredProducts* find_fusable(TableAnalysis& analysis) const;
  TapBias tap_bias(const FactoredProducts& factored, const ProductTable* table, PaddingTaps padding) const;
  FactorParams factor_params() const;
  std::shared_ptr<const IntegerConvolution::Weights> packed(
      const std::array<std::int8_t, 256>& of_byte) const;
  double fused_cycles_per_plane(const FactoredProducts& products) const;
  double cycles_per_plane(const FactoredProducts& products) const;
  std::size_t counts_stride() const;
  std::size_t counts_bytes(const BitCountedErrors& errors) const;
  std::size_t scratch_bytes(const LayerProducts& products) const;
  std::size_t fused_scratch_bytes(std::size_t terms) const;

  const MultiplyAccumulate& m_op;
  const InstructionSet& m_set;
  ConvolutionShape m_shape;        ///< pointwise layers: a plane is one pixel
  std::size_t m_planes_per_plane;  ///< of m_shape in one of the operator's
  std::size_t m_most_terms = 1;
  CodeType m_input_type = CodeType::int8;  ///< that the convolutions take
  ChannelFactors m_factors;
  WeightsOfChannels m_weights_of_channels;
  std::unique_ptr<IntegerConvolution> m_convolution;
  std::unique_ptr<IntegerConvolution> m_input_convolution;  ///< one output channel; nullptr: not possible
  std::shared_ptr<const IntegerConvolution::Weights> m_ones;
  std::unique_ptr<FusedConvolution> m_fused;  ///< nullptr: not possible with these instructions
  LayerProducts m_exact;
};

}  // namespace qfi
