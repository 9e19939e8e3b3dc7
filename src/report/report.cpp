// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "figures.hpp"
#include "markup.hpp"
#include "page_style.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/number_text.hpp"
#include "qfi/base/text.hpp"
#include "qfi/report/worst.hpp"
#include "source_view.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_worst_faults = 20;

std::string percent(double share) {
  std::string text = fine_percent_text(share);
  return text.replace(text.find(' '), 1, "&nbsp;");
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

std::string accuracy_name(const CampaignResults& results) { return results.task->names().accuracy_in_full; }

// The headline as the head of a column has it.
std::string mean_name(const CampaignResults& results) {
  return results.task->has_accuracy() ? "mean " + accuracy_name(results) : "classes changed";
}

// One key a line.
std::string config_text(const CampaignResults& results) {
  return json_text(nlohmann::ordered_json::parse(results.config));
}

std::string card(const std::string& value, const std::string& name, const std::string& below) {
  return fmt::format("<div class=\"card\"><b>{}</b><span>{}</span><small>{}</small></div>\n", value, name,
                     below);
}

std::string interval_line(const CampaignResults& results, const EstimateView& estimate) {
  if (!estimate.interval) return "no interval";
  return fmt::format("{:g}&nbsp;% interval {}", 100.0 * results.interval_confidence,
                     bounds(estimate.interval));
}

std::string cards(const CampaignResults& results, const SetResults& set, const Estimates& estimates) {
  std::string text = "<div class=\"cards\">\n";
  if (estimates.accuracy) {
    const bool is_own = golden_accuracy(results, set) != results.golden_accuracy();
    text += card(percent(*golden_accuracy(results, set)), "golden " + accuracy_name(results),
                 is_own ? "of the approximate multiplier"
                        : fmt::format("{} of {} right", results.golden_correct(), results.golden_labelled()));
    text += card(percent(estimates.accuracy->mean), "mean under faults",
                 interval_line(results, *estimates.accuracy));
  }
  text += card(percent(estimates.changed.mean), results.task->names().changed_long,
               interval_line(results, estimates.changed));
  if (estimates.critical)
    text += card(percent(estimates.critical->share), "critical faults",
                 interval_line(results, *estimates.critical));
  return text + "</div>\n";
}

// A number as results.json spells it.
std::string as_recorded(double value) { return nlohmann::json(value).dump(); }

std::string sample_sentence(const CampaignResults& results, const SetResults& set) {
  const SampleResults& sample = set.sample;
  std::string text = fmt::format("{} faults{}, {} strat{}", sample.n,
                                 sample.population ? fmt::format(" of {}", *sample.population) : "",
                                 set.strata.size(), set.strata.size() == 1 ? "um" : "a");
  for (const auto& [name, value] : {std::pair{"e", sample.e}, {"t", sample.t}, {"p", sample.p}})
    if (value) text += fmt::format(", {} = {}", name, as_recorded(*value));
  const std::uint64_t images = results.inputs.data.images;
  if (sample.is_nested())
    return text + fmt::format(", each on {} random ones of {} images", *sample.images_of_a_fault, images);
  return text +
         fmt::format(", {} {} images", sample.is_paired() ? "drawn anew for each of" : "each on", images);
}

std::string estimates_table(const CampaignResults& results, const Estimates& estimates) {
  std::vector<Cells> rows;
  const auto add = [&](const std::string& name, const EstimateView& estimate) {
    rows.push_back(
        {name, percent(estimate.value), bounds(estimate.interval), bounds(estimate.image_population)});
  };
  const auto add_share = [&](const char* name, const std::optional<FaultShare>& share) {
    if (share) add(fmt::format("{} ({} drawn)", name, share->faults), *share);
  };
  if (estimates.accuracy) add(mean_name(results), *estimates.accuracy);
  if (estimates.top5) add("mean top-5 accuracy", *estimates.top5);
  add("classes changed", estimates.changed);
  add_share(("critical faults: " + critical_meaning(results)).c_str(), estimates.critical);
  add_share("harmless faults: lose at most 1 point", estimates.harmless);
  add_share("faults between", estimates.between);
  add_share((std::string("collapsed: ") + k_collapse_meaning).c_str(), estimates.collapsed);
  add_share("every output identical", estimates.output_identical);
  add_share("NaN or infinity in the scores", estimates.due);
  const std::string note = selection_note(results);
  return table({"", "estimate",
                fmt::format("{:g}&nbsp;% interval, these images", 100.0 * results.interval_confidence),
                "on images like these"},
               rows) +
         (note.empty() ? "" : "<p>Note: " + note + ".</p>\n");
}

// Which faults lose most; in stratified samples of the drawn ones.
std::string worst_table(const CampaignResults& results, const SetResults& set,
                        const std::vector<FaultRecord>& faults) {
  std::vector<Cells> rows;
  for (const RankedFaults& fault : rank_faults(set, faults, WorstBy::fault)) {
    if (rows.size() == k_worst_faults) break;
    if (fault.sums.units < 2 || fault.sums.changed == 0) continue;
    Cells cells = {std::to_string(rows.size() + 1), xml(fault.name)};
    if (results.task->has_accuracy())
      cells.insert(cells.end(), {percent(share_of(fault.sums.faulty_correct, fault.sums.labelled)),
                                 number_text(100.0 * fault.lost(), 100.0, 2)});
    cells.push_back(percent(fault.changed()));
    if (const NetlistResults* netlist = set.netlist()) {
      const NetlistFaultResults& site = netlist->faults[fault.faults.front()];
      cells.push_back(xml(site.region));
      cells.push_back(site.lowest_result_bit ? std::to_string(*site.lowest_result_bit) : "none");
      cells.push_back(site.sources ? xml(fmt::format("{}", fmt::join(*site.sources, ", "))) : "");
    }
    rows.push_back(std::move(cells));
  }
  if (rows.empty()) return "";
  Cells header = {"", "fault"};
  if (results.task->has_accuracy()) header.insert(header.end(), {"accuracy", "points lost"});
  header.emplace_back("classes changed");
  if (set.netlist() != nullptr) header.insert(header.end(), {"cell pin", "lowest result bit", "RTL"});
  return "<h3>Worst of the drawn faults</h3>\n" + table(header, rows);
}

std::string domains_table(const SetResults& set, const std::vector<DomainResults>& domains) {
  std::vector<Cells> rows;
  for (const DomainResults& domain : domains)
    rows.push_back({domain.layer ? std::to_string(*domain.layer) : "all", domain.stage.value_or(""),
                    domain.bit ? std::to_string(*domain.bit) : "all",
                    fmt::format("{:.0f}", population_of(set, domain)), std::to_string(domain.n),
                    percent(domain.changed_share), bounds(domain.interval)});
  return table({"operator", "stage", "bit", "population", "drawn", "classes changed", "interval"}, rows);
}

// Accuracy, where there are labels, and the classes that change.
Cells header_of_means(const CampaignResults& results) {
  Cells header = {""};
  if (results.task->has_accuracy()) header.insert(header.end(), {mean_name(results), "interval"});
  header.insert(header.end(), {"classes changed", "interval"});
  return header;
}

void add_means(const Estimates& estimates, Cells& cells) {
  if (estimates.accuracy)
    cells.insert(cells.end(), {percent(estimates.accuracy->mean), bounds(estimates.accuracy->these_images)});
  cells.insert(cells.end(), {percent(estimates.changed.mean), bounds(estimates.changed.these_images)});
}

// The same faults without a protection and with it.
std::string protection_table(const CampaignResults& results, const SetResults& set) {
  const StoredBitResults* bits = set.bits();
  if (bits == nullptr || !bits->protection || !bits->protection->summary) return "";
  std::vector<Cells> rows;
  const auto add = [&](const char* name, const Estimates& estimates) {
    Cells cells = {name};
    add_means(estimates, cells);
    if (estimates.critical)
      cells.insert(cells.end(), {percent(estimates.critical->share), bounds(estimates.critical->interval)});
    rows.push_back(std::move(cells));
  };
  add("without", *estimates_of(set).front().estimates);
  add("with", *bits->protection->summary);
  Cells header = header_of_means(results);
  if (bits->protection->summary->critical) header.insert(header.end(), {"critical faults", "interval"});
  return "<h3>The protection</h3>\n" + table(header, rows);
}

std::string search_table(const SetResults& set) {
  if (set.bits() == nullptr || !set.bits()->search || set.bits()->search->layers.empty()) return "";
  std::vector<Cells> rows;
  for (const SearchedLayer& layer : set.bits()->search->layers)
    rows.push_back({std::to_string(rows.size() + 1), std::to_string(layer.layer),
                    std::to_string(layer.bits_tried), std::to_string(layer.bits_vulnerable),
                    number_text(layer.lvf, 1.0, 4)});
  return "<h3>Layers, the most vulnerable first</h3>\n" +
         table({"", "operator", "bits tried", "vulnerable", "LVF"}, rows);
}

// Every parameter set with what its flips do, where the task has metrics of its own or values may become NaN.
std::string parameter_sets_table(const CampaignResults& results, const SetResults& set) {
  if (set.bits() == nullptr) return "";
  const StoredBitResults& bits = *set.bits();
  std::map<std::uint64_t, const StoredValuesFacts*> constants;  // of each layer
  for (const StoredValuesFacts& values : bits.values)
    if (!values.stage) constants.try_emplace(values.layer, &values);
  const bool is_float =
      std::ranges::any_of(constants, [](const auto& c) { return c.second->share_from_1_to_2.has_value(); });
  // The mean over classes is left to results.json.
  const auto metrics = results.task->derived_metrics().empty() ? results.task->derived_metrics()
                                                               : results.task->derived_metrics().subspan(1);
  if (bits.by_layer.empty() || constants.empty() || (metrics.empty() && !is_float)) return "";
  constexpr std::uint64_t k_top_exponent_bit = 30;
  std::map<std::uint64_t, std::string> of_top_exponent_bit;
  for (const DomainResults& domain : bits.by_layer_and_bit)
    if (domain.bit == k_top_exponent_bit && domain.n > 0)
      of_top_exponent_bit[*domain.layer] = percent(domain.changed_share);
  std::vector<Cells> rows;
  for (const DomainResults& domain : bits.by_layer) {
    const auto constant = constants.find(*domain.layer);
    const bool is_known = constant != constants.end();
    Cells cells = {is_known ? xml(constant->second->label) : std::to_string(*domain.layer),
                   std::to_string(domain.n), percent(domain.changed_share), bounds(domain.interval),
                   percent(domain.deviation)};
    for (std::size_t k = 0; k < metrics.size(); ++k) {
      const std::optional<double>& value = domain.derived[domain.derived.size() - metrics.size() + k];
      cells.push_back(value ? percent(*value) : "none");
    }
    if (is_float) {
      const bool has_share = is_known && constant->second->share_from_1_to_2;
      const auto bit = of_top_exponent_bit.find(*domain.layer);
      cells.insert(cells.end(), {has_share ? percent(*constant->second->share_from_1_to_2) : "",
                                 bit == of_top_exponent_bit.end() ? "not drawn" : bit->second,
                                 std::to_string(domain.nan), std::to_string(domain.infinity)});
    }
    rows.push_back(std::move(cells));
  }
  Cells header = {"parameters", "drawn", "classes changed", "interval", "deviation over faults"};
  for (const DerivedMetric& metric : metrics) header.emplace_back(metric.label);
  if (is_float)
    header.insert(header.end(), {"1 &le; |x| &lt; 2", "top exponent bit changes", "NaN, trials", "infinity"});
  return "<h3>Parameter sets</h3>\n" + table(header, rows);
}

std::string directions_table(const SetResults& set) {
  std::vector<Cells> rows;
  if (set.bits() == nullptr) return "";
  for (const DirectionResults& direction : set.bits()->by_direction)
    if (!direction.layer && direction.changed_share)
      rows.push_back({xml(direction.direction), std::to_string(direction.trials),
                      percent(*direction.changed_share), bounds(direction.interval)});
  if (rows.empty()) return "";
  return "<h3>By direction</h3>\n" + table({"flip", "trials", "classes changed", "interval"}, rows);
}

std::string rates_table(const CampaignResults& results, const std::vector<NamedEstimates>& rates) {
  std::vector<Cells> rows;
  for (const auto& [name, estimates] : rates) add_means(*estimates, rows.emplace_back(Cells{xml(name)}));
  return table(header_of_means(results), rows);
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

std::string set_section(const ResultsFile& campaign, std::size_t index, std::span<const RtlFile> rtl,
                        Pictures& pictures) {
  const CampaignResults& results = campaign.results;
  const SetResults& set = results.sets[index];
  const SetFaults& faults = campaign.faults[index];
  const std::vector<NamedEstimates> estimates = estimates_of(set);
  std::string text =
      fmt::format("<h3>Fault set {}</h3>\n<p>{}.</p>\n", xml(set.name), sample_sentence(results, set));
  if (const std::string sentence = approximate_sentence(results, set); !sentence.empty())
    text += "<p>" + xml(sentence) + "</p>\n";
  const bool has_rates = estimates.size() > 1;
  text += has_rates ? rates_table(results, estimates) : cards(results, set, *estimates.front().estimates);
  if (!has_rates) text += estimates_table(results, *estimates.front().estimates);
  text += protection_table(results, set) + search_table(set);
  if (!faults.missing.empty())
    text += fmt::format(
        "<p>Without the table of faults, so without the worst of them and how the estimate converged: "
        "{}.</p>\n",
        xml(faults.missing));
  text += pictures.add(set_plots(campaign, index));
  text += parameter_sets_table(results, set) + directions_table(set);
  if (!has_rates && !set.sample.is_nested()) text += worst_table(results, set, faults.faults);
  text += source_view(results, set, faults.faults, rtl);
  if (set.bits() != nullptr && !set.bits()->by_layer_and_bit.empty())
    text += details("Table by layer and bit", domains_table(set, set.bits()->by_layer_and_bit));
  return text + details("Sample, proof and counts", facts_table(set_facts(results, set)));
}

// Its folder tells a campaign from others of the same model.
std::string headline_of(const ResultsFile& campaign) {
  return folder_name(campaign.file) + ": " + campaign.results.inputs.model.file;
}

std::string campaign_section(const ResultsFile& campaign, std::size_t number, std::span<const RtlFile> rtl,
                             Pictures& pictures) {
  const CampaignResults& results = campaign.results;
  std::string text =
      fmt::format("<section id=\"campaign-{}\">\n<h2>{}</h2>\n", number, xml(headline_of(campaign)));
  text += fmt::format("<p class=\"file\">{}, qfi {}, seed {}</p>\n", xml(campaign.file),
                      xml(results.tool.version), results.seed);
  for (const std::string& warning : results.warnings.value_or(std::vector<std::string>()))
    text += "<p class=\"warning\"><b>Warning.</b> " + xml(warning) + "</p>\n";
  for (std::size_t i = 0; i < results.sets.size(); ++i) text += set_section(campaign, i, rtl, pictures);
  text += details("Versions and hashes", facts_table(campaign_facts(results)));
  text += details("Config", "<pre>" + xml_lines(config_text(results)) + "</pre>\n");
  return text + "</section>\n";
}

std::string overview(std::span<const ResultsFile> campaigns, Pictures& pictures) {
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < campaigns.size(); ++i) {
    const CampaignResults& results = campaigns[i].results;
    for (const SetResults& set : results.sets)
      for (const auto& [name, estimates] : estimates_of(set)) {
        Cells& cells = rows.emplace_back();
        cells = {std::to_string(rows.size()),
                 fmt::format("<a href=\"#campaign-{}\">{}</a>", i, xml(headline_of(campaigns[i]))),
                 xml(set.name + (name.empty() ? "" : ", " + name))};
        if (estimates->accuracy)
          cells.insert(cells.end(), {percent(*results.golden_accuracy()), percent(estimates->accuracy->mean),
                                     bounds(estimates->accuracy->these_images)});
        else cells.insert(cells.end(), {"no labels", "", ""});
        cells.insert(cells.end(), {percent(estimates->changed.mean),
                                   estimates->critical ? percent(estimates->critical->share) : ""});
      }
  }
  if (rows.size() < 2) return "";
  return "<section>\n<h2>Overview</h2>\n" +
         table({"", "campaign", "fault set", "golden", "mean under faults", "interval, these images",
                "classes changed", "critical faults"},
               rows) +
         pictures.add(overview_plots(campaigns)) + "</section>\n";
}

std::string figure_text(const ComparedFigure& figure, double value) {
  if (std::isnan(value)) return figure.is_run ? "unknown" : "not run";
  if (figure.is_percent) return percent(value);
  constexpr double k_largest_count = 1e15;
  const bool is_count = std::round(value) == value && std::abs(value) < k_largest_count;
  return is_count ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

const char* agreement_text(Agreement agreement) {
  switch (agreement) {
    case Agreement::agrees: return "yes";
    case Agreement::differs: return "no";
    case Agreement::too_wide: return "too wide to tell";
    case Agreement::not_run: return "not run";
    case Agreement::unknown: return "";
  }
  return "";
}

std::string study_section(const PublishedStudy& study) {
  std::vector<Cells> rows;
  for (const ComparedFigure& f : study.figures) {
    const auto range = [&](const Interval& ends) {
      return figure_text(f, ends.low) +
             (ends.low == ends.high ? std::string() : " .. " + figure_text(f, ends.high));
    };
    rows.push_back({xml(f.what), f.published ? range(*f.published) : "none", figure_text(f, f.value),
                    f.interval ? range(*f.interval) : "none", agreement_text(f.agreement()), xml(f.note)});
  }
  std::string text =
      fmt::format("<section>\n<h2>{}</h2>\n<p class=\"file\">{}</p>\n", xml(study.title), xml(study.source));
  for (const std::string& paragraph : study.paragraphs) text += "<p>" + xml(paragraph) + "</p>\n";
  return text + table({"figure", "published", "here", "interval", "agree", ""}, rows) + "</section>\n";
}

// Each file is one from which faults come, and has their lines.
Result<void> check_rtl(std::span<const ResultsFile> campaigns, std::span<const RtlFile> rtl) {
  for (std::size_t i = 0; i < rtl.size(); ++i) {
    const auto& [name, text] = rtl[i];
    if (std::ranges::find(rtl.first(i), name, &RtlFile::name) != rtl.first(i).end())
      return bad_input("--rtl: two files are called {}", printable(name));
    std::uint64_t last = 0;
    for (const ResultsFile& campaign : campaigns)
      for (const SetResults& set : campaign.results.sets) last = std::max(last, last_source_line(set, name));
    if (last == 0)
      return bad_input("{}: no fault of the results comes from this file (--rtl)", printable(name));
    if (split(text, '\n').size() < last)
      return bad_input("{}: faults come from line {}, which the file does not have (--rtl)", printable(name),
                       last);
  }
  return {};
}

}  // namespace

Result<std::string> report_page(std::span<const ResultsFile> campaigns, const std::string& title,
                                const std::optional<PublishedStudy>& study, std::span<const RtlFile> rtl) {
  QFI_CHECK(check_rtl(campaigns, rtl));
  Pictures pictures;
  std::string page = fmt::format(
      "{2}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>\n{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
      xml(title), k_page_style, k_report_start);
  if (study) page += study_section(*study);
  page += overview(campaigns, pictures);
  for (std::size_t i = 0; i < campaigns.size(); ++i) page += campaign_section(campaigns[i], i, rtl, pictures);
  page += "</body>\n</html>\n";
  return pictures.finish(page);
}

}  // namespace qfi
