// SPDX-License-Identifier: Apache-2.0
#include "source_view.hpp"

#include <algorithm>
#include <map>

#include "analysis.hpp"
#include "markup.hpp"
#include "qfi/base/number_text.hpp"
#include "qfi/base/text.hpp"
#include "qfi/report/worst.hpp"

namespace qfi {
namespace {

constexpr int k_shades = 5;

using FaultsOfLine = std::map<std::uint64_t, RankedFaults>;

std::string row(const std::string& number, const RankedFaults* faults, double most, const std::string& text) {
  if (faults == nullptr)
    return fmt::format("<tr><td>{}</td><td></td><td></td><td><code>{}</code></td></tr>\n", number, xml(text));
  const double changed = faults->changed();
  const int shade = most > 0 ? std::clamp(static_cast<int>(changed / most * k_shades), 0, k_shades - 1) : 0;
  return fmt::format("<tr class=\"heat{}\"><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>\n",
                     shade, number, faults->faults.size(), xml(fine_percent_text(changed)), xml(text));
}

std::string lines_table(const FaultsOfLine& lines, const RtlFile* file) {
  double most = 0;
  for (const auto& [line, faults] : lines) most = std::max(most, faults.changed());
  std::string text =
      "<div class=\"wide\"><table class=\"source\">\n<thead><tr><th>line</th><th>faults</th><th>classes "
      "changed</th><th></th></tr></thead>\n<tbody>";
  if (file == nullptr) {
    for (const auto& [line, faults] : lines) text += row(std::to_string(line), &faults, most, "");
  } else {
    std::uint64_t number = 0;
    for (const std::string_view line : split(file->text, '\n')) {
      const auto found = lines.find(++number);
      text += row(std::to_string(number), found == lines.end() ? nullptr : &found->second, most,
                  printable(std::string(line)));
    }
  }
  return text + "</tbody></table></div>\n";
}

}  // namespace

std::string source_view(const CampaignResults& results, const SetResults& set,
                        const std::vector<FaultRecord>& faults, std::span<const RtlFile> rtl) {
  std::map<std::string, FaultsOfLine> files;
  for (RankedFaults& place : rank_faults(set, faults, WorstBy::line)) {
    const SourceLine source = source_line(place.name);
    files[source.file][source.line] = std::move(place);
  }
  if (files.empty()) return "";
  std::string text = fmt::format(
      "<h3>Sensitivity by line of the RTL</h3>\n<p>Mean share of {} whose class changes, of the drawn faults "
      "in gates "
      "that come from the line; a gate may come from several.</p>\n",
      results.task->names().unit);
  for (const auto& [name, lines] : files) {
    const auto file = std::ranges::find(rtl, name, &RtlFile::name);
    text += "<h4>" + xml(name) + "</h4>\n";
    if (file == rtl.end())
      text += fmt::format("<p>The text stands here if the report is given --rtl {}.</p>\n", xml(name));
    text += lines_table(lines, file == rtl.end() ? nullptr : &*file);
  }
  return text;
}

std::uint64_t last_source_line(const SetResults& set, const std::string& file) {
  std::uint64_t last = 0;
  const NetlistResults* netlist = set.netlist();
  if (netlist == nullptr) return last;
  for (const NetlistFaultResults& fault : netlist->faults)
    for (const std::string& source : fault.sources.value_or(std::vector<std::string>()))
      if (const SourceLine place = source_line(source); place.file == file) last = std::max(last, place.line);
  return last;
}

}  // namespace qfi
