// SPDX-License-Identifier: Apache-2.0
// The key `sample` of a config or of an entry of `faults`.
#include <charconv>
#include <limits>

#include "config_reader.hpp"
#include "qfi/config/config_names.hpp"

namespace qfi {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t k_most = std::numeric_limits<std::uint64_t>::max();

Result<SampleConfig> read_margin(const YamlNode& node, const YamlNode& margin) {
  QFI_CHECK(node.check_keys({"margin", "confidence", "t", "p", "rounding", "scheme", "small"}));
  SampleMargin sample;
  QFI_TRY(sample.margin, fraction(margin));
  const auto confidence = node.find("confidence");
  const auto t = node.find("t");
  if (confidence.has_value() == t.has_value())
    return node.error("'sample' needs either confidence or t beside margin");
  if (confidence) {
    QFI_TRY(sample.confidence, fraction(*confidence));
    sample.t = normal_quantile(*sample.confidence);
  } else {
    QFI_TRY(sample.t, t->number(0.01, 100.0));
  }
  QFI_CHECK(read_choice(node, "rounding", k_rounding, sample.rounding));
  QFI_CHECK(read_choice(node, "scheme", k_schemes, sample.scheme));
  QFI_CHECK(read_choice(node, "small", k_small, sample.small));
  if (const auto p = node.find("p")) {
    if (sample.scheme == SampleScheme::data_aware || sample.scheme == SampleScheme::data_aware_weights)
      return p->error("a data-aware scheme finds p for each bit; leave 'p' out");
    QFI_TRY(sample.p, fraction(*p));
  }
  return sample;
}

Result<SampleConfig> read_count(const YamlNode& node, const YamlNode& count) {
  QFI_CHECK(node.check_keys({"count", "scheme", "small"}));
  SampleCount sample;
  QFI_TRY(sample.count, count.number(std::uint64_t{1}, k_most));
  QFI_CHECK(read_choice(node, "scheme", k_schemes, sample.scheme));
  QFI_CHECK(read_choice(node, "small", k_small, sample.small));
  return sample;
}

Result<SampleSequential> read_sequential(const YamlNode& node, const YamlNode& half_width) {
  QFI_CHECK(node.check_keys({"half_width", "metric", "minimum", "maximum", "scheme"}));
  SampleSequential sample;
  QFI_TRY(sample.half_width, fraction(half_width));
  QFI_CHECK(read_choice(node, "metric", k_stop_metrics, sample.metric));
  constexpr std::uint64_t k_least = 30;
  QFI_CHECK(read_number(node, "minimum", k_least, k_most, sample.minimum));
  const std::uint64_t least = node.find("minimum") ? sample.minimum : k_least;
  QFI_CHECK(read_number(node, "maximum", least, k_most, sample.maximum));
  if (sample.maximum != 0) sample.minimum = std::min(sample.minimum, sample.maximum);
  QFI_CHECK(read_choice(node, "scheme", k_schemes, sample.scheme));
  return sample;
}

Result<SampleConfig> read_error_rate(const YamlNode& node, const YamlNode& rate) {
  QFI_CHECK(node.check_keys({"ber", "draws", "draw"}));
  SampleErrorRate sample;
  for (const YamlNode& item : rate.is_list() ? rate.items() : std::vector{rate}) {
    QFI_TRY(sample.rates.emplace_back(), item.number(0.0, 1.0));
  }
  if (sample.rates.empty()) return rate.error("'ber' is empty");
  QFI_CHECK(read_choice(node, "draw", k_draws, sample.how));
  const auto draws = node.find("draws");
  if (!draws || !draws->is_map()) {
    QFI_CHECK(read_number(node, "draws", std::uint64_t{1}, std::uint64_t{100'000'000}, sample.draws));
    return sample;
  }
  QFI_CHECK(draws->check_keys({"half_width", "metric", "minimum", "maximum"}));
  QFI_TRY(const YamlNode half_width, draws->at("half_width"));
  QFI_CHECK(draws->at("maximum"));  // a rate may never be known as well as asked
  QFI_TRY(sample.until, read_sequential(*draws, half_width));
  if (!draws->find("metric")) sample.until->metric = StopMetric::faulty_accuracy;
  sample.draws = sample.until->minimum;
  return sample;
}

// "90s", "30m", "2h".
Result<SampleConfig> read_budget(const YamlNode& node, const YamlNode& budget) {
  QFI_CHECK(node.check_keys({"budget", "scheme"}));
  SampleBudget sample;
  QFI_TRY(sample.text, budget.text());
  const char* last = sample.text.data() + sample.text.size();
  const auto parsed = std::from_chars(sample.text.data(), last, sample.seconds);
  const std::string unit(parsed.ptr, last);
  const double factor = unit == "s" ? 1 : unit == "m" || unit == "min" ? 60 : unit == "h" ? 3600 : 0;
  sample.seconds *= factor;
  if (parsed.ec != std::errc() || !(sample.seconds >= 1.0 && sample.seconds <= 1e9))
    return budget.error("'budget' is a time of at least a second, e.g. 90s, 30m, 2h");
  QFI_CHECK(read_choice(node, "scheme", k_schemes, sample.scheme));
  return sample;
}

Result<SampleConfig> read_genetic(const YamlNode& node, const YamlNode& population) {
  QFI_CHECK(node.check_keys({"genetic", "flips", "mutation", "patience", "generations"}));
  SampleGenetic sample;
  constexpr std::uint64_t k_most_individuals = 1'000'000;
  QFI_TRY(sample.population, population.number(std::uint64_t{2}, k_most_individuals));
  QFI_CHECK(read_number(node, "flips", std::uint64_t{1}, std::uint64_t{10'000}, sample.flips));
  QFI_CHECK(read_number(node, "mutation", 0.0, 1.0, sample.mutation));
  QFI_CHECK(read_number(node, "patience", std::uint64_t{1}, k_most_individuals, sample.patience));
  QFI_CHECK(read_number(node, "generations", std::uint64_t{1}, k_most_individuals, sample.generations));
  return sample;
}

Json json_of(const SampleExhaustive&) { return "exhaustive"; }
Json json_of(const SampleGenetic& sample) {
  return {{"genetic", sample.population},
          {"flips", sample.flips},
          {"mutation", sample.mutation},
          {"patience", sample.patience},
          {"generations", sample.generations}};
}
Json json_of(const SampleMargin& sample) {
  Json json = {{"margin", sample.margin},
               {"rounding", name_in(k_rounding, sample.rounding)},
               {"small", name_in(k_small, sample.small)},
               {"scheme", name_in(k_schemes, sample.scheme)}};
  if (sample.scheme != SampleScheme::data_aware && sample.scheme != SampleScheme::data_aware_weights)
    json["p"] = sample.p;
  if (sample.confidence) json["confidence"] = *sample.confidence;
  else json["t"] = sample.t;
  return json;
}
Json json_of(const SampleCount& sample) {
  return {{"count", sample.count},
          {"scheme", name_in(k_schemes, sample.scheme)},
          {"small", name_in(k_small, sample.small)}};
}
Json json_of(const SampleList& sample) { return {{"list", sample.file.text}}; }
Json json_of(const SampleSequential& sample) {
  return {{"half_width", sample.half_width},
          {"metric", name_in(k_stop_metrics, sample.metric)},
          {"minimum", sample.minimum},
          {"maximum", sample.maximum},
          {"scheme", name_in(k_schemes, sample.scheme)}};
}
Json json_of(const SampleErrorRate& sample) {
  Json json = {{"ber", sample.rates}, {"draws", sample.draws}, {"draw", name_in(k_draws, sample.how)}};
  if (sample.until) {
    json["draws"] = json_of(*sample.until);
    json["draws"].erase("scheme");
  }
  return json;
}
Json json_of(const SampleBudget& sample) {
  return {{"budget", sample.text}, {"scheme", name_in(k_schemes, sample.scheme)}};
}

}  // namespace

Result<SampleConfig> read_sample(const ConfigReader& reader, const YamlNode& node) {
  if (node.is_scalar()) {
    QFI_TRY(const std::string text, node.text());
    if (text == "exhaustive") return SampleExhaustive{};
    return node.error(
        "'sample' is 'exhaustive' or one of {{margin: .., confidence: ..}}, {{count: n}}, {{list: file}}, "
        "{{ber: r}}, {{half_width: w}}, {{budget: 2h}}, {{genetic: n}}");
  }
  const std::vector<std::string> kinds = {"margin",     "count",  "list",   "ber",
                                          "half_width", "budget", "genetic"};
  QFI_CHECK(node.check_keys({"margin",     "confidence", "t",        "p",          "rounding", "scheme",
                             "small",      "count",      "list",     "ber",        "draws",    "draw",
                             "half_width", "metric",     "minimum",  "maximum",    "budget",   "genetic",
                             "flips",      "mutation",   "patience", "generations"}));
  const auto given =
      std::ranges::count_if(kinds, [&](const std::string& kind) { return node.find(kind).has_value(); });
  if (given != 1) return node.error("'sample' needs exactly one of {}", fmt::join(kinds, ", "));
  if (const auto margin = node.find("margin")) return read_margin(node, *margin);
  if (const auto count = node.find("count")) return read_count(node, *count);
  if (const auto rate = node.find("ber")) return read_error_rate(node, *rate);
  if (const auto half_width = node.find("half_width")) {
    QFI_TRY(SampleConfig sample, read_sequential(node, *half_width));
    return sample;
  }
  if (const auto budget = node.find("budget")) return read_budget(node, *budget);
  if (const auto genetic = node.find("genetic")) return read_genetic(node, *genetic);
  QFI_CHECK(node.check_keys({"list"}));
  QFI_TRY(const YamlNode list, node.at("list"));
  QFI_TRY(ConfigPath file, reader.path(list));
  return SampleList{std::move(file)};
}

nlohmann::json sample_json(const SampleConfig& sample) {
  return std::visit([](const auto& chosen) { return json_of(chosen); }, sample);
}

}  // namespace qfi
