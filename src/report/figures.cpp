// SPDX-License-Identifier: Apache-2.0
#include "figures.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>

namespace qfi {
namespace {

constexpr const char* k_blue = "#2b6cb0";
constexpr const char* k_orange = "#c05621";
constexpr const char* k_gray = "#718096";
constexpr int k_row_height = 22;
constexpr std::size_t k_most_rows = 200;  // of a picture

double percent(double share) { return 100.0 * share; }

const char* unit_name(const CampaignResults& results) { return results.task->names().unit; }

std::string confidence_text(const CampaignResults& results) {
  return fmt::format("{:g} %", 100.0 * results.interval_confidence);
}

class DataBlock {
 public:
  explicit DataBlock(const char* name) : m_text(fmt::format("${} << END_OF_DATA\n", name)) {}
  template <class... Numbers>
  void row(const Numbers&... numbers) {
    ((m_text += fmt::format("{} ", numbers)), ...);
    m_text += '\n';
    ++m_rows;
  }
  std::size_t rows() const { return m_rows; }
  std::string text() const { return m_text + "END_OF_DATA\n"; }

 private:
  std::string m_text;
  std::size_t m_rows = 0;
};

// The end of a long name says more than its beginning.
std::string shortened(const std::string& name) {
  constexpr std::size_t k_most = 24;
  return name.size() <= k_most ? name : ".." + name.substr(name.size() - k_most + 2);
}

std::string quoted(const std::string& label) { return "\"" + plot_text(label) + "\""; }

// ", with 95 % intervals", where there are any.
template <class Items, class Estimate>
std::string with_intervals(const CampaignResults& results, const Items& items, const Estimate& estimate_of) {
  const bool has_any = std::ranges::any_of(items, [&](const auto& item) {
    return EstimateView(std::invoke(estimate_of, item)).interval.has_value();
  });
  return has_any ? ", with " + confidence_text(results) + " intervals" : "";
}

/// A row of a chart whose rows have names.
struct Row {
  std::string label;
  EstimateView estimate;
};

// Bars from the left, a row each, with intervals.
Plot row_plot(std::string title, std::string caption, const std::string& axis, std::vector<Row> rows) {
  Plot plot{std::move(title), std::move(caption)};
  if (rows.size() > k_most_rows) {
    plot.caption += fmt::format(" The first {} of {} rows.", k_most_rows, rows.size());
    rows.resize(k_most_rows);
  }
  DataBlock bars("bars");
  DataBlock errors("errors");
  std::size_t longest = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& [label, estimate] = rows[i];
    longest = std::max(longest, plot_text(label).size());
    bars.row(percent(estimate.value), i, quoted(label));
    if (estimate.interval)
      errors.row(percent(estimate.value), i, percent(estimate.interval->low),
                 percent(estimate.interval->high));
  }
  plot.height = 90 + k_row_height * static_cast<int>(rows.size());
  plot.script =
      bars.text() + errors.text() +
      fmt::format(
          "set yrange [{}:-0.5]\nset xrange [0:*<100]\nset xlabel '{}'\nset lmargin {}\nunset key\n"
          "set grid noytics\n"
          "plot $bars using ($1/2):2:(0):1:($2-0.35):($2+0.35):ytic(3) with boxxyerror fs solid 0.85 "
          "noborder lc rgb '{}'",
          static_cast<double>(rows.size()) - 0.5, axis, std::min<std::size_t>(longest + 2, 32), k_blue);
  if (errors.rows() > 0)
    plot.script += ", $errors using 1:2:3:4 with xerrorbars pt 7 ps 0.3 lw 1.5 lc rgb '#1a202c'";
  return plot;
}

Plot distribution_plot(const CampaignResults& results, const SetResults& set, const Estimates& estimates) {
  const double steps = static_cast<double>((*estimates.histogram).size());
  const std::uint64_t faults =
      std::accumulate((*estimates.histogram).begin(), (*estimates.histogram).end(), std::uint64_t{0});
  DataBlock bars("bars");
  for (std::size_t i = 0; i < (*estimates.histogram).size(); ++i)
    bars.row((static_cast<double>(i) + 0.5) * 100.0 / steps,
             percent(share_of((*estimates.histogram)[i], faults)));
  Plot plot{
      "Distribution of faulty accuracy",
      fmt::format("Share of the {} drawn faults by accuracy under the fault, in steps of {:g} points. Lines: "
                  "golden accuracy (dashed), mean under faults.",
                  faults, 100.0 / steps)};
  const double golden = percent(*golden_accuracy(results, set));
  const double mean = percent(estimates.accuracy->mean);
  plot.script = bars.text() +
                fmt::format(
                    "set xrange [0:100]\nset yrange [0:*]\nset xlabel 'accuracy under the fault, %'\n"
                    "set ylabel 'faults, %'\n"
                    "set arrow 1 from {0},graph 0 to {0},graph 1 nohead dt 2 lw 2 lc rgb '{2}'\n"
                    "set arrow 2 from {1},graph 0 to {1},graph 1 nohead lw 2 lc rgb '{3}'\n"
                    "set boxwidth {4}\nunset key\nplot $bars with boxes fs solid 0.85 noborder lc rgb '{5}'",
                    golden, mean, k_gray, k_orange, 92.0 / steps, k_blue);
  return plot;
}

Plot convergence_plot(const CampaignResults& results, const std::vector<EstimateSoFar>& course) {
  DataBlock line("line");
  DataBlock band("band");
  for (const auto& [faults, mean] : course) {
    line.row(faults, percent(mean.value));
    if (mean.interval) band.row(faults, percent(mean.interval->low), percent(mean.interval->high));
  }
  const bool has_accuracy = results.task->has_accuracy();
  const bool has_band = band.rows() > 1;
  Plot plot{
      "Convergence of the estimate",
      fmt::format("{} of a growing, random part of the faults{}. The last point is the result.",
                  has_accuracy ? "Mean accuracy under faults" : "Share of classes changed",
                  has_band ? ", with the " + confidence_text(results) + " interval on these images" : "")};
  plot.script = line.text() + band.text() +
                fmt::format(
                    "set xlabel 'faults'\nset ylabel '{}, %'\nset xrange [0:*]\n"
                    "set rmargin 4\nunset key\n",
                    has_accuracy ? "mean faulty accuracy" : "classes changed");
  plot.script += course.back().faults < 10'000 ? "plot " : "set format x '%.0s%c'\nplot ";
  if (has_band)
    plot.script += fmt::format("$band using 1:2:3 with filledcurves fs solid 0.25 lc rgb '{}', ", k_blue);
  plot.script += fmt::format("$line using 1:2 with lines lw 2 lc rgb '{}'", k_blue);
  return plot;
}

// The rows of each stage.
std::vector<std::vector<DomainResults>> stages_of(const std::vector<DomainResults>& rows) {
  std::map<std::optional<std::string>, std::vector<DomainResults>> stages;
  for (const DomainResults& row : rows) stages[row.stage].push_back(row);
  std::vector<std::vector<DomainResults>> result;
  for (auto& [stage, of_stage] : stages) result.push_back(std::move(of_stage));
  return result;
}

Plot layer_plot(const CampaignResults& results, const SetResults& set) {
  std::vector<Row> rows;
  for (const DomainResults& domain : set.bits()->by_layer) rows.push_back({place_name(domain), domain});
  const std::string intervals = with_intervals(results, rows, &Row::estimate);
  return row_plot("Sensitivity by layer",
                  fmt::format("Share of {} whose class changes under one fault of that operator's values{}.",
                              unit_name(results), intervals),
                  "classes changed, %", std::move(rows));
}

// Of one stage, where the values are data.
Plot bit_plot(const CampaignResults& results, std::span<const DomainResults> domains) {
  DataBlock bars("bars");
  DataBlock errors("errors");
  std::uint64_t highest = 0;
  for (const DomainResults& domain : domains) {
    highest = std::max(highest, *domain.bit);
    bars.row(*domain.bit, percent(domain.changed_share));
    if (const auto& interval = domain.interval)
      errors.row(*domain.bit, percent(domain.changed_share), percent(interval->low), percent(interval->high));
  }
  const std::optional<std::string>& stage = domains.front().stage;
  Plot plot{
      "Sensitivity by bit" + (stage ? ", " + *stage : ""),
      fmt::format("Share of {} whose class changes under one fault of that bit of a value (0: the lowest){}.",
                  unit_name(results),
                  with_intervals(results, domains, [](const DomainResults& domain) { return domain; }))};
  plot.script =
      bars.text() + errors.text() +
      fmt::format(
          "set xlabel 'bit'\nset ylabel 'classes changed, %'\nset yrange [0:*<100]\nset boxwidth 0.8\n"
          "set xtics {}\nset xrange [-0.7:{}]\nunset key\n"
          "plot $bars with boxes fs solid 0.85 noborder lc rgb '{}'",
          highest > 12 ? 4 : 1, static_cast<double>(highest) + 0.7, k_blue);
  if (errors.rows() > 0) plot.script += ", $errors with yerrorbars pt 7 ps 0.3 lw 1.5 lc rgb '#1a202c'";
  return plot;
}

// Colours the cells of a grid: a row for each operator, or its stages. What has no cell stays gray.
struct HeatMap {
  struct Cell {
    std::size_t row = 0;
    std::uint64_t column = 0;
    double value = 0;  ///< percent
  };
  std::string title;
  std::string caption;
  std::vector<Cell> cells = {};
  std::uint64_t columns = 0;
  std::string axis = {};  ///< gnuplot's commands

