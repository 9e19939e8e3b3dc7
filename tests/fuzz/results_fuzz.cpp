// SPDX-License-Identifier: Apache-2.0
// results.json, fault tables and published figures of others: compared, exported and drawn (but for gnuplot
// itself).
#include "fuzz.hpp"
#include "qfi/report/compare.hpp"
#include "qfi/report/export.hpp"
#include "qfi/report/published.hpp"
#include "report/figures.hpp"

namespace qfi::fuzz {

void run(std::string_view input) {
  const std::uint8_t what = choice(input);
  if (what % 3 == 1) return static_cast<void>(read_fault_table(input, "fuzz", 3));
  if (what % 3 == 2) {
    std::filesystem::create_directories(folder() / "run");
    const std::vector<std::filesystem::path> results = {write(
        "run/results.json", R"({"a": {"mean": 0.5, "interval": [0.4, 0.6]}, "list": [1, {"b": "c"}]})")};
    return static_cast<void>(read_published(write("published.json", input), results));
  }
  const auto file = write("results.json", input);
  for (const TableFormat format : {TableFormat::csv, TableFormat::jsonl})
    static_cast<void>(export_faults(file, format, std::nullopt));
  const auto campaign = read_results(file);
  if (!campaign) return;
  if (const auto comparison = compare_results(*campaign, *campaign, {})) {
    comparison_text(*comparison);
    comparison_json(*comparison);
    comparison_junit(*comparison);
    comparison_markdown(*comparison);
  }
  for (std::size_t i = 0; i < campaign->results.sets.size(); ++i)
    for (const Plot& plot : set_plots(*campaign, i))
      require(plot.script.find('`') == std::string::npos, "no commands in gnuplot's script");
}

}  // namespace qfi::fuzz
