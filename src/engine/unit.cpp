// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/unit.hpp"

namespace qfi {

Units looked_up(Units units) {
  for (Unit& unit : units.of_operator)
    if (auto* tabulated = std::get_if<TabulatedUnit>(&unit)) tabulated->products.reset();
  return units;
}

}  // namespace qfi