  std::vector<std::string> rows = {};

  /// The row of that name, which is added where it is new.
  std::size_t row(const std::string& name);
  Plot plot() const;
};

std::size_t HeatMap::row(const std::string& name) {
  const auto known = std::ranges::find(rows, name);
  if (known == rows.end()) rows.push_back(name);
  return static_cast<std::size_t>(std::ranges::find(rows, name) - rows.begin());
}

Plot HeatMap::plot() const {
  DataBlock names("names");
  for (std::size_t i = 0; i < rows.size(); ++i) names.row(i, quoted(rows[i]));
  DataBlock data("cells");
  for (const Cell& cell : cells) data.row(cell.column, cell.row, cell.value);
  const std::size_t shown = std::min(rows.size(), k_most_rows);
  Plot plot{title, caption};
  if (shown < rows.size()) plot.caption += fmt::format(" The first {} of {} operators.", shown, rows.size());
  plot.height = 110 + k_row_height * static_cast<int>(shown);
  plot.script =
      names.text() + data.text() +
      fmt::format(
          "{}\nset xrange [-0.5:{}]\nset yrange [{}:-0.5]\nset cbrange [0:*]\n"
          "set palette defined (0 '#fff5eb', 0.25 '#fdbe85', 0.6 '#e6550d', 1 '#7f2704')\n"
          "set object 1 rectangle from graph 0,0 to graph 1,1 behind fc rgb '#cbd5e0' fs solid noborder\n"
          "unset key\nunset grid\nset lmargin 15\nset ytics offset 0.5\n"
          "plot $cells using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 with boxxyerror fs solid 1 noborder "
          "fc palette, $names using (-10):1:ytic(2) with points pt 0",
          axis, static_cast<double>(columns) - 0.5, static_cast<double>(shown) - 0.5);
  return plot;
}

Plot heat_plot(const CampaignResults& results, const SetResults& set) {
  HeatMap map{
      "Layers and bits",
      fmt::format("Share of {} whose class changes, in percent, by operator and bit; gray: no fault drawn.",
                  unit_name(results))};
  for (const DomainResults& domain : set.bits()->by_layer_and_bit) {
    const std::size_t row = map.row(place_name(domain));
    map.columns = std::max(map.columns, *domain.bit + 1);
    if (domain.n > 0) map.cells.push_back({row, *domain.bit, percent(domain.changed_share)});
  }
  map.axis = fmt::format("set xlabel 'bit'\nset xtics {}", map.columns > 13 ? 4 : 1);
  return map.plot();
}

// Of fewer bits the steps are not the codes that there are.
bool has_codes(const StoredValuesFacts& values) { return values.histogram_of_codes && values.width == 8; }

Plot codes_plot(const SetResults& set) {
  HeatMap map{"Stored codes",
              "Share of each operator's values, in percent, by stored code in 16 equal steps."};
  for (const StoredValuesFacts& values : set.bits()->values) {
    const std::string name = fmt::format("operator {}", values.layer);
    if (!has_codes(values) || std::ranges::find(map.rows, name) != map.rows.end()) continue;
    const std::size_t row = map.row(name);
    const auto& codes = *values.histogram_of_codes;
    const std::uint64_t count = std::accumulate(codes.begin(), codes.end(), std::uint64_t{0});
    for (std::uint64_t step = 0; step < codes.size(); ++step)
      map.cells.push_back({row, step, percent(share_of(codes[step], count))});
    map.columns = codes.size();
  }
  map.axis = "set xlabel 'code'\nset xtics ('-128' -0.5, '-64' 3.5, '0' 7.5, '64' 11.5, '128' 15.5)";
  return map.plot();
}

// Mean over drawn faults; the population behind them is taken as endless, which widens the interval.
class Group {
 public:
  void add(const FaultRecord& fault) {
    m_stratum.add(fault.changed, 0, fault.units);
    m_units = std::max(m_units, fault.units);
  }
  std::uint64_t faults() const { return m_stratum.drawn; }
  EstimateView estimate(double confidence) const {
    FaultStratum stratum = m_stratum;
    stratum.population = std::uint64_t{1} << 62;
    const SampledMean mean =
        sampled_mean({&stratum, 1}, {0.0, static_cast<double>(m_units), true}, confidence);
    return {mean.mean, mean.these_images};
  }

