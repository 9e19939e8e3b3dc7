// SPDX-License-Identifier: Apache-2.0
#include "cell_library.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "qfi/base/text.hpp"

namespace qfi {

const CellType* find_cell_type(std::string_view name) {
  static const std::vector<CellType> k_types = {
      {"$_BUF_", {"A"}, {{"Y", GateOp::buffer, 0}}, {}, {}},
      {"$_NOT_", {"A"}, {{"Y", GateOp::inverter, 0}}, {}, {}},
      {"$_AND_", {"A", "B"}, {{"Y", GateOp::and2, 0}}, {}, {}},
      {"$_NAND_", {"A", "B"}, {{"Y", GateOp::nand2, 0}}, {}, {}},
      {"$_OR_", {"A", "B"}, {{"Y", GateOp::or2, 0}}, {}, {}},
      {"$_NOR_", {"A", "B"}, {{"Y", GateOp::nor2, 0}}, {}, {}},
      {"$_XOR_", {"A", "B"}, {{"Y", GateOp::xor2, 0}}, {}, {}},
      {"$_XNOR_", {"A", "B"}, {{"Y", GateOp::xnor2, 0}}, {}, {}},
      {"$_ANDNOT_", {"A", "B"}, {{"Y", GateOp::and_not, 0}}, {}, {}},
      {"$_ORNOT_", {"A", "B"}, {{"Y", GateOp::or_not, 0}}, {}, {}},
      {"$_MUX_", {"A", "B", "S"}, {{"Y", GateOp::mux, 0}}, {}, {}},
      {"$_NMUX_", {"A", "B", "S"}, {{"Y", GateOp::inverting_mux, 0}}, {}, {}},
      {"$_AOI3_", {"A", "B", "C"}, {{"Y", GateOp::aoi3, 0}}, {}, {}},
      {"$_OAI3_", {"A", "B", "C"}, {{"Y", GateOp::oai3, 0}}, {}, {}},
      {"$_AOI4_", {"A", "B", "C", "D"}, {{"Y", GateOp::aoi4, 0}}, {}, {}},
      {"$_OAI4_", {"A", "B", "C", "D"}, {{"Y", GateOp::oai4, 0}}, {}, {}},
      {"QFI_HA", {"A", "B"}, {{"S", GateOp::xor2, 0}, {"CO", GateOp::and2, 0}}, {}, {}},
      {"QFI_FA", {"A", "B", "CI"}, {{"S", GateOp::xor3, 0}, {"CO", GateOp::majority, 0}}, {}, {}},
  };
  const auto found =
      std::find_if(k_types.begin(), k_types.end(), [&](const CellType& type) { return type.name == name; });
  return found == k_types.end() ? nullptr : &*found;
}

void CellLibrary::add(CellType type) {
  const auto [entry, is_new] = m_cells.try_emplace(type.name, type);
  if (is_new || entry->second.refusal.empty() || !type.refusal.empty()) return;
  if (!type.area) type.area = entry->second.area;
  entry->second = std::move(type);
}

const CellType* CellLibrary::find(const std::string& name) const {
  const auto found = m_cells.find(name);
  return found == m_cells.end() ? find_cell_type(name) : &found->second;
}

bool is_liberty(const std::filesystem::path& path) {
  return path.extension() == ".lib" || path.extension() == ".liberty";
}

Result<void> read_library(const std::filesystem::path& path, CellLibrary& library) {
  const std::string suffix = path.extension().string();
  if (!is_liberty(path) && suffix != ".v" && suffix != ".sv")
    return bad_input(
        "{}: a library of cells is a Liberty file (.lib) or a Verilog file (.v, .sv) with a module for "
        "each cell",
        path.string());
  auto cells = is_liberty(path) ? read_liberty_cells(path) : read_verilog_cells(path);
  if (!cells) return at(path.string(), cells.error());
  for (CellType& cell : *cells) library.add(std::move(cell));
  return {};
}

std::string cell_text(const CellType& type) {
  std::string outputs;
  for (const CellOutput& output : type.outputs)
    outputs += fmt::format("{}{}={:016x}", outputs.empty() ? "" : " ", output.pin, output.table);
  std::string text =
      fmt::format("{} : {} : {}", fmt::join(type.inputs, " "), outputs, fmt::join(type.supplies, " "));
  if (type.area) text += fmt::format(" : {}", *type.area);
  return text;
}

namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

Result<CellOutput> parse_output(const std::string& text) {
  const auto equals = text.rfind('=');
  CellOutput output;
  if (equals == std::string::npos || equals == 0) return bad_input("'{}' is no output", printable(text));
  output.pin = text.substr(0, equals);
  const char* last = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + equals + 1, last, output.table, 16);
  if (parsed.ec != std::errc() || parsed.ptr != last) return bad_input("'{}' is no output", printable(text));
  return output;
}

// Whether the table is the same for both values of the inputs that the cell does not have.
bool depends_only_on_first(std::uint64_t table, std::size_t inputs) {
  for (std::size_t i = 0; i < 64; ++i)
    if ((table >> i & 1) != (table >> (i % (std::size_t{1} << inputs)) & 1)) return false;
  return true;
}

}  // namespace

Result<CellType> parse_cell(const std::string& name, const std::string& text) {
  const std::vector<std::string_view> parts = split(text, ':');
  constexpr double k_largest_area = 1e12;
  const std::vector<std::string> area = parts.size() == 4 ? words_of(parts[3]) : std::vector<std::string>{};
  double number = 0;
  const bool has_area =
      area.size() == 1 && parse_number(area.front(), number) && number >= 0 && number <= k_largest_area;
  if (parts.size() < 3 || parts.size() > 4 || (parts.size() == 4 && !has_area))
    return bad_input("the text of cell {} is not 'INPUTS : OUTPUTS : SUPPLIES : AREA'", name);
  CellType type{name, words_of(parts[0]), {}, words_of(parts[2]), ""};
  if (has_area) type.area = number;
  if (type.inputs.size() > k_gate_inputs)
    return bad_input("cell {} has {} inputs, more than {}", name, type.inputs.size(), k_gate_inputs);
  std::set<std::string> pins(type.inputs.begin(), type.inputs.end());
  std::size_t count = type.inputs.size();
  for (const std::string& word : words_of(parts[1])) {
    QFI_TRY(CellOutput output, parse_output(word));
    if (!depends_only_on_first(output.table, type.inputs.size()))
      return bad_input("output {} of cell {} depends on an input that the cell does not have",
                       printable(output.pin), name);
    pins.insert(output.pin);
    ++count;
    type.outputs.push_back(std::move(output));
  }
  pins.insert(type.supplies.begin(), type.supplies.end());
  if (pins.size() != count + type.supplies.size()) return bad_input("cell {} has two pins of one name", name);
  return type;
}

}  // namespace qfi
