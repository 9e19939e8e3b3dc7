// SPDX-License-Identifier: Apache-2.0
// Faults of a multiplier: of a netlist, or a product table.
#include "config_keys.hpp"
#include "values.hpp"

namespace qfi {
namespace {

Key operators_key(std::vector<OperatorKind>& operators) {
  return {.name = "operators",
          .value = choices(operators, k_weighted),
          .sentence = "Operators of these kinds run through the faulty unit.",
          .example = "[conv_2d, depthwise_conv_2d]",
          .selects = true};
}

Key padding_key(PaddingTaps& padding) {
  return {
      .name = "padding",
      .value = choice(padding, k_padding),
      .sentence =
          "Taps in the padding are not multiplied, as in the reference kernels (`skip`), or are multiplied "
          "with the zero point (`multiply`).",
      .example = "multiply"};
}

bool is_map(const StuckAtConfig& faults) {
  const NetlistReading& reading = faults.reading;
  return !faults.libraries.empty() || !reading.top.empty() || reading.is_approximate ||
         !reading.rs1.empty() || !reading.rs2.empty() || !reading.result.empty() || !reading.tie.empty() ||
         reading.is_unsigned;
}

Key port_key(std::string name, std::string& port, std::string what, std::string example) {
  return {.name = std::move(name),
          .value = text(port),
          .default_text = "as the netlist says",
          .sentence = "The port with this name " + std::move(what) + ".",
          .example = std::move(example),
          .selects = true};
}

Value ties(std::map<std::string, std::uint64_t>& tie) {
  return {.read = [&tie](const ConfigReader&, const YamlNode& node) -> Result<void> {
            if (!node.is_map()) return node.error("'tie' must be a map of ports and values");
            for (const auto& [port, value] : node.entries()) {
              QFI_TRY(tie[port], value.number(std::uint64_t{0}, k_largest<std::uint64_t>));
            }
            return {};
          },
          .json = [&tie] { return Json(tie); },
          .describe = describe_as("map of ports and whole numbers", {},
                                  {{{"type", "object"}, {"additionalProperties", {{"type", "integer"}}}}})};
}

std::string refusal_of_bridges(const StuckAtConfig& faults, const char* key) {
  return faults.bridges.empty() ? "" : fmt::format("'{}' belongs to the kind stuck_at", key);
}

KeyTable netlist_keys(StuckAtConfig& faults) {
  return {
      {.name = "file",
       .value = path(faults.netlist),
       .is_required = true,
       .sentence = "The netlist is this file.",
       .example = "unit.json"},
      port_key("rs1", faults.reading.rs1, "takes the first operand", "op_a"),
      port_key("rs2", faults.reading.rs2, "takes the second operand", "op_b"),
      port_key("result", faults.reading.result, "gives the product", "res"),
      {.name = "tie",
       .value = ties(faults.reading.tie),
       .sentence = "All other input ports are held at these values.",
       .example = "{enable: 1}",
       .selects = true},
      {.name = "unsigned",
       .value = flag(faults.reading.is_unsigned),
       .sentence = "Operands and result are unsigned numbers.",
       .example = "true"},
      {.name = "approximate",
       .value = flag(faults.reading.is_approximate),
       .is_written = [&faults] { return faults.reading.is_approximate; },
       .sentence = "The multiplier need not be exact: the golden run of this entry goes through it without a "
                   "fault, and faults are counted against that.",
       .example = "true"},
      {.name = "library",
       .value = paths(faults.libraries),
       .default_text = "none",
       .sentence =
           "The netlist's cells are those of these Liberty or Verilog files, which Yosys evaluates; of two "
           "cells of one name the first counts. A netlist that `qfi synth` wrote needs none.",
       .example = "[cells.lib, more_cells.v]"},
      {.name = "top",
       .value = text(faults.reading.top),
       .default_text = "as the netlist says",
       .is_written = [&faults] { return !faults.reading.top.empty(); },
       .sentence = "The multiplier is this module of the file.",
       .example = "mul32",
       .selects = true}};
}

// A path, or a map for netlists that do not tell their ports.
Value netlist_value(StuckAtConfig& faults) {
  const Value file = path(faults.netlist);
  return {.read = [&faults, file](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            return node.is_map() ? read_keys(reader, node, netlist_keys(faults)) : file.read(reader, node);
          },
          .json = [&faults, file] { return is_map(faults) ? json_of(netlist_keys(faults)) : file.json(); },
          .describe =
              [file](KeyDoc& doc) {
                StuckAtConfig unset;
                file.describe(doc);
                doc.type = "path, or map";
                describe_form(doc, "file", netlist_keys(unset));
              }};
}

}  // namespace

KeyTable keys_of(StuckAtConfig& faults) {
  return {
      {.name = "netlist",
       .value = netlist_value(faults),
       .is_required = true,
       .sentence = "The multiplier is this file of `qfi synth`, or any other netlist in Yosys' JSON, Verilog "
                   "(`.v`, `.sv`) "
                   "or BLIF (`.blif`) whose ports are named here.",
       .example = "mul.json"},
      operators_key(faults.operators),
      layers_key(faults.layers),
      {.name = "operands",
       .value = choice(faults.unit.operands, k_encodings),
       .sentence =
           "The unit multiplies stored codes, zero points being corrected outside (`raw`), or codes minus "
           "zero points, as the reference kernels do (`offset`).",
       .example = "offset"},
      {.name = "rs1",
       .value = choice(faults.unit.rs1, k_rs1),
       .sentence = "This operand sits at port rs1.",
       .example = "input"},
      {.name = "sites",
       .value = choice(faults.sites, k_sites),
       .refusal = [&faults] { return refusal_of_bridges(faults, "sites"); },
       .sentence =
           "Wires that something reads, operand bits included, can be stuck (`nets`), or every pin of every "
           "cell (`pins`).",
       .example = "pins",
       .selects = true},
      {.name = "simultaneous",
       .value = number(faults.simultaneous, std::uint64_t{1}, std::uint64_t{1000}),
       .unit = "sites",
       .refusal = [&faults] { return refusal_of_bridges(faults, "simultaneous"); },
       .is_written = [&faults] { return faults.simultaneous != 1; },
       .sentence = "Every fault is this many different sites, each stuck at 0 or at 1.",
       .example = "2"},
      {.name = "bridges",
       .value = choices(faults.bridges, k_bridges),
       .default_text = "all three, of the kind `bridge`",
       .refusal =
           [&faults] {
             return std::string(faults.bridges.empty() ? "'bridges' belongs to the kind bridge" : "");
           },
       .is_written = [&faults] { return !faults.bridges.empty(); },
       .sentence =
           "Two nets are bridged like this: both hold the AND or the OR of what drives them (`wired_and`, "
           "`wired_or`), or one holds what drives the other (`dominant`, two faults of each pair). Nets with "
           " a "
           "path from one to the other are not bridged.",
       .example = "[wired_and, dominant]"},
      padding_key(faults.padding)};
}

KeyTable keys_of(TableConfig& table) {
  return {
      {.name = "file",
       .value = path(table.file),
       .is_required = true,
       .sentence =
           "This file holds the 256 x 256 products of stored codes, as `.npy` of integers, as 65,536 "
           "little-endian int32 or uint16, or as a text of whole numbers (a C array); zero points are "
           "corrected outside, exactly.",
       .example = "mitchell.npy"},
      {.name = "order",
       .value = choice(table.reading.order, k_orders),
       .sentence =
           "Codes stand from the smallest to the largest (`rising`), or by their stored byte, 0 .. 127, "
           "-128 .. -1 (`twos_complement`).",
       .example = "twos_complement"},
      {.name = "rows",
       .value = choice(table.reading.rows, k_rs1),
       .sentence = "The first index of the table is the code of this operand.",
       .example = "input"},
      {.name = "values",
       .value = choice(table.reading.values, k_table_values),
       .is_written = [&table] { return table.reading.values != TableValues::as_stored; },
       .sentence = "The file's numbers are the products (`as_stored`), words of 16 bits in two's complement "
                   "(`twos_complement`), or the products plus 32768 (`shifted`).",
       .example = "shifted"},
      operators_key(table.operators),
      layers_key(table.layers),
      padding_key(table.padding)};
}

}  // namespace qfi
