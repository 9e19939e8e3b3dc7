// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <memory>

#include "command.hpp"
#include "logging.hpp"
#include "qfi/base/file.hpp"
#include "qfi/config/config_names.hpp"
#include "qfi/faults/fault_list.hpp"
#include "qfi/report/inspect.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::string file;
  NetlistReading reading;
  std::vector<std::string> ties;
  bool json = false;
  std::string faults;
  SiteKind sites = SiteKind::pins;
  FaultListForm form = FaultListForm::sa0;
  bool only_prime = false;
  bool is_forced = false;
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
      !is_yosys_source(options.file) && (first == std::string::npos || content[first] != '{'))
    return bad_input("{}: neither a .tflite model nor a netlist in JSON, Verilog (.v, .sv) or BLIF (.blif)",
                     options.file);
  QFI_TRY(options.reading.tie, parse_ties(options.ties));
  QFI_TRY(const Netlist netlist, read_netlist(options.file, options.reading));
  if (!options.faults.empty()) {
    QFI_TRY(const std::string list,
            all_faults_list(netlist, options.sites, options.form, options.only_prime));
    QFI_CHECK(check_replaceable(options.faults, k_fault_list_start, options.is_forced));
    QFI_CHECK(write_file(options.faults, list));
  }
  const NetlistInventory inventory = take_inventory(netlist);
  fmt::print("{}", options.json ? netlist_json(inventory) : netlist_table(inventory));
  return k_done;
}

}  // namespace

void add_inspect(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("inspect", "what a model or a netlist holds, and its fault populations");
  auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "a .tflite model, or a netlist in Yosys' JSON, Verilog or BLIF")
      ->required()
      ->type_name("FILE");
  add_signature_option(*command, options->signature);
  add_netlist_options(*command, options->reading, options->ties);
  add_model_memory_option(*command, options->model_memory);
  command->add_flag("--json", options->json, "print JSON instead of a table");
  auto* faults = command->add_option("--faults", options->faults, "write the netlist's faults as a list")
                     ->type_name("FILE");
  const std::map<std::string, SiteKind> sites(k_sites.begin(), k_sites.end());
  command->add_option("--sites", options->sites, "of that list")
      ->transform(CLI::CheckedTransformer(sites).description("nets|pins"))
      ->default_str("pins")
      ->needs(faults);
  const std::map<std::string, FaultListForm> forms = {{"tetramax", FaultListForm::sa0},
                                                      {"tessent", FaultListForm::zero}};
  command->add_option("--form", options->form, "of that list: sa0 or 0")
      ->transform(CLI::CheckedTransformer(forms).description("tetramax|tessent"))
      ->default_str("tetramax")
      ->needs(faults);
  command->add_flag("--prime", options->only_prime, "one fault of each equivalence class")->needs(faults);
  add_force_option(*command, options->is_forced);
  command->footer("Example: qfi inspect campaigns/demo/shapes.tflite");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