 private:
  FaultStratum m_stratum;
  std::uint64_t m_units = 1;
};

std::optional<Plot> result_bit_plot(const CampaignResults& results, const NetlistResults& netlist,
                                    const std::vector<FaultRecord>& faults) {
  std::map<std::uint64_t, Group> groups[2];
  for (std::size_t i = 0; i < faults.size(); ++i)
    if (const auto bit = netlist.faults[i].lowest_result_bit)
      groups[netlist.faults[i].stuck_at.value_or(0) == 0 ? 0 : 1][*bit].add(faults[i]);
  Plot plot{
      "Sensitivity by place in the multiplier",
      fmt::format(
          "Share of {} whose class changes, by the lowest bit of the result that a path from the faulty "
          "wire leads to; with {} intervals, where there is more than one fault.",
          unit_name(results), confidence_text(results))};
  const bool are_stuck = std::ranges::all_of(
      netlist.faults, [](const NetlistFaultResults& fault) { return fault.stuck_at.has_value(); });
  std::string commands;
  for (const int value : {0, 1}) {
    DataBlock points(value == 0 ? "low" : "high");
    for (const auto& [bit, group] : groups[value]) {
      const EstimateView estimate = group.estimate(results.interval_confidence);
      const Interval ends = estimate.interval.value_or(Interval{estimate.value, estimate.value});  // a point
      points.row(static_cast<double>(bit) + (value == 0 ? -0.15 : 0.15), percent(estimate.value),
                 percent(ends.low), percent(ends.high));
    }
    plot.script += points.text();
    if (points.rows() == 0) continue;
    commands +=
        fmt::format("{}${} with yerrorbars pt {} ps 0.5 lw 1.2 lc rgb '{}' title '{}'",
                    commands.empty() ? "plot " : ", ", value == 0 ? "low" : "high", value == 0 ? 7 : 5,
                    value == 0 ? k_blue : k_orange, are_stuck ? fmt::format("stuck at {}", value) : "faults");
  }
  if (commands.empty()) return std::nullopt;
  plot.script +=
      "set xlabel 'lowest bit of the result'\nset ylabel 'classes changed, %'\nset yrange [0:*<100]\n"
      "set xrange [-1:*]\nset xtics 4\n" +
      commands;
  return plot;
}

// The instance that holds the wire where it is not the top, else what drives the wire.
std::string region_of(const NetlistFaultResults& fault) { return fault.instance.value_or(fault.region); }

std::optional<Plot> region_plot(const CampaignResults& results, const NetlistResults& netlist,
                                const std::vector<FaultRecord>& faults) {
  std::map<std::string, Group> groups;
  for (std::size_t i = 0; i < faults.size(); ++i)
    if (const std::string region = region_of(netlist.faults[i]); !region.empty())
      groups[region].add(faults[i]);
  if (groups.empty()) return std::nullopt;
  std::vector<Row> rows;
  rows.reserve(groups.size());
  for (const auto& [region, group] : groups)
    rows.push_back({fmt::format("{} ({})", shortened(region), group.faults()),
                    group.estimate(results.interval_confidence)});
  std::ranges::stable_sort(rows, std::greater(), [](const Row& row) { return row.estimate.value; });
  const std::string intervals = with_intervals(results, rows, &Row::estimate);
  return row_plot(
      "Sensitivity by netlist region",
      fmt::format("Share of {} whose class changes, by the instance that holds the faulty wire, or the "
                  "cell pin that it belongs to (drawn faults in brackets){}.",
                  unit_name(results), intervals),
      "classes changed, %", std::move(rows));
}

Plot hardening_plot(const SetResults& set, const std::vector<Hardened>& course) {
  DataBlock line("line");
  const std::size_t step = std::max<std::size_t>(1, course.size() / 400);
  for (std::size_t i = 0; i < course.size(); i += step)
    line.row(percent(course[i].cost), percent(course[i].removed));
  line.row(percent(course.back().cost), percent(course.back().removed));
  Plot plot{"Harden the worst",
            "How much of all changed classes goes away where those that change most are hardened "
            "first (gray: without choosing). "};
  plot.caption += set.netlist() != nullptr
                      ? fmt::format("Of the {} wires of which both faults were drawn.", course.size() - 1)
                      : "Bits by layer and place; chosen by half of the drawn faults, judged by the others.";
  plot.script = line.text() + fmt::format(
                                  "set xrange [0:100]\nset yrange [0:100]\nset xlabel '{} hardened, %'\n"
                                  "set ylabel 'changed classes removed, %'\nunset key\n"
                                  "plot x with lines dt 2 lc rgb '{}', $line with lines lw 2 lc rgb '{}'",
                                  set.netlist() != nullptr ? "sites" : "bits", k_gray, k_blue);
  return plot;
}

std::string masking_label(const MaskingResults& masking) {
  const bool is_operator = masking.operator_index && *masking.operator_index >= 0;
  return is_operator ? fmt::format("{} {}", *masking.operator_index, masking.kind) : masking.kind;
}

Plot masking_plot(const CampaignResults& results, const SetResults& set) {
  const std::uint64_t trials = set.sample.trials.value_or(set.sample.n * results.inputs.data.images);
  std::vector<Row> rows;
  for (const MaskingResults& masking : set.bits()->masking)
    rows.push_back({masking_label(masking), {share_of(masking.trials, trials), {}}});
  return row_plot(
      "Where faults die",
      fmt::format("Trials after which operator all values were the golden ones again, of {} trials.", trials),
      "trials, %", std::move(rows));
}

Plot error_rate_plot(const CampaignResults& results, const SetResults& set) {
  DataBlock points("points");
  const std::vector<NamedEstimates> estimates = estimates_of(set);
  for (std::size_t h = 0; h < std::min(set.strata.size(), estimates.size()); ++h) {
    const EstimateView mean = headline(*estimates[h].estimates);
    const double rate = set.strata[h].bit_error_rate.value_or(0);
    const Interval ends = mean.interval.value_or(Interval{mean.value, mean.value});
    if (rate > 0) points.row(rate, percent(mean.value), percent(ends.low), percent(ends.high));
  }
  const std::optional<double> golden = results.golden_accuracy();
  Plot plot{golden ? "Accuracy by bit error rate" : "Classes changed by bit error rate",
            fmt::format("{} at each bit error rate, with {} intervals{}.",
                        golden ? "Mean accuracy" : "Share of classes changed", confidence_text(results),
                        golden ? "; dashed: golden" : "")};
  plot.script = points.text() +
                fmt::format(
                    "set logscale x\nset format x '1e%T'\nset xlabel 'bit error rate'\nset ylabel '{}, %'\n"
                    "set yrange [0:100]\nset offsets graph 0.05,graph 0.05,0,0\nunset key\n",
                    golden ? "accuracy" : "classes changed");
  if (golden)
    plot.script +=
        fmt::format("set arrow 1 from graph 0,first {0} to graph 1,first {0} nohead dt 2 lc rgb '{1}'\n",
                    percent(*golden), k_gray);
  plot.script += fmt::format("plot $points with yerrorlines pt 7 ps 0.6 lw 2 lc rgb '{}'", k_blue);
  return plot;
}

}  // namespace

