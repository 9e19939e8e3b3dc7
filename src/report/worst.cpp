// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/worst.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "analysis.hpp"
#include "qfi/base/number_text.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/base/text.hpp"
#include "qfi/results/results_file.hpp"

namespace qfi {
namespace {

std::vector<std::string> unique_files(const std::vector<std::string>& sources) {
  std::vector<std::string> files;
  for (const std::string& source : sources)
    if (std::string file = source_line(source).file; std::ranges::find(files, file) == files.end())
      files.push_back(std::move(file));
  return files;
}

// The places that a fault counts for.
std::vector<std::string> places_of(const SetResults& set, const FaultRecord& record, std::size_t index,
                                   WorstBy by) {
  if (by == WorstBy::fault)
    return record.name.empty() ? std::vector<std::string>() : std::vector{record.name};
  if (by == WorstBy::layer)
    return record.layer ? std::vector{fmt::format("operator {}", *record.layer)} : std::vector<std::string>();
  const NetlistResults* netlist = set.netlist();
  if (netlist == nullptr) return {};
  const NetlistFaultResults& fault = netlist->faults[index];
  if (by == WorstBy::instance) return {fault.instance.value_or("(top)")};
  const std::vector<std::string> sources = fault.sources.value_or(std::vector<std::string>());
  return by == WorstBy::line ? sources : unique_files(sources);
}

void add(const FaultRecord& record, FaultRecord& sums) {
  sums.units += record.units;
  sums.changed += record.changed;
  sums.labelled += record.labelled;
  sums.golden_correct += record.golden_correct;
  sums.faulty_correct += record.faulty_correct;
}

Result<const SetResults*> choose(const CampaignResults& results, const std::optional<std::string>& wanted) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < results.sets.size(); ++i) {
    const std::string& name = results.sets[i].name;
    if ((!wanted && results.sets.size() == 1) || wanted == name || wanted == std::to_string(i))
      return &results.sets[i];
    names.push_back(name);
  }
  return selects_nothing("set", wanted.value_or(""), "choose a fault set with --set", {"fault sets", names});
}

// What stands behind a row: where the faults are.
std::string where_text(const SetResults& set, const RankedFaults& row, WorstBy by) {
  const NetlistResults* netlist = set.netlist();
  if (by != WorstBy::fault) return fmt::format("{} faults", row.faults.size());
  if (netlist == nullptr) return "";
  const NetlistFaultResults& fault = netlist->faults[row.faults.front()];
  std::string text = fault.cell ? fmt::format("{}/{} ({})", *fault.cell, fault.pin.value_or(""), fault.region)
                                : fault.region;
  if (fault.sources) text += "  " + fmt::format("{}", fmt::join(*fault.sources, ", "));
  return printable(text);
}

}  // namespace

double RankedFaults::lost() const {
  return share_of(sums.golden_correct, sums.labelled) - share_of(sums.faulty_correct, sums.labelled);
}

double RankedFaults::changed() const { return share_of(sums.changed, sums.units); }

SourceLine source_line(const std::string& source) {
  const std::size_t colon = source.rfind(':');
  SourceLine place{source.substr(0, colon), 0};
  if (colon != std::string::npos && !parse_number(source.substr(colon + 1), place.line)) return {source, 0};
  return place;
}

std::vector<RankedFaults> rank_faults(const SetResults& set, const std::vector<FaultRecord>& faults,
                                      WorstBy by) {
  std::vector<RankedFaults> ranked;
  std::map<std::string, std::size_t> place_of;
  for (std::size_t i = 0; i < faults.size(); ++i)
    for (const std::string& name : places_of(set, faults[i], i, by)) {
      // A fault stands alone, even where another one of the set has its name.
      const auto [entry, is_new] =
          by == WorstBy::fault ? std::pair(place_of.end(), true) : place_of.try_emplace(name, ranked.size());
      if (is_new) ranked.push_back({name, {}, {}});
      RankedFaults& row = is_new ? ranked.back() : ranked[entry->second];
      row.faults.push_back(i);
      add(faults[i], row.sums);
    }
  std::ranges::stable_sort(ranked, [](const RankedFaults& a, const RankedFaults& b) {
    return std::pair(a.lost(), a.changed()) > std::pair(b.lost(), b.changed());
  });
  return ranked;
}

Result<std::string> worst_text(const std::filesystem::path& path, const WorstParams& params) {
  QFI_TRY(const ResultsFile file, read_results(path));
  const CampaignResults& results = file.results;
  QFI_TRY(const SetResults* set, choose(results, params.set));
  QFI_TRY(const SetFaults faults, fault_records(results, *set, path.parent_path()));
  if (!faults.missing.empty()) return bad_input("{}: {}", path.string(), faults.missing);
  const std::vector<RankedFaults> ranked = rank_faults(*set, faults.faults, params.by);
  if (ranked.empty())
    return bad_input(
        "{}: its {} faults of '{}' do not tell that place; another --by, or a netlist of `qfi synth`",
        path.string(), faults.faults.size(), set->name);
  const bool has_accuracy = results.task->has_accuracy();
  const std::size_t shown = std::min(params.top, ranked.size());
  std::size_t widest = 5;
  for (std::size_t i = 0; i < shown; ++i) widest = std::max(widest, printable(ranked[i].name).size());
  std::string text =
      fmt::format("{:>4}  {:<{}}  {}{:>9}  {}\n", "", params.by == WorstBy::fault ? "fault" : "place", widest,
                  has_accuracy ? fmt::format("{:>9} {:>11}  ", "accuracy", "points lost") : "", "changed",
                  params.by == WorstBy::fault ? "where" : "");
  for (std::size_t i = 0; i < shown; ++i) {
    const RankedFaults& row = ranked[i];
    text += fmt::format("{:>4}  {:<{}}  ", i + 1, printable(row.name), widest);
    if (has_accuracy)
      text += fmt::format("{:>8.2f}% {:>11.2f}  ", 100 * share_of(row.sums.faulty_correct, row.sums.labelled),
                          100 * row.lost());
    text += fmt::format("{:>8.2f}%  {}\n", 100 * row.changed(), where_text(*set, row, params.by));
  }
  return text;
}

}  // namespace qfi
