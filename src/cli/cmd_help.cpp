// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "qfi/config/config_help.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::string key;
  bool schema = false;
  bool markdown = false;
};

Result<int> run(const Options& options) {
  std::string text = options.schema ? config_schema() : options.markdown ? config_reference() : config_help();
  if (!options.key.empty()) {
    QFI_TRY(text, config_help(options.key));
  }
  fmt::print("{}", text);
  return k_done;
}

}  // namespace

void add_help(CLI::App& app, Action& chosen) {
  auto* help = app.add_subcommand("help", "what the keys of a campaign config mean");
  help->require_subcommand(1);
  auto* command = help->add_subcommand("config", "all keys of a campaign config, or all about one of them");
  auto options = std::make_shared<Options>();
  auto* key = command->add_option("key", options->key, "a path, or the last name of one")->type_name("KEY");
  auto* schema = command->add_flag("--schema", options->schema, "print a JSON Schema, for editors");
  command->add_flag("--markdown", options->markdown, "print the reference page")
      ->excludes(schema)
      ->excludes(key);
  schema->excludes(key);
  command->footer("Example: qfi help config faults.storage.protection");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
