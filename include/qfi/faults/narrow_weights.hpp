// SPDX-License-Identifier: Apache-2.0
// Weights kept in fewer than 8 bits. A model and a layer go in; the layer's weights are re-quantized.
#pragma once

#include <cstddef>

#include "qfi/base/result.hpp"
#include "qfi/model/model.hpp"

namespace qfi {

/// Re-quantizes the INT8 weights of a layer to `width` bits, 3 to 7: per output channel
/// q' = round(q (2^(width-1) - 1) / max|q|), halves away from zero; the channel's scale, and with it the
/// bias, follow, so that the real values stay as near as the codes allow. A channel of zeros stays as
/// it is. Tensors that other layers read too are copied first, so that those keep theirs.
/// Errors, the model is then as before: not a layer with constant INT8 weights as the engine takes them
/// (no zero point, one scale or one per channel); a scale or a bias that no longer fits its type.
Result<void> narrow_weights(Model& model, std::size_t operator_index, int width);

}  // namespace qfi
