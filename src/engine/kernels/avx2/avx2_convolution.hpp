// SPDX-License-Identifier: Apache-2.0
// Sums of products for CPUs on which oneDNN is not exact: operands as 16-bit numbers, two products at a time.
#pragma once

#include "../integer_convolution.hpp"

namespace qfi {

/// nullptr: a transposed convolution, or the CPU has no AVX2. `planes`: as asked for.
std::unique_ptr<IntegerConvolution> make_avx2_convolution(const ConvolutionShape& shape, CodeType input,
                                                          std::size_t planes);

}  // namespace qfi
