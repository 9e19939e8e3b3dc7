// SPDX-License-Identifier: Apache-2.0
// Owns what `qfi inspect` prints. The inventory of a model or a netlist goes in; text for people, or JSON,
// comes out.
#pragma once

#include <string>

#include "qfi/engine/inventory.hpp"
#include "qfi/faults/netlist_inventory.hpp"

namespace qfi {

std::string model_table(const ModelInventory& model);
std::string model_json(const ModelInventory& model);
std::string netlist_table(const NetlistInventory& netlist);
std::string netlist_json(const NetlistInventory& netlist);

}  // namespace qfi
