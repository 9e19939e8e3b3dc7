// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <memory>

#include "command.hpp"
#include "qfi/report/worst.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::string results;
  WorstParams params;
};

Result<int> run(const Options& options) {
  QFI_TRY(const std::string text, worst_text(options.results, options.params));
  fmt::print("{}", text);
  return k_done;
}

}  // namespace

void add_worst(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("worst", "the faults of a campaign that do most harm, and where they are");
  auto options = std::make_shared<Options>();
  command->add_option("results", options->results, "results.json of a campaign")
      ->required()
      ->type_name("RESULTS");
  const std::map<std::string, WorstBy> places = {{"fault", WorstBy::fault},
                                                 {"line", WorstBy::line},
                                                 {"file", WorstBy::file},
                                                 {"instance", WorstBy::instance},
                                                 {"layer", WorstBy::layer}};
  command
      ->add_option("--by", options->params.by,
                   "faults one by one, or their mean by line or file of the RTL, by instance, or by layer")
      ->transform(CLI::CheckedTransformer(places).description("fault|line|file|instance|layer"))
      ->default_str("fault");
  command->add_option("--top", options->params.top, "how many")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--set", options->params.set, "fault set, where there are several")
      ->type_name("NAME|NUMBER");
  command->footer("Example: qfi worst demo-results/results.json --top 10 --by line");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
