// SPDX-License-Identifier: Apache-2.0
#include "liberty_adders.hpp"

#include <algorithm>
#include <limits>

namespace qfi {
namespace {

// Truth tables as Gate::table has them.
constexpr std::uint64_t k_xor2 = 0x6666666666666666;
constexpr std::uint64_t k_and2 = 0x8888888888888888;
constexpr std::uint64_t k_xor3 = 0x9696969696969696;
constexpr std::uint64_t k_majority = 0xE8E8E8E8E8E8E8E8;

// The smallest cell with these two outputs alone; nullptr: there is none.
const CellType* adder_cell(const CellLibrary& library, std::size_t inputs, std::uint64_t sum,
                           std::uint64_t carry) {
  const auto has = [](const CellType& cell, std::uint64_t table) {
    return std::ranges::find(cell.outputs, table, &CellOutput::table) != cell.outputs.end();
  };
  const CellType* smallest = nullptr;
  const auto area_of = [](const CellType& cell) {
    return cell.area.value_or(std::numeric_limits<double>::max());
  };
  for (const auto& [name, cell] : library.cells())
    if (cell.refusal.empty() && cell.inputs.size() == inputs && cell.outputs.size() == 2 && has(cell, sum) &&
        has(cell, carry) && (smallest == nullptr || area_of(cell) < area_of(*smallest)))
      smallest = &cell;
  return smallest;
}

// The functions are symmetric: any order of the inputs will do.
std::string instance(const CellType& cell, std::uint64_t sum) {
  constexpr const char* k_inputs[] = {"A", "B", "CI"};
  std::string pins;
  for (std::size_t i = 0; i < cell.inputs.size(); ++i)
    pins += fmt::format(".\\{} ({}), ", cell.inputs[i], k_inputs[i]);
  for (const CellOutput& output : cell.outputs)
    pins += fmt::format(".\\{} ({}), ", output.pin, output.table == sum ? "S" : "CO");
  pins.resize(pins.size() - 2);
  return fmt::format("  \\{} _TECHMAP_REPLACE_ ({});\n", cell.name, pins);
}

}  // namespace

std::string adder_techmap(const CellLibrary& library) {
  const CellType* full = adder_cell(library, 3, k_xor3, k_majority);
  const CellType* half = adder_cell(library, 2, k_xor2, k_and2);
  return "module QFI_FA (A, B, CI, S, CO);\n  input A, B, CI;\n  output S, CO;\n" +
         (full != nullptr ? instance(*full, k_xor3)
                          : "  assign S = A ^ B ^ CI;\n  assign CO = A & B | CI & (A ^ B);\n") +
         "endmodule\nmodule QFI_HA (A, B, S, CO);\n  input A, B;\n  output S, CO;\n" +
         (half != nullptr ? instance(*half, k_xor2) : "  assign S = A ^ B;\n  assign CO = A & B;\n") +
         "endmodule\n";
}

}  // namespace qfi
