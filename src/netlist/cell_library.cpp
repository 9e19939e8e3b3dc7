// SPDX-License-Identifier: Apache-2.0
#include "cell_library.hpp"

#include <algorithm>

namespace qfi {

const CellType* find_cell_type(std::string_view name) {
  static const std::vector<CellType> k_types = {
      {"$_BUF_", {"A"}, {{"Y", GateOp::buffer}}},
      {"$_NOT_", {"A"}, {{"Y", GateOp::inverter}}},
      {"$_AND_", {"A", "B"}, {{"Y", GateOp::and2}}},
      {"$_NAND_", {"A", "B"}, {{"Y", GateOp::nand2}}},
      {"$_OR_", {"A", "B"}, {{"Y", GateOp::or2}}},
      {"$_NOR_", {"A", "B"}, {{"Y", GateOp::nor2}}},
      {"$_XOR_", {"A", "B"}, {{"Y", GateOp::xor2}}},
      {"$_XNOR_", {"A", "B"}, {{"Y", GateOp::xnor2}}},
      {"$_ANDNOT_", {"A", "B"}, {{"Y", GateOp::and_not}}},
      {"$_ORNOT_", {"A", "B"}, {{"Y", GateOp::or_not}}},
      {"$_MUX_", {"A", "B", "S"}, {{"Y", GateOp::mux}}},
      {"$_NMUX_", {"A", "B", "S"}, {{"Y", GateOp::inverting_mux}}},
      {"$_AOI3_", {"A", "B", "C"}, {{"Y", GateOp::aoi3}}},
      {"$_OAI3_", {"A", "B", "C"}, {{"Y", GateOp::oai3}}},
      {"$_AOI4_", {"A", "B", "C", "D"}, {{"Y", GateOp::aoi4}}},
      {"$_OAI4_", {"A", "B", "C", "D"}, {{"Y", GateOp::oai4}}},
      {"QFI_HA", {"A", "B"}, {{"S", GateOp::xor2}, {"CO", GateOp::and2}}},
      {"QFI_FA", {"A", "B", "CI"}, {{"S", GateOp::xor3}, {"CO", GateOp::majority}}},
  };
  const auto found =
      std::find_if(k_types.begin(), k_types.end(), [&](const CellType& type) { return type.name == name; });
  return found == k_types.end() ? nullptr : &*found;
}

}  // namespace qfi
