// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "qfi/base/file.hpp"
#include "qfi/report/export.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::string results;
  TableFormat format = TableFormat::csv;
  std::optional<std::string> set;
  std::string output;
  bool is_forced = false;
};

Result<int> run(const Options& options) {
  QFI_TRY(const std::string table, export_faults(options.results, options.format, options.set));
  if (options.output.empty()) fmt::print("{}", table);
  if (options.output.empty()) return k_done;
  // A table or a list has the same first line again; a JSON line the same first name.
  const std::string start =
      table.substr(0, table.find(options.format == TableFormat::jsonl ? ':' : '\n') + 1);
  QFI_CHECK(check_replaceable(options.output, start, options.is_forced));
  QFI_CHECK(write_file(options.output, table));
  return k_done;
}

}  // namespace

void add_export(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("export", "the faults of a campaign as a table, or as a fault list");
  auto options = std::make_shared<Options>();
  command->add_option("results", options->results, "results.json of a campaign")
      ->required()
      ->type_name("RESULTS");
  const std::map<std::string, TableFormat> formats = {{"csv", TableFormat::csv},
                                                      {"jsonl", TableFormat::jsonl},
                                                      {"tetramax", TableFormat::tetramax},
                                                      {"tessent", TableFormat::tessent}};
  command
      ->add_option("--format", options->format, "of the table, or of a test pattern generator's fault list")
      ->transform(CLI::CheckedTransformer(formats).description("csv|jsonl|tetramax|tessent"))
      ->default_str("csv");
  command->add_option("--set", options->set, "fault set, where there are several")->type_name("NAME|NUMBER");
  command->add_option("-o,--output", options->output, "write a file instead")->type_name("FILE");
  add_force_option(*command, options->is_forced);
  command->footer("Example: qfi export demo-results/results.json --format jsonl -o faults.jsonl");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
