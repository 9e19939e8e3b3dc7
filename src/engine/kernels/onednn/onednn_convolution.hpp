// SPDX-License-Identifier: Apache-2.0
// Sums of products by oneDNN. It is exact only with some instruction sets, shapes and sizes of sums, so
// nothing is taken for granted: what it chooses for a shape is tried on extreme and scattered operands before
// it is used in this process.
#pragma once

#include <string>

#include "../integer_convolution.hpp"

namespace qfi {

/// nullptr: a transposed convolution, one that the library has no fast way for, or the proof failed.
/// `planes`: how many are computed in one go, at least 1.
std::unique_ptr<IntegerConvolution> make_onednn_convolution(const ConvolutionShape& shape, CodeType input,
                                                            std::size_t planes);

/// What oneDNN dispatches to on this CPU, for run records.
std::string onednn_instructions();
std::string onednn_version();

}  // namespace qfi
