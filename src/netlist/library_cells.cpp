// SPDX-License-Identifier: Apache-2.0
// Cells of Verilog and Liberty files. Yosys turns each into a module of generic gates; the simulator gives
// its truth table.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cell_library.hpp"
#include "liberty.hpp"
#include "port_list.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/text.hpp"
#include "qfi/netlist/simulator.hpp"
#include "verilog_primitives.hpp"
#include "yosys.hpp"

namespace qfi {
namespace {

using nlohmann::json;

constexpr const char* k_to_gates =
    "proc\nflatten\nopt_expr\ntechmap\nsimplemap\nopt_clean\nwrite_json cells.json\n";

// A cell's module as a unit: its inputs are one operand, its outputs the result.
struct CellModule {
  CellType type;
  json inputs = json::array();
  json outputs = json::array();
};

// Puts a pin where it belongs; what a cell may not have becomes its refusal.
void add_pin(const Port& port, CellModule& cell) {
  if (power_level(port.name) && port.direction != Port::Direction::output) {
    cell.type.supplies.push_back(port.name);
    return;
  }
  if (port.direction == Port::Direction::inout || port.bits.size() != 1) {
    cell.type.refusal = fmt::format("its pin {} is inout or has several bits", port.name);
    return;
  }
  if (port.direction == Port::Direction::input) {
    cell.type.inputs.push_back(port.name);
    cell.inputs.push_back(port.bits[0]);
  } else {
    cell.type.outputs.push_back({port.name, GateOp::table, 0});
    cell.outputs.push_back(port.bits[0]);
  }
}

// The module with two ports for operands, which the supplies stand beside.
Result<Netlist> as_unit(const json& module, const CellModule& cell) {
  // The second operand, and the first of a cell without inputs, are nets of their own, which nothing reads.
  constexpr std::int64_t k_unused = std::int64_t{1} << 40;
  json unit = module;
  json first = cell.inputs;
  if (first.empty()) first.push_back(k_unused + 1);
  json ports = {{"qfi_in", {{"direction", "input"}, {"bits", first}}},
                {"qfi_unused", {{"direction", "input"}, {"bits", {k_unused}}}},
                {"qfi_out", {{"direction", "output"}, {"bits", cell.outputs}}}};
  for (const std::string& supply : cell.type.supplies) ports[supply] = module["ports"][supply];
  unit["ports"] = ports;
  unit["attributes"] = json::object();
  const json document = {{"modules", {{cell.type.name, unit}}}};
  return parse_netlist(document.dump(), "cell " + cell.type.name,
                       {"qfi_in", "qfi_unused", "qfi_out", {}, true});
}

void evaluate(const Netlist& unit, CellType& type) {
  const int patterns = 1 << type.inputs.size();
  const Simulator simulator(unit, {{0, patterns - 1}, {0, 0}, true});
  for (std::size_t output = 0; output < type.outputs.size(); ++output)
    for (std::size_t i = 0; i < 64; ++i) {
      const auto value =
          static_cast<std::uint32_t>(simulator.golden()[i % static_cast<std::size_t>(patterns)]);
      type.outputs[output].table |= std::uint64_t{value >> output & 1} << i;
    }
}

Result<CellType> cell_of(const std::string& name, const json& module) {
  CellModule cell;
  cell.type.name = name;
  QFI_TRY(const std::vector<Port> ports, list_ports(module));
  for (const Port& port : ports) add_pin(port, cell);
  CellType& type = cell.type;
  if (type.outputs.empty() || type.outputs.size() > 32)
    type.refusal = fmt::format("it has {} outputs", type.outputs.size());
  if (type.inputs.size() > k_gate_inputs)
    type.refusal = fmt::format("it has {} inputs, more than {}", type.inputs.size(), k_gate_inputs);
  if (!type.refusal.empty()) return type;
  const auto unit = as_unit(module, cell);
  if (unit) evaluate(*unit, type);
  else type.refusal = unit.error().message;
  return type;
}

// The modules that Yosys left in the folder.
Result<std::vector<CellType>> cells_of_modules(const std::filesystem::path& folder) {
  QFI_TRY(const std::string text, read_file(folder / "cells.json"));
  QFI_TRY(const json document, parse_json<json>(text, 10'000'000));
  const json* modules = find_member(document, "modules");
  std::vector<CellType> cells;
  if (modules == nullptr || !modules->is_object()) return cells;
  for (const auto& [name, module] : modules->items()) {
    auto cell = cell_of(name, module);
    if (!cell) return at("cell " + printable(name), cell.error());
    cells.push_back(std::move(*cell));
  }
  return cells;
}

}  // namespace

Result<std::vector<CellType>> read_verilog_cells(const std::filesystem::path& path) {
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  QFI_TRY(const std::vector<YosysSource> sources, copy_sources({path}, folder.path()));
  QFI_TRY(const std::string text, read_file(path, k_most_liberty_bytes));
  QFI_TRY(const std::string modules, primitives_as_modules(text));
  QFI_CHECK(write_file(folder.path() / "rtl" / sources.front().file, modules));
  QFI_CHECK(run_yosys(sources, std::string("hierarchy\n") + k_to_gates, folder.path()));
  QFI_TRY(std::vector<CellType> cells, cells_of_modules(folder.path()));
  if (cells.empty()) return bad_input("no module in the file");
  return cells;
}

Result<std::vector<CellType>> read_liberty_cells(const std::filesystem::path& path) {
  QFI_TRY(const std::string text, read_file(path, k_most_liberty_bytes));
  QFI_TRY(const LibertyLibrary library, scan_liberty(text));
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  const std::string gates = without_cells(text, library, [](const LibertyCell&) { return false; });
  QFI_CHECK(write_file(folder.path() / "cells.lib", "library (gates) {\n" + gates + "}\n"));
  QFI_CHECK(run_yosys({}, fmt::format("read_liberty {} cells.lib\n{}", k_liberty_flags, k_to_gates),
                      folder.path()));
  QFI_TRY(std::vector<CellType> gate_types, cells_of_modules(folder.path()));
  std::map<std::string, CellType> known;
  for (CellType& type : gate_types) known.emplace(type.name, std::move(type));
  std::vector<CellType> cells;
  for (const LibertyCell& cell : library.cells) {
    const auto found = known.find(cell.name);
    if (!cell.refusal.empty()) cells.push_back({cell.name, {}, {}, {}, cell.refusal});
    else if (found != known.end()) cells.push_back(found->second);
    else cells.push_back({cell.name, {}, {}, {}, "the library does not tell what it computes"});
    cells.back().area = cell.area;
  }
  if (cells.empty()) return bad_input("no cell in the library");
  return cells;
}

}  // namespace qfi
