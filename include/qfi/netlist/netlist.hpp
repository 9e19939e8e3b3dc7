// SPDX-License-Identifier: Apache-2.0
// Owns Netlist, a combinational arithmetic unit as gates with two operands and one result. Yosys' JSON,
// Verilog or BLIF goes in (read_netlist); the bit-parallel Simulator and the Verilator model take what comes
// out.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
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
  std::vector<Pin> pins;             ///< inputs first, in the order of Gate::inputs
  std::vector<std::string> sources;  ///< `file:line` of what it was made from, where the netlist tells it
  std::string instance;              ///< of the module that holds it, as `u1.u2`; empty: the top
  std::optional<double> area = {};   ///< as the library gives it, in its unit
};

struct Net {
  std::string name;  ///< `net` or `net[bit]`: the shortest that the RTL has for it, else the shortest
  std::vector<std::string> aliases;  ///< all of its names
  bool is_read = false;              ///< some cell or the result port uses it
  std::vector<std::string> sources;  ///< `file:line` of its declaration, where the netlist tells it
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

/// What a netlist does not say of itself: the ports that play the operands and the result, and what its cells
/// compute. An empty name stands for the one that the file says (`qfi synth` writes them as module
/// attributes).
struct NetlistReading {
  std::string rs1;
  std::string rs2;
  std::string result;
  std::map<std::string, std::uint64_t> tie;  ///< values of all other input ports
  bool is_unsigned = false;                  ///< operands and result are unsigned numbers
  bool is_approximate = false;               ///< need not multiply exactly
  std::vector<std::filesystem::path> libraries =
      {};                ///< files that tell what cells compute; the first counts
  std::string top = {};  ///< of several modules; empty: the one that the file says
};

/// Reads the JSON that Yosys' write_json writes, one module of generic gates ($_AND_, ..), adder cells
/// (QFI_FA, QFI_HA), look-up tables ($lut), and cells of the libraries; Verilog (.v, .sv) and BLIF (.blif)
/// through Yosys, which keeps cells and names. Errors: not such a file, a cell it does not know (flip-flops
/// included), a net without or with two drivers, a combinational loop, missing ports; Yosys is missing, or
/// its own message.
Result<Netlist> read_netlist(const std::filesystem::path& path, const NetlistReading& reading = {});

/// Whether the suffix says that read_netlist takes the file for Verilog or BLIF: .v, .sv, .blif.
bool is_yosys_source(const std::filesystem::path& path);

/// Reads a netlist in JSON from the text of the file; errors use `name`.
Result<Netlist> parse_netlist(const std::string& text, const std::string& name,
                              const NetlistReading& reading = {});

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

/// What two nets hold that a bridge connects: both the AND or the OR of what drives them, or the second what
/// drives the first.
enum class BridgeKind : std::uint8_t { wired_and, wired_or, dominant };

/// No path leads from one of the nets to the other.
struct Bridge {
  BridgeKind kind = BridgeKind::wired_and;
  NetId first = 0;
  NetId second = 0;
  auto operator<=>(const Bridge&) const = default;
};

/// One fault of a netlist: sites that are stuck at once (of two values at one site the later wins), or a
/// bridge.
struct NetlistFault {
  std::vector<StuckAt> stuck;
  std::optional<Bridge> bridge;

  NetlistFault() = default;
  NetlistFault(const StuckAt& one) : stuck{one} {}
  explicit NetlistFault(const Bridge& both) : bridge(both) {}
};

/// "n618[9] stuck at 0", "n1 stuck at 0 and n2 stuck at 1", "n1 wired-and n2", "n1 dominates n2".
std::string fault_name(const Netlist& netlist, const NetlistFault& fault);

}  // namespace qfi
