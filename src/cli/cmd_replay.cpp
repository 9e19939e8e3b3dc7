// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "campaign_options.hpp"
#include "qfi/base/text.hpp"
#include "qfi/campaign/replay.hpp"

namespace qfi::cli {
namespace {

struct Options {
  std::string results;
  std::size_t set = 0;
  std::uint64_t fault = 0;
  std::optional<std::uint64_t> image;
  std::string config;
  std::vector<std::string> defines;
  bool json = false;
  std::uint64_t model_memory = k_model_memory;
  std::uint64_t data_memory = k_data_memory;
};

std::string scores_text(const Replay& replay) {
  constexpr std::size_t k_most = 10;
  std::vector<ReplayedClass> best = replay.scores;
  std::ranges::stable_sort(best, std::greater<>(),
                           [](const ReplayedClass& c) { return std::max(c.golden, c.faulty); });
  if (best.size() > k_most) best.resize(k_most);
  std::string text = fmt::format("\n  class      golden      faulty   ({})\n",
                                 replay.label ? fmt::format("label {}", *replay.label) : "no label");
  for (const ReplayedClass& c : best)
    text += fmt::format("  {:>5} {:>11.6g} {:>11.6g}\n", c.label, c.golden, c.faulty);
  return text;
}

std::string table(const Replay& replay) {
  std::string text = fmt::format("{}\nimage {}\n\n", printable(replay.fault), replay.image);
  text += fmt::format("   op  {:<20} {:>10} {:>10} {:>12}  output\n", "kind", "values", "differ", "largest");
  for (const ReplayedOperator& op : replay.operators)
    text += fmt::format("  {:>3}  {:<20} {:>10} {:>10} {:>12.6g}  '{}'\n", op.index, op.kind, op.values,
                        op.different, op.largest, printable(op.output.substr(0, 60)));
  const FaultCounts& counts = replay.counts;
  if (replay.scores.empty())
    return text + fmt::format("\n  {} of {} pixels changed; right before {}, now {} of {}\n", counts.changed,
                              counts.units, counts.golden_correct, counts.faulty_correct, counts.labelled);
  return text + scores_text(replay) +
         fmt::format("\n  {}{}\n", counts.changed > 0 ? "the class changes" : "the class stays",
                     counts.output_identical > 0 ? ", every output is the golden one" : "");
}

std::string json_of(const Replay& replay) {
  nlohmann::ordered_json operators = nlohmann::ordered_json::array();
  for (const ReplayedOperator& op : replay.operators)
    operators.push_back({{"index", op.index},
                         {"kind", op.kind},
                         {"output", op.output},
                         {"values", op.values},
                         {"different", op.different},
                         {"largest_difference", op.largest}});
  nlohmann::ordered_json scores = nlohmann::ordered_json::array();
  for (const ReplayedClass& c : replay.scores)
    scores.push_back({{"class", c.label}, {"golden", c.golden}, {"faulty", c.faulty}});
  const nlohmann::ordered_json json = {{"fault", replay.fault},
                                       {"image", replay.image},
                                       {"operators", operators},
                                       {"scores", scores},
                                       {"changed", replay.counts.changed},
                                       {"units", replay.counts.units},
                                       {"output_identical", replay.counts.output_identical > 0}};
  return json_text(json);
}

Result<int> run(const Options& options) {
  ReplayParams params;
  params.results = options.results;
  params.set = options.set;
  params.fault = options.fault;
  params.image = options.image;
  params.config = options.config;
  params.model_memory = options.model_memory;
  params.data_memory = options.data_memory;
  QFI_TRY(params.variables, config_params(options.defines));
  QFI_TRY(const Replay replayed, replay(params));
  fmt::print("{}", options.json ? json_of(replayed) : table(replayed));
  return k_done;
}

}  // namespace

void add_replay(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("replay", "one trial of a finished campaign again, operator by operator");
  auto options = std::make_shared<Options>();
  command->add_option("results", options->results, "results.json; run.json and faults.csv beside it")
      ->required()
      ->type_name("FILE");
  command->add_option("--fault", options->fault, "number of the fault in the results")
      ->required()
      ->type_name("ID");
  command
      ->add_option("--image", options->image,
                   "its place in the data (default: the fault's own, where it has one)")
      ->type_name("K");
  command->add_option("--set", options->set, "which entry of 'faults'")
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--config", options->config, "the campaign's config (default: where run.json says)")
      ->type_name("FILE.yaml");
  command->add_option("--define", options->defines, "value of ${NAME} in the config's paths")
      ->type_name("NAME=VALUE");
  add_model_memory_option(*command, options->model_memory);
  add_data_memory_option(*command, options->data_memory);
  command->add_flag("--json", options->json, "print JSON instead of a table");
  command->footer("Example: qfi replay demo-results/results.json --fault 3 --image 7");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