std::vector<Plot> set_plots(const ResultsFile& campaign, std::size_t index) {
  const CampaignResults& results = campaign.results;
  const SetResults& set = results.sets[index];
  const SetFaults& faults = campaign.faults[index];
  std::vector<Plot> plots;
  const Estimates& estimates = *estimates_of(set).front().estimates;
  const bool has_rates = set.strata.front().bit_error_rate.has_value();
  if (has_rates) plots.push_back(error_rate_plot(results, set));
  const std::uint64_t drawn =
      estimates.histogram
          ? std::accumulate(estimates.histogram->begin(), estimates.histogram->end(), std::uint64_t{0})
          : 0;
  if (!has_rates && drawn > 1) plots.push_back(distribution_plot(results, set, estimates));
  if (const auto course = convergence(results, set, faults); course.size() > 1)
    plots.push_back(convergence_plot(results, course));
  if (const StoredBitResults* bits = set.bits()) {
    if (bits->by_layer.size() > 1) plots.push_back(layer_plot(results, set));
    for (const auto& domains : stages_of(bits->by_bit))
      if (domains.size() > 1) plots.push_back(bit_plot(results, domains));
    if (bits->by_layer.size() > 1 && bits->by_bit.size() > 1) plots.push_back(heat_plot(results, set));
    if (std::ranges::any_of(bits->values, has_codes)) plots.push_back(codes_plot(set));
  }
  if (const NetlistResults* netlist = set.netlist(); netlist != nullptr && !faults.faults.empty()) {
    if (auto plot = result_bit_plot(results, *netlist, faults.faults)) plots.push_back(std::move(*plot));
    if (auto plot = region_plot(results, *netlist, faults.faults)) plots.push_back(std::move(*plot));
  }
  if (const auto course = hardening(set, faults); course.size() > 2)
    plots.push_back(hardening_plot(set, course));
  if (set.bits() != nullptr && !set.bits()->masking.empty()) plots.push_back(masking_plot(results, set));
  return plots;
}

std::vector<Plot> overview_plots(std::span<const ResultsFile> campaigns) {
  DataBlock golden("golden");
  std::vector<Row> rows;
  std::size_t number = 0;
  for (const ResultsFile& campaign : campaigns)
    for (const SetResults& set : campaign.results.sets)
      for (const NamedEstimates& named : estimates_of(set)) {
        ++number;
        if (!named.estimates->accuracy) continue;
        golden.row(percent(*campaign.results.golden_accuracy()), rows.size());
        rows.push_back({fmt::format("{} {}", number, set.name), *named.estimates->accuracy});
      }
  if (rows.empty()) return {};
  const std::size_t shown = std::min(rows.size(), k_most_rows);
  Plot plot = row_plot("Accuracy under faults",
                       "Mean accuracy under faults, with intervals on these images; diamonds: "
                       "golden accuracy. Numbers as in the table.",
                       "accuracy, %", std::move(rows));
  plot.script =
      golden.text() + plot.script +
      fmt::format(", $golden every ::0::{} with points pt 13 ps 0.8 lc rgb '{}'", shown - 1, k_orange);
  return {plot};
}

}  // namespace qfi
