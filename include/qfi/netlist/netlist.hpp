// SPDX-License-Identifier: Apache-2.0
// Owns Netlist, a combinational arithmetic unit as gates with two operands and one result. Yosys' JSON goes
// in (read_netlist); the bit-parallel Simulator and the Verilator model take what comes out.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

using NetId = std::uint32_t;
constexpr NetId k_net_zero = 0;  ///< constant 0
constexpr NetId k_net_one = 1;   ///< constant 1

/// Boolean functions of up to four inputs a, b, c, d; or of up to six, as a truth table.
enum class GateOp : std::uint8_t {
  buffer,
  inverter,  // a
  and2,
  nand2,
  or2,
  nor2,
  xor2,
  xnor2,  // a, b
  and_not,
  or_not,  // a & ~b, a | ~b
  mux,
  inverting_mux,  // c ? b : a
  aoi3,
  oai3,  // ~((a & b) | c), ~((a | b) & c)
  aoi4,
  oai4,  // ~((a & b) | (c & d)), ~((a | b) & (c | d))
  xor3,
  majority,  // a, b, c: sum and carry of a full adder
  table,     // bit i of Gate::table, where bit k of i is input k
};

/// The most inputs that a gate has.
constexpr std::size_t k_gate_inputs = 6;

/// One output of one cell. Input k of the gate is input pin k of the cell.
struct Gate {
  GateOp op = GateOp::buffer;
  std::array<NetId, k_gate_inputs> inputs{};  ///< unused ones are k_net_zero
  NetId output = 0;
  std::uint32_t cell = 0;
  std::uint64_t table = 0;  ///< of GateOp::table
};

struct Pin {
  std::string name;
  NetId net = 0;
  bool is_output = false;
};

struct Cell {
  std::string name;
  std::string type;
  std::vector<Pin> pins;  ///< inputs first, in the order of Gate::inputs
};

struct Net {
  std::string name;  ///< `net` or `net[bit]`: the shortest that the RTL has for it, else the shortest
  std::vector<std::string> aliases;  ///< all of its names
  bool is_read = false;              ///< some cell or the result port uses it
};

struct Netlist {
  std::string module_name;
  std::vector<Net> nets;  ///< indexed by NetId; the first two are the constants
  std::vector<Cell> cells;
  std::vector<Gate> gates;  ///< in an order in which every input is known before it is used
  std::vector<NetId> rs1;   ///< operand ports, least significant bit first
  std::vector<NetId> rs2;
  std::vector<NetId> result;
  std::vector<NetId> tied_to_one;  ///< bits of other input ports that hold 1 (the rest hold 0)
  bool is_unsigned = false;        ///< a result narrower than 32 bits is zero-extended, else sign-extended
  bool is_approximate = false;     ///< it multiplies in its own way: its fault-free products are golden
  std::string sha256;              ///< of the file
  int depth = 0;                   ///< gates on the longest path
};

/// The ports that play the operands and the result. An empty name stands for the one that the file says
/// (`qfi synth` writes them as module attributes).
struct PortRoles {
  std::string rs1;
  std::string rs2;
  std::string result;
  std::map<std::string, std::uint64_t> tie;           ///< values of all other input ports
  bool is_unsigned = false;                           ///< operands and result are unsigned numbers
  bool is_approximate = false;                        ///< need not multiply exactly
  std::vector<std::filesystem::path> libraries = {};  ///< files that tell what cells compute
};

/// Reads the JSON that Yosys' write_json writes, one module of generic gates ($_AND_, ..), adder cells
/// (QFI_FA, QFI_HA), and cells of the libraries. Errors: not such a file, a cell it does not know
/// (flip-flops included), a net without or with two drivers, a combinational loop, missing ports.
Result<Netlist> read_netlist(const std::filesystem::path& path, const PortRoles& roles = {});

/// Reads a netlist from the text of the file; errors use `name`.
Result<Netlist> parse_netlist(const std::string& text, const std::string& name, const PortRoles& roles = {});

/// Where a fault sits: a whole net (stem), or one pin of one cell (branch).
struct Site {
  enum class Kind : std::uint8_t { net, pin };
  Kind kind = Kind::net;
  std::uint32_t index = 0;  ///< NetId, or the cell's index
  std::uint32_t pin = 0;    ///< index into Cell::pins
  auto operator<=>(const Site&) const = default;
};

/// The name of a site: `net`, `net[bit]` or `cell/pin`.
std::string site_name(const Netlist& netlist, const Site& site);

struct StuckAt {
  Site site;
  bool value = false;
  auto operator<=>(const StuckAt&) const = default;
};

}  // namespace qfi
