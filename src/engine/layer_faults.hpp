// SPDX-License-Identifier: Apache-2.0
// The changed weights and biases of 8-bit layers, by operator.
#pragma once

#include <map>

#include "changed_layer.hpp"

namespace qfi {

class LayerFaultsOfOperators : public std::map<std::size_t, LayerFaults> {};

}  // namespace qfi
