// SPDX-License-Identifier: Apache-2.0
// Owns what the cells of a netlist compute. Yosys' generic gates and our one-bit adders are always known;
// files of functions, or a netlist that tells its own, add the cells of a library.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/netlist/netlist.hpp"

namespace qfi {

struct CellOutput {
  std::string pin;
  GateOp op = GateOp::table;
  std::uint64_t table = 0;  ///< as Gate::table: all 64 bits, whatever the number of inputs
};

struct CellType {
  std::string name;
  std::vector<std::string> inputs;  ///< in the order of Gate::inputs
  std::vector<CellOutput> outputs;
  std::vector<std::string> supplies;  ///< pins that are no sites
  std::string refusal;                ///< why a netlist cannot hold it; empty: it can
  std::optional<double> area = {};    ///< in the library's unit
};

/// nullptr: neither a generic gate nor an adder.
const CellType* find_cell_type(std::string_view name);

class CellLibrary {
 public:
  /// The first of two cells of one name counts, unless it cannot be used and the second can.
  void add(CellType type);
  /// nullptr: the cell is not known.
  const CellType* find(const std::string& name) const;
  const std::map<std::string, CellType>& cells() const { return m_cells; }

 private:
  std::map<std::string, CellType> m_cells;
};

/// Whether the file's suffix says that it is a Liberty file.
bool is_liberty(const std::filesystem::path& path);

/// Adds the cells of a file, whose suffix says what it is. Another kind of file is one more reader here.
/// Errors: an unknown suffix, or the reader's.
Result<void> read_library(const std::filesystem::path& path, CellLibrary& library);

/// The modules of a Verilog file as cells, their functions evaluated from what Yosys makes of them. Modules
/// that are no combinational cell of at most 6 inputs of one bit say so in `refusal`. Errors: Yosys is
/// missing, or its own message.
Result<std::vector<CellType>> read_verilog_cells(const std::filesystem::path& path);

/// The cells of a Liberty file, by their `function` attributes as Yosys reads them. Those that are no gate
/// (state, tri-state pins, no function) say so in `refusal`. Errors: scan_liberty's, Yosys is missing, its
/// own message.
Result<std::vector<CellType>> read_liberty_cells(const std::filesystem::path& path);
/// How Yosys reads Liberty: what a cell does not tell is no error.
inline constexpr const char* k_liberty_flags = "-ignore_miss_func -ignore_miss_dir -ignore_miss_data_latch";
inline constexpr std::uint64_t k_most_liberty_bytes = std::uint64_t{256} << 20;

/// The name of the module attribute in which a netlist tells of a cell, before the cell's.
inline constexpr const char* k_cell_attribute = "qfi_cell_";
/// The attribute's text, "A B : Y=8888888888888888 : VDD : 1.064", and back; the area may be missing. Error:
/// it is no such text.
std::string cell_text(const CellType& type);
Result<CellType> parse_cell(const std::string& name, const std::string& text);

}  // namespace qfi
