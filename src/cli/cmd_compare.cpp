// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "command.hpp"
#include "qfi/base/file.hpp"
#include "qfi/report/compare.hpp"

namespace qfi::cli {
namespace {

constexpr int k_worse = 3;
constexpr int k_undecided = 4;

struct Options {
  std::string baseline;
  std::string results;
  double golden = 0.5, faulty = 1, critical = 2, layer = 2;  // points
  std::vector<std::string> may_differ;
  std::string undecided = "fail";
  bool json = false;
  std::string junit;
  std::string markdown;
  bool is_forced = false;
};

AllowedDifferences allowed_differences(const std::vector<std::string>& words) {
  const auto has = [&](const char* word) { return std::ranges::find(words, word) != words.end(); };
  return {has("data"), has("network"), has("faults")};
}

int exit_code(Verdict verdict, const Options& options) {
  if (verdict == Verdict::worse) return k_worse;
  return verdict == Verdict::undecided && options.undecided == "fail" ? k_undecided : k_done;
}

Result<int> run(const Options& options) {
  QFI_TRY(const ResultsFile baseline, read_results(options.baseline));
  QFI_TRY(const ResultsFile results, read_results(options.results));
  const Thresholds thresholds{options.golden / 100, options.faulty / 100, options.critical / 100,
                              options.layer / 100};
  QFI_TRY(const Comparison comparison,
          compare_results(baseline, results, thresholds, allowed_differences(options.may_differ)));
  if (!options.junit.empty()) {
    QFI_CHECK(check_replaceable(options.junit, k_junit_start, options.is_forced));
    QFI_CHECK(write_file(options.junit, comparison_junit(comparison)));
  }
  if (!options.markdown.empty()) {
    QFI_CHECK(check_replaceable(options.markdown, k_markdown_start, options.is_forced));
    QFI_CHECK(write_file(options.markdown, comparison_markdown(comparison)));
  }
  fmt::print("{}", options.json ? comparison_json(comparison) : comparison_text(comparison));
  return exit_code(comparison.verdict, options);
}

}  // namespace

void add_compare(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("compare", "is a campaign's result worse than a baseline, beyond chance?");
  auto options = std::make_shared<Options>();
  command->add_option("baseline", options->baseline, "results.json to compare with")
      ->required()
      ->type_name("BASELINE");
  command->add_option("results", options->results, "results.json that is judged")
      ->required()
      ->type_name("RESULTS");
  const auto threshold = [&](const char* name, double& value, const char* meaning) {
    command->add_option(name, value, meaning)
        ->check(CLI::Range(0.0, 100.0))
        ->capture_default_str()
        ->type_name("POINTS");
  };
  threshold("--golden", options->golden, "accepted loss of golden accuracy");
  threshold("--faulty", options->faulty,
            "accepted loss of mean accuracy under faults, or rise of changed classes without labels");
  threshold("--critical", options->critical, "accepted rise of the share of critical faults");
  threshold("--layer", options->layer, "accepted rise of changed classes, layer by layer");
  command
      ->add_option("--may-differ", options->may_differ,
                   "these may be others than the baseline's, which is refused otherwise")
      ->delimiter(',')
      ->check(CLI::IsMember({"data", "network", "faults"}))
      ->type_name("data,network,faults");
  command->add_option("--undecided", options->undecided, "exit code where it cannot be told: 4 or 0")
      ->check(CLI::IsMember({"fail", "pass"}))
      ->capture_default_str()
      ->type_name("fail|pass");
  command->add_flag("--json", options->json, "print JSON instead of a table");
  command->add_option("--junit", options->junit, "write JUnit XML too")->type_name("FILE.xml");
  command->add_option("--markdown", options->markdown, "write a summary in Markdown too")
      ->type_name("FILE.md");
  add_force_option(*command, options->is_forced);
  command->footer(
      "Exit code 0: equal or not worse; 3: worse; 4: undecided, as the interval of a loss holds the accepted "
      "one\n"
      "(0 with --undecided pass); 2: files that cannot be compared.\n"
      "Example: qfi compare baseline/results.json out/results.json --faulty 0.5 --junit qfi.xml");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
