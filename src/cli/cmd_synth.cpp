// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "command.hpp"
#include "qfi/netlist/synth.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::vector<std::string> sources;
  SynthParams params;
  std::vector<std::string> ties;
  std::string output;
};

Result<int> run(Options options) {
  for (const std::string& source : options.sources) options.params.sources.emplace_back(source);
  options.params.output = options.output;
  QFI_TRY(options.params.roles.tie, parse_ties(options.ties));
  QFI_TRY(const SynthStats stats, synthesize(options.params));
  fmt::print(
      "{0}.json, {0}.v, {0}.manifest.json: {1} cells, {2} nets, {3} stuck-at faults, depth {4}; proved to "
      "multiply\n",
      options.output, stats.cells, stats.nets, 2 * stats.nets, stats.depth);
  return k_done;
}

}  // namespace

void add_synth(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("synth", "RTL of a combinational multiplier to a gate-level netlist, by Yosys");
  auto options = std::make_shared<Options>();
  auto& roles = options->params.roles;
  roles = {"op_a", "op_b", "result", {}, false};
  command->add_option("sources", options->sources, "Verilog or SystemVerilog files")
      ->required()
      ->type_name("FILE");
  command->add_option("--top", options->params.top, "top module")->required()->type_name("NAME");
  command->add_option("--rs1", roles.rs1, "port of the first operand")
      ->capture_default_str()
      ->type_name("PORT");
  command->add_option("--rs2", roles.rs2, "port of the second operand")
      ->capture_default_str()
      ->type_name("PORT");
  command->add_option("--result", roles.result, "port of the product's low bits")
      ->capture_default_str()
      ->type_name("PORT");
  command->add_option("--tie", options->ties, "another input port, held at a value; may be repeated")
      ->type_name("PORT=VALUE");
  command->add_flag("--unsigned", roles.is_unsigned,
                    "operands and result are unsigned (for UINT8 codes under operands: raw)");
  const std::map<std::string, CellSet> cells = {{"gates", CellSet::gates}, {"adders", CellSet::adders}};
  command
      ->add_option("--cells", options->params.cells, "two-input gates, or full and half adders kept as cells")
      ->transform(CLI::CheckedTransformer(cells).description("gates|adders"))
      ->default_str("gates");
  command->add_option("-o,--output", options->output, "base of the files to write")
      ->required()
      ->type_name("PATH");
  command->footer("Example: qfi synth rtl/qfi_mul.sv --top qfi_mul --cells adders -o netlists/mul_adders");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
