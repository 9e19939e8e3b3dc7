// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "figures.hpp"
#include "markup.hpp"
#include "page_style.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_worst_faults = 20;

const std::map<std::string, std::string> k_share_names = {
    {"critical_fault_rate", "critical faults: change some class"},
    {"harmless", "harmless faults: lose at most 1 point"},
    {"between", "faults between"},
    {"collapsed", "collapsed: accuracy at most twice chance"},
    {"output_identical", "every output identical"},
    {"due", "NaN or infinity in the scores"}};

// Small shares need more digits: as many as show three.
std::string percent(double share) {
  if (std::abs(share) < 1e-8) share = 0.0;
  int digits = 1;
  double value = 100.0 * std::abs(share);
  while (value > 0 && value < 10.0 && digits < 6) {
    value *= 10.0;
    ++digits;
  }
  return fmt::format("{:.{}f}&nbsp;%", 100.0 * share, digits);
}

std::string bounds(const std::optional<Interval>& interval) {
  return interval ? percent(interval->low) + " .. " + percent(interval->high) : "none";
}

using Cells = std::vector<std::string>;  // markup

std::string row(const char* tag, const Cells& cells) {
  std::string text = "<tr>";
  for (const std::string& cell : cells) text += fmt::format("<{0}>{1}</{0}>", tag, cell);
  return text + "</tr>\n";
}

std::string table(const Cells& header, const std::vector<Cells>& rows) {
  std::string text = "<div class=\"wide\"><table>\n<thead>" + row("th", header) + "</thead>\n<tbody>";
  for (const Cells& cells : rows) text += row("td", cells);
  return text + "</tbody></table></div>\n";
}

std::string facts_table(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::vector<Cells> rows;
  for (const auto& [name, value] : facts) rows.push_back({xml(name), xml(value)});
  return table({"", ""}, rows);
}

std::string details(const std::string& summary, const std::string& content) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", summary, content);
}

std::string accuracy_name(const ResultsRecord& record) {
  return record.is_segmentation ? "pixel accuracy" : "top-1 accuracy";
}

double golden_accuracy(const ResultsRecord& record) {
  return share_of(record.golden_correct, record.labelled);
}

// The value of a fact of that name; empty: none.
std::string fact(const std::vector<std::pair<std::string, std::string>>& facts, const std::string& name) {
  const auto found = std::ranges::find(facts, name, &std::pair<std::string, std::string>::first);
  return found == facts.end() ? "" : found->second;
}

std::string card(const std::string& value, const std::string& name, const std::string& below) {
  return fmt::format("<div class=\"card\"><b>{}</b><span>{}</span><small>{}</small></div>\n", value, name,
                     below);
}

std::string interval_line(const ResultsRecord& record, const RecordedEstimate& estimate) {
  if (!estimate.interval) return "no interval";
  return fmt::format("{:g}&nbsp;% interval {}", 100.0 * record.confidence, bounds(estimate.interval));
}

std::string cards(const ResultsRecord& record, const RecordedSummary& summary) {
  std::string text = "<div class=\"cards\">\n";
  text += card(percent(golden_accuracy(record)), "golden " + accuracy_name(record),
               fmt::format("{} of {} right", record.golden_correct, record.labelled));
  text += card(percent(summary.faulty_accuracy.value), "mean under faults",
               interval_line(record, summary.faulty_accuracy));
  text += card(percent(summary.changed.value),
               record.is_segmentation ? "pixels change their class" : "images change their class",
               interval_line(record, summary.changed));
  if (summary.critical)
    text +=
        card(percent(summary.critical->value), "critical faults", interval_line(record, *summary.critical));
  return text + "</div>\n";
}

std::string sample_sentence(const ResultsRecord& record, const RecordedSet& set) {
  const std::string population = fact(set.facts, "sample, population");
  std::string text = fmt::format("{} faults{}, {} strat{}", xml(fact(set.facts, "sample, n")),
                                 population.empty() ? "" : " of " + xml(population), set.strata.size(),
                                 set.strata.size() == 1 ? "um" : "a");
  for (const char* name : {"e", "t", "p"})
    if (const std::string value = fact(set.facts, fmt::format("sample, {}", name)); !value.empty())
      text += fmt::format(", {} = {}", name, xml(value));
  return text + fmt::format(", {} {} images", record.is_paired ? "drawn anew for each of" : "each on",
                            record.image_count);
}

