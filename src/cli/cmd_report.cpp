// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "qfi/base/file.hpp"
#include "qfi/report/report.hpp"

namespace qfi::cli {
namespace {

constexpr std::uint64_t k_most_rtl_bytes = std::uint64_t{16} << 20;

struct Options {
  std::vector<std::string> results;
  std::string title = "Accuracy under hardware faults";
  std::string published;
  std::vector<std::string> rtl;
  std::string output;
  bool is_forced = false;
};

Result<int> run(const Options& options) {
  std::vector<ResultsFile> campaigns;
  for (const std::string& file : options.results) {
    QFI_TRY(campaigns.emplace_back(), read_results(file));
  }
  std::optional<PublishedStudy> study;
  if (!options.published.empty()) {
    const std::vector<std::filesystem::path> results(options.results.begin(), options.results.end());
    QFI_TRY(study, read_published(options.published, results));
  }
  std::vector<RtlFile> rtl;
  for (const std::string& file : options.rtl) {
    QFI_TRY(std::string text, read_file(file, k_most_rtl_bytes));
    rtl.push_back({std::filesystem::path(file).filename().string(), std::move(text)});
  }
  QFI_TRY(const std::string page, report_page(campaigns, options.title, study, rtl));
  QFI_CHECK(check_replaceable(options.output, k_report_start, options.is_forced));
  QFI_CHECK(write_file(options.output, page));
  fmt::print("report in {}\n", options.output);
  return k_done;
}

}  // namespace

void add_report(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("report", "campaigns' results as one HTML page with pictures");
  auto options = std::make_shared<Options>();
  command->add_option("results", options->results, "results.json of one or more campaigns")
      ->required()
      ->type_name("RESULTS");
  command->add_option("-o,--output", options->output, "the page")->required()->type_name("FILE.html");
  command->add_option("--title", options->title, "of the page")->capture_default_str()->type_name("TEXT");
  command->add_option("--published", options->published, "published figures to stand beside ours")
      ->type_name("FILE.json");
  command
      ->add_option("--rtl", options->rtl,
                   "sources of the multiplier, to stand beside the sensitivity of their lines")
      ->type_name("FILE.sv");
  add_force_option(*command, options->is_forced);
  command->footer(
      "The page holds everything and opens offline; gnuplot draws it.\n"
      "Example: qfi report demo-results/results.json -o report.html");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace qfi::cli
