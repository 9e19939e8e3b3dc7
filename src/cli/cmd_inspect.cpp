// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "logging.hpp"
#include "qfi/base/file.hpp"
#include "qfi/report/inspect.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::string file;
  PortRoles roles;
  std::vector<std::string> ties;
  bool json = false;
  std::string signature;
  std::uint64_t model_memory = k_model_memory;
};

Result<int> run(Options options) {
  QFI_TRY(std::string content, read_file(options.file));
  if (content.size() >= 8 && content.compare(4, 4, "TFL3") == 0) {
    QFI_TRY(Model model, parse_tflite(std::move(content), options.file,
                                      load_params(options.model_memory, options.signature)));
    ProgramParams params;
    params.max_bytes_per_image = params.max_prepared_bytes = options.model_memory;
    auto program = Program::prepare(std::move(model), params);
    if (!program) return at(options.file, program.error());
    const ModelInventory inventory = take_inventory(*program);
    log_warnings(program->model());
    fmt::print("{}", options.json ? model_json(inventory) : model_table(inventory));
    return k_done;
  }
  if (const auto first = content.find_first_not_of(" \t\r\n");
      first == std::string::npos || content[first] != '{')
    return bad_input("{}: neither a .tflite model nor a netlist in JSON", options.file);
  QFI_TRY(options.roles.tie, parse_ties(options.ties));
  QFI_TRY(const Netlist netlist, parse_netlist(content, options.file, options.roles));
  const NetlistInventory inventory = take_inventory(netlist);
  fmt::print("{}", options.json ? netlist_json(inventory) : netlist_table(inventory));
  return k_done;
}

}  // namespace

void add_inspect(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("inspect", "what a model or a netlist holds, and its fault populations");
  auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "a .tflite model, or a netlist in Yosys' JSON")
      ->required()
      ->type_name("FILE");
  add_signature_option(*command, options->signature);
  add_port_options(*command, options->roles, options->ties);
  add_model_memory_option(*command, options->model_memory);
  command->add_flag("--json", options->json, "print JSON instead of a table");
  command->footer("Example: qfi inspect campaigns/demo/shapes.tflite");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