std::string estimates_table(const ResultsRecord& record, const RecordedSummary& summary) {
  std::vector<Cells> rows;
  const auto add = [&](const std::string& name, const RecordedEstimate& estimate) {
    rows.push_back(
        {name, percent(estimate.value), bounds(estimate.interval), bounds(estimate.image_population)});
  };
  add("mean " + accuracy_name(record), summary.faulty_accuracy);
  if (summary.faulty_top5) add("mean top-5 accuracy", *summary.faulty_top5);
  add("classes changed", summary.changed);
  for (const RecordedShare& share : summary.shares)
    add(fmt::format("{} ({} drawn)", k_share_names.at(share.name), share.faults), share.share);
  return table({"", "estimate", fmt::format("{:g}&nbsp;% interval, these images", 100.0 * record.confidence),
                "on images like these"},
               rows);
}

// Which sites lose most; in stratified samples of the drawn ones.
std::string worst_table(const RecordedSet& set) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < set.faults.size(); ++i)
    if (set.faults[i].units > 1 && set.faults[i].changed > 0 && !set.faults[i].name.empty())
      order.push_back(i);
  const auto loss = [&](std::size_t i) {
    const RecordedFault& fault = set.faults[i];
    return std::pair(
        share_of(fault.golden_correct, fault.labelled) - share_of(fault.faulty_correct, fault.labelled),
        share_of(fault.changed, fault.units));
  };
  const std::size_t shown = std::min(order.size(), k_worst_faults);
  if (shown == 0) return "";
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(shown),
                            [&](std::size_t a, std::size_t b) {
                              const auto loss_a = loss(a), loss_b = loss(b);
                              return loss_a != loss_b ? loss_a > loss_b : a < b;
                            });
  std::vector<Cells> rows;
  for (std::size_t k = 0; k < shown; ++k) {
    const RecordedFault& fault = set.faults[order[k]];
    Cells cells = {
        std::to_string(k + 1), xml(fault.name), percent(share_of(fault.faulty_correct, fault.labelled)),
        fmt::format("{:.2f}", 100.0 * loss(order[k]).first), percent(share_of(fault.changed, fault.units))};
    if (set.is_netlist) {
      const RecordedSite& site = set.sites[order[k]];
      cells.push_back(xml(site.region));
      cells.push_back(site.lowest_result_bit ? std::to_string(*site.lowest_result_bit) : "none");
    }
    rows.push_back(std::move(cells));
  }
  Cells header = {"", "fault", "accuracy", "points lost", "classes changed"};
  if (set.is_netlist) header.insert(header.end(), {"cell pin", "lowest result bit"});
  return "<h3>Worst of the drawn faults</h3>\n" + table(header, rows);
}

std::string domains_table(const std::vector<RecordedDomain>& domains) {
  std::vector<Cells> rows;
  for (const RecordedDomain& domain : domains)
    rows.push_back({domain.layer ? std::to_string(*domain.layer) : "all",
                    domain.bit ? std::to_string(*domain.bit) : "all",
                    fmt::format("{:.0f}", domain.population), std::to_string(domain.drawn),
                    percent(domain.changed.value), bounds(domain.changed.interval)});
  return table({"operator", "bit", "population", "drawn", "classes changed", "interval"}, rows);
}

// The same faults without a protection and with it.
std::string protection_table(const ResultsRecord& record, const RecordedSet& set) {
  if (!set.with_protection) return "";
  std::vector<Cells> rows;
  const auto add = [&](const char* name, const RecordedSummary& summary) {
    Cells cells = {name, percent(summary.faulty_accuracy.value), bounds(summary.faulty_accuracy.interval),
                   percent(summary.changed.value), bounds(summary.changed.interval)};
    if (summary.critical)
      cells.insert(cells.end(), {percent(summary.critical->value), bounds(summary.critical->interval)});
    rows.push_back(std::move(cells));
  };
  add("without", set.summaries.front());
  add("with", *set.with_protection);
  Cells header = {"", "mean " + accuracy_name(record), "interval", "classes changed", "interval"};
  if (set.with_protection->critical) header.insert(header.end(), {"critical faults", "interval"});
  return "<h3>The protection</h3>\n" + table(header, rows);
}

std::string search_table(const RecordedSet& set) {
  if (set.search.empty()) return "";
  std::vector<Cells> rows;
  for (const RecordedVulnerability& layer : set.search)
    rows.push_back({std::to_string(rows.size() + 1), std::to_string(layer.layer),
                    std::to_string(layer.bits_tried), std::to_string(layer.bits_vulnerable),
                    fmt::format("{:.4f}", layer.lvf)});
  return "<h3>Layers, the most vulnerable first</h3>\n" +
         table({"", "operator", "bits tried", "vulnerable", "LVF"}, rows);
}

