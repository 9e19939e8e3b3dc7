// SPDX-License-Identifier: Apache-2.0
// Exact int32 sums of 8-bit products: sum over the taps inside the image of weight * input, no zero points,
// no bias.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "../multiply_accumulate.hpp"

namespace qfi {

/// Immutable; shared by threads, each with its own scratch memory.
class IntegerConvolution {
 public:
  /// Weights in the order that the implementation wants.
  class Weights {
   public:
    virtual ~Weights() = default;
  };

  virtual ~IntegerConvolution() = default;

  /// [out_c][filter_h][filter_w][group_in_c]
  virtual std::shared_ptr<const Weights> pack(std::span<const std::int8_t> weights) const = 0;

  /// How many planes are best computed in one go.
  virtual std::size_t planes() const = 0;
  virtual std::size_t scratch_bytes() const = 0;
  /// Any number of planes: `input` planes * [in_h][in_w][in_c] codes, `sums` planes * [out_h][out_w][out_c].
  /// `weights`: packed by this object. `scratch`: scratch_bytes(), aligned to 64 bytes.
  virtual void run(const Weights& weights, std::size_t planes, const std::uint8_t* input, std::int32_t* sums,
                   std::byte* scratch) const = 0;

  /// How fast it is, roughly: only the order of several ways to the same sums matters.
  virtual double products_per_cycle() const = 0;
};

/// Makes one for inputs of a code type, with `planes` of them in one go, at least 1. nullptr: the
/// implementation does not take the shape; none takes transposed convolutions.
using MakeConvolutionFunction = std::unique_ptr<IntegerConvolution> (*)(const ConvolutionShape& shape,
                                                                        CodeType input, std::size_t planes);

}  // namespace qfi
