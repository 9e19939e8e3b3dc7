// SPDX-License-Identifier: Apache-2.0
// Owns the way from RTL to a netlist. Verilog sources go in; Yosys writes the netlist, and it is proved to
// multiply.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/netlist/netlist.hpp"
#include "qfi/netlist/operand_fit.hpp"

namespace qfi {

/// `gates`: generic gates with at most two inputs. `adders`: full and half adders stay cells
/// (QFI_FA, QFI_HA), as a standard-cell mapping keeps them; the rest are two-input gates.
enum class CellSet : std::uint8_t { gates, adders };

/// The standard cells onto which RTL is mapped.
struct LibertyParams {
  std::vector<std::filesystem::path> files;  ///< none: generic cells
  std::vector<std::string> unused;           ///< patterns (* and ?) of cells that are not used
};

struct SynthParams {
  std::vector<std::filesystem::path> sources;  ///< Verilog or SystemVerilog that Yosys reads
  std::string top;
  NetlistReading reading;  ///< tied ports stay in the netlist, held at their value
  /// These are set in the top module: whole numbers, constants as 8'hff, or plain words, which are strings.
  std::map<std::string, std::string> parameters;
  CellSet cells = CellSet::gates;  ///< without a Liberty file
  LibertyParams liberty;           ///< full and half adders are its cells where it has them
  std::filesystem::path output;    ///< files OUTPUT.json, OUTPUT.v, OUTPUT.manifest.json are written
};

struct SynthStats {
  std::string yosys_version;
  std::size_t cells = 0;
  std::size_t nets = 0;  ///< sites of kind `nets`
  int depth = 0;
  std::string widths;                   ///< of the operands, as operand_widths() says it
  std::vector<OperandFit> fits;         ///< which operands of a campaign the unit takes
  std::optional<ProductErrors> errors;  ///< of an approximate multiplier, which is not proved
};

/// Writes the netlist and its manifest. Where `reading` names libraries, the sources are a netlist of their
/// cells, which stays as it is: nothing is optimized. A netlist of library cells says what they compute.
/// Errors: a Liberty file that is none, patterns that match no cell, odd names, Yosys missing, Yosys' own
/// error message, flip-flops or memories, and a circuit whose result is not the product of its operands
/// modulo 2^32.
Result<SynthStats> synthesize(const SynthParams& params);

/// The product check behind synthesize: all pairs of -255..255 (0..255 if unsigned) that the ports
/// hold, and windows of large operands where the ports have 32 bits. The error names the first wrong pair.
Result<void> check_multiplies(const Netlist& netlist);

}  // namespace qfi