// Of segmentation, and of what may become NaN: every parameter set.
std::string parameter_sets_table(const ResultsRecord& record, const RecordedSet& set) {
  std::map<std::uint64_t, RecordedConstant> constants;  // of each layer
  for (const RecordedConstant& constant : set.constants) constants.try_emplace(constant.layer, constant);
  const bool is_float =
      std::ranges::any_of(constants, [](const auto& c) { return c.second.share_from_1_to_2.has_value(); });
  if (set.by_layer.empty() || constants.empty() || !(record.is_segmentation || is_float)) return "";
  constexpr std::uint64_t k_top_exponent_bit = 30;
  std::map<std::uint64_t, std::string> of_top_exponent_bit;
  for (const RecordedDomain& domain : set.by_layer_and_bit)
    if (domain.bit == k_top_exponent_bit && domain.drawn > 0)
      of_top_exponent_bit[*domain.layer] = percent(domain.changed.value);
  std::vector<Cells> rows;
  for (const RecordedDomain& domain : set.by_layer) {
    const auto constant = constants.find(*domain.layer);
    const bool is_known = constant != constants.end();
    Cells cells = {is_known ? xml(constant->second.label) : std::to_string(*domain.layer),
                   std::to_string(domain.drawn), percent(domain.changed.value),
                   bounds(domain.changed.interval), percent(domain.deviation)};
    if (record.is_segmentation)
      for (const auto& iou : {domain.global_iou, domain.weighted_iou})
        cells.push_back(iou ? percent(*iou) : "none");
    if (is_float) {
      const bool has_share = is_known && constant->second.share_from_1_to_2;
      const auto bit = of_top_exponent_bit.find(*domain.layer);
      cells.insert(cells.end(), {has_share ? percent(*constant->second.share_from_1_to_2) : "",
                                 bit == of_top_exponent_bit.end() ? "not drawn" : bit->second,
                                 std::to_string(domain.nan), std::to_string(domain.infinity)});
    }
    rows.push_back(std::move(cells));
  }
  Cells header = {"parameters", "drawn", "classes changed", "interval", "deviation over faults"};
  if (record.is_segmentation) header.insert(header.end(), {"IoU, global", "IoU, weighted"});
  if (is_float)
    header.insert(header.end(), {"1 &le; |x| &lt; 2", "top exponent bit changes", "NaN, trials", "infinity"});
  return "<h3>Parameter sets</h3>\n" + table(header, rows);
}

std::string directions_table(const RecordedSet& set) {
  std::vector<Cells> rows;
  for (const RecordedDirection& direction : set.directions)
    if (!direction.layer && direction.changed)
      rows.push_back({xml(direction.name), std::to_string(direction.trials),
                      percent(direction.changed->value), bounds(direction.changed->interval)});
  if (rows.empty()) return "";
  return "<h3>By direction</h3>\n" + table({"flip", "trials", "classes changed", "interval"}, rows);
}

std::string rates_table(const RecordedSet& set) {
  std::vector<Cells> rows;
  for (const RecordedSummary& summary : set.summaries)
    rows.push_back({xml(summary.name), percent(summary.faulty_accuracy.value),
                    bounds(summary.faulty_accuracy.interval), percent(summary.changed.value),
                    bounds(summary.changed.interval)});
  return table({"", "mean accuracy", "interval", "classes changed", "interval"}, rows);
}

// Plots of all parts of the page, drawn at once.
class Pictures {
 public:
  /// Markup that finish() replaces by the pictures.
  std::string add(std::vector<Plot> plots) {
    if (plots.empty()) return "";
    std::string text = "<div class=\"figures\">\n";
    for (Plot& plot : plots) {
      text += mark(m_plots.size());
      m_plots.push_back(std::move(plot));
    }
    return text + "</div>\n";
  }

  Result<std::string> finish(const std::string& page) const {
    QFI_TRY(const std::vector<std::string> drawn, draw_plots(m_plots));
    std::string text;
    std::size_t place = 0;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      const std::size_t found = page.find(mark(i), place);
      text.append(page, place, found - place);
      text += fmt::format(
          "<figure><h4>{0}</h4><img alt=\"{0}. {1}\" width=\"{2}\" height=\"{3}\" "
          "src=\"data:image/svg+xml;base64,{4}\"><figcaption>{1}</figcaption></figure>\n",
          xml(m_plots[i].title), xml(m_plots[i].caption), m_plots[i].width, m_plots[i].height,
          base64(drawn[i]));
      place = found + mark(i).size();
    }
    return text.append(page, place);
  }

 private:
  // No text from a file looks like it: those have no '<'.
  static std::string mark(std::size_t index) { return fmt::format("<picture-{}>", index); }

  std::vector<Plot> m_plots;
};

