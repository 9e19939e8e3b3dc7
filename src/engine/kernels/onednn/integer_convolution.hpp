// SPDX-License-Identifier: Apache-2.0
// Exact int32 sums of 8-bit products by oneDNN: sum over the taps inside the image of weight * input, no zero
// points, no bias. oneDNN is exact only with some instruction sets, shapes and sizes of sums, so nothing is
// taken for granted: what it chooses for a shape is tried on extreme and scattered operands before it is used
// in this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../../multiply_accumulate.hpp"

namespace qfi {

/// Immutable; shared by threads, each with its own scratch memory.
class IntegerConvolution {
 public:
  /// Weights in the order that the implementation wants.
  class Weights;

  /// nullptr: a transposed convolution, one that the library has no fast way for, or the proof failed.
  /// `planes`: how many are computed in one go, at least 1.
  static std::unique_ptr<IntegerConvolution> make(const ConvolutionShape& shape, CodeType input,
                                                  std::size_t planes);
  ~IntegerConvolution();

  /// [out_c][filter_h][filter_w][group_in_c]
  std::shared_ptr<const Weights> pack(std::span<const std::int8_t> weights) const;

  std::size_t planes() const;
  std::size_t scratch_bytes() const;
  /// Any number of planes: `input` planes * [in_h][in_w][in_c] codes, `sums` planes * [out_h][out_w][out_c].
  /// `scratch`: scratch_bytes(), aligned to 64 bytes.
  void run(const Weights& weights, std::size_t planes, const std::uint8_t* input, std::int32_t* sums,
           std::byte* scratch) const;

 private:
  struct Primitive;
  IntegerConvolution();
  std::vector<std::unique_ptr<Primitive>> m_primitives;  ///< for fewer and fewer planes, at last one
  ConvolutionShape m_shape;
};

/// What oneDNN dispatches to on this CPU, for run records.
std::string integer_convolution_instructions();
std::string integer_convolution_version();

}  // namespace qfi