std::string set_section(const ResultsRecord& record, const RecordedSet& set, Pictures& pictures) {
  std::string text =
      fmt::format("<h3>Fault set {}</h3>\n<p>{}.</p>\n", xml(set.name), sample_sentence(record, set));
  const bool has_rates = set.summaries.size() > 1;
  text += has_rates ? rates_table(set) : cards(record, set.summaries.front());
  if (!has_rates) text += estimates_table(record, set.summaries.front());
  text += protection_table(record, set) + search_table(set);
  if (!set.missing_table.empty())
    text += fmt::format(
        "<p>Without the table of faults, so without the worst of them and how the estimate converged: "
        "{}.</p>\n",
        xml(set.missing_table));
  text += pictures.add(set_plots(record, set));
  text += parameter_sets_table(record, set) + directions_table(set);
  if (!has_rates) text += worst_table(set);
  if (!set.by_layer_and_bit.empty())
    text += details("Table by layer and bit", domains_table(set.by_layer_and_bit));
  return text + details("Sample, proof and counts", facts_table(set.facts));
}

// Its folder tells a campaign from others of the same model.
std::string headline_of(const ResultsRecord& record) {
  return folder_name(record.file) + ": " + record.model;
}

std::string campaign_section(const ResultsRecord& record, std::size_t number, Pictures& pictures) {
  std::string text =
      fmt::format("<section id=\"campaign-{}\">\n<h2>{}</h2>\n", number, xml(headline_of(record)));
  text += fmt::format("<p class=\"file\">{}, qfi {}, seed {}</p>\n", xml(record.file),
                      xml(fact(record.facts, "qfi, version")), xml(fact(record.facts, "seed")));
  for (const RecordedSet& set : record.sets) text += set_section(record, set, pictures);
  text += details("Versions and hashes", facts_table(record.facts));
  text += details("Config", "<pre>" + xml_lines(record.config) + "</pre>\n");
  return text + "</section>\n";
}

std::string overview(std::span<const ResultsRecord> records, Pictures& pictures) {
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < records.size(); ++i)
    for (const RecordedSet& set : records[i].sets)
      for (const RecordedSummary& summary : set.summaries)
        rows.push_back({std::to_string(rows.size() + 1),
                        fmt::format("<a href=\"#campaign-{}\">{}</a>", i, xml(headline_of(records[i]))),
                        xml(set.name + (summary.name.empty() ? "" : ", " + summary.name)),
                        percent(golden_accuracy(records[i])), percent(summary.faulty_accuracy.value),
                        bounds(summary.faulty_accuracy.interval), percent(summary.changed.value),
                        summary.critical ? percent(summary.critical->value) : ""});
  if (rows.size() < 2) return "";
  return "<section>\n<h2>Overview</h2>\n" +
         table({"", "campaign", "fault set", "golden", "mean under faults", "interval, these images",
                "classes changed", "critical faults"},
               rows) +
         pictures.add({overview_plot(records)}) + "</section>\n";
}

std::string figure_text(const ComparedFigure& figure, double value) {
  if (std::isnan(value)) return "unknown";
  if (figure.is_percent) return percent(value);
  constexpr double k_largest_count = 1e15;
  const bool is_count = std::round(value) == value && std::abs(value) < k_largest_count;
  return is_count ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string study_section(const PublishedStudy& study) {
  std::vector<Cells> rows;
  for (const ComparedFigure& f : study.figures) {
    const auto range = [&](const Interval& ends) {
      return figure_text(f, ends.low) +
             (ends.low == ends.high ? std::string() : " .. " + figure_text(f, ends.high));
    };
    rows.push_back({xml(f.what), f.published ? range(*f.published) : "none", figure_text(f, f.value),
                    f.interval ? range(*f.interval) : "none", f.agrees() ? *f.agrees() ? "yes" : "no" : "",
                    xml(f.note)});
  }
  std::string text =
      fmt::format("<section>\n<h2>{}</h2>\n<p class=\"file\">{}</p>\n", xml(study.title), xml(study.source));
  for (const std::string& paragraph : study.paragraphs) text += "<p>" + xml(paragraph) + "</p>\n";
  return text + table({"figure", "published", "here", "interval", "agree", ""}, rows) + "</section>\n";
}

}  // namespace

Result<std::string> report_page(std::span<const ResultsRecord> records, const std::string& title,
                                const std::optional<PublishedStudy>& study) {
  Pictures pictures;
  std::string page = fmt::format(
      "{2}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>\n{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
      xml(title), k_page_style, k_report_start);
  if (study) page += study_section(*study);
  page += overview(records, pictures);
  for (std::size_t i = 0; i < records.size(); ++i) page += campaign_section(records[i], i, pictures);
  page += "</body>\n</html>\n";
  return pictures.finish(page);
}

}  // namespace qfi
