// SPDX-License-Identifier: Apache-2.0
// The key `sample` of a config or of an entry of `faults`.
#include <charconv>

#include "config_keys.hpp"
#include "values.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_least_sequential = 30;

Key scheme_key(SampleScheme& scheme) {
  return {
      .name = "scheme",
      .value = choice(scheme, k_schemes),
      .sentence =
          "Faults are drawn in each of these strata: `network` is one, `layer` one a layer, `bit` one a "
          "tensor and bit; `data_aware` is by bit with p(i) from 2^i, `data_aware_weights` with p(i) from "
          "how far a flip of bit i moves the weights, which is the way for FLOAT32.",
      .example = "layer"};
}

bool is_data_aware(SampleScheme scheme) {
  return scheme == SampleScheme::data_aware || scheme == SampleScheme::data_aware_weights;
}

Key confidence_key(SampleMargin& sample) {
  return {.name = "confidence",
          .value = maybe(sample.confidence, [](double& confidence) { return fraction(confidence); }),
          .sentence =
              "The margin holds with this probability; it stands for t, which is its quantile of the normal "
              "distribution.",
          .example = "0.99"};
}

Key t_key(SampleMargin& sample) {
  return {.name = "t",
          .value = number(sample.t, 0.01, 100.0),
          .unit = "standard deviations",
          .default_text = "that of confidence",
          .is_written = [&sample] { return !sample.confidence; },
          .sentence = "The margin is this many standard deviations wide; either t or confidence is given.",
          .example = "1.96"};
}

Key p_key(SampleMargin& sample) {
  return {.name = "p",
          .value = fraction(sample.p),
          .refusal =
              [&sample] {
                return is_data_aware(sample.scheme)
                           ? "a data-aware scheme finds p for each bit; leave 'p' out"
                           : "";
              },
          .sentence =
              "The sample is sized for this share of critical faults; 0.5 asks for the most, and data-aware "
              "schemes find it for each bit.",
          .example = "0.5"};
}

Result<void> check_margin(const YamlNode& node, SampleMargin& sample) {
  if (sample.confidence.has_value() == node.find("t").has_value())
    return node.error("'sample' needs either confidence or t beside margin");
  if (sample.confidence) sample.t = normal_quantile(*sample.confidence);
  return {};
}

Key half_width_key(SampleSequential& sample) {
  return {
      .name = "half_width",
      .value = fraction(sample.half_width),
      .is_required = true,
      .sentence =
          "Faults are drawn until half the interval of the metric is at most this; each look adds a tenth.",
      .example = "0.01"};
}

Key metric_key(SampleSequential& sample) {
  return {.name = "metric",
          .value = choice(sample.metric, k_stop_metrics),
          .sentence = "The interval of this metric is watched.",
          .example = "faulty_accuracy"};
}

Key minimum_key(SampleSequential& sample) {
  return {.name = "minimum",
          .value = number(sample.minimum, k_least_sequential, k_largest<std::uint64_t>),
          .unit = "faults",
          .sentence = "The first look at the interval is after this many faults.",
          .example = "200"};
}

Key maximum_key(SampleSequential& sample) {
  return {.name = "maximum",
          .value = number(sample.maximum, k_least_sequential, k_largest<std::uint64_t>),
          .unit = "faults",
          .sentence = "Drawing ends after this many faults, however wide the interval is.",
          .example = "1000"};
}

Result<void> check_sequential(const YamlNode& node, SampleSequential& sample) {
  const auto maximum = node.find("maximum");
  if (!maximum) return {};
  if (node.find("minimum")) QFI_CHECK(maximum->number(sample.minimum, k_largest<std::uint64_t>));
  sample.minimum = std::min(sample.minimum, sample.maximum);
  return {};
}

// A rate may never be known as well as asked, so that a maximum is needed.
KeyTable until_keys(SampleSequential& until) {
  Key maximum = maximum_key(until);
  maximum.is_required = true;
  return {half_width_key(until), metric_key(until), minimum_key(until), maximum};
}

SampleSequential unset_until() {
  SampleSequential until;
  until.metric = StopMetric::faulty_accuracy;
  return until;
}

// A number, or when to end.
Value draws_value(SampleErrorRate& sample) {
  const Value fixed = number(sample.draws, std::uint64_t{1}, std::uint64_t{100'000'000});
  return {
      .read = [&sample, fixed](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
        if (!node.is_map()) return fixed.read(reader, node);
        sample.until = unset_until();
        QFI_CHECK(read_keys(reader, node, until_keys(*sample.until)));
        QFI_CHECK(check_sequential(node, *sample.until));
        sample.draws = sample.until->minimum;
        return {};
      },
      .json = [&sample] { return sample.until ? json_of(until_keys(*sample.until)) : Json(sample.draws); },
      .describe =
          [fixed](KeyDoc& doc) {
            SampleSequential until = unset_until();
            fixed.describe(doc);
            doc.type = "whole number, or map";
            doc.allowed.emplace_back("{half_width: w, maximum: n}");
            describe_form(doc, "half_width", until_keys(until));
          }};
}

constexpr const char* k_budget_usage = "a time of at least a second, e.g. 90s, 30m, 2h";

double seconds_in(const std::string& unit) {
  return unit == "s" ? 1 : unit == "m" || unit == "min" ? 60 : unit == "h" ? 3600 : 0;
}

Value budget_value(SampleBudget& sample) {
  return {.read = [&sample](const ConfigReader&, const YamlNode& node) -> Result<void> {
            QFI_TRY(sample.text, node.text());
            const char* last = sample.text.data() + sample.text.size();
            const auto parsed = std::from_chars(sample.text.data(), last, sample.seconds);
            sample.seconds *= seconds_in(std::string(parsed.ptr, last));
            if (parsed.ec != std::errc() || !(sample.seconds >= 1.0 && sample.seconds <= 1e9))
              return node.error("'budget' is {}", k_budget_usage);
            return {};
          },
          .json = [&sample] { return Json(sample.text); },
          .describe = describe_as("time", {k_budget_usage},
                                  {{{"type", "string"}, {"pattern", "^[0-9.e+]+(s|m|min|h)$"}}})};
}

}  // namespace

KeyTable keys_of(SampleMargin& sample) {
  return {
      {.name = "margin",
       .value = fraction(sample.margin),
       .is_required = true,
       .sentence =
           "So many faults are drawn of each stratum that its share of critical faults is known to within "
           "this margin (e).",
       .example = "0.03"},
      confidence_key(sample),
      t_key(sample),
      {.name = "rounding",
       .value = choice(sample.rounding, k_rounding),
       .sentence = "The sample size is rounded up, or to the nearest whole number as some papers do.",
       .example = "nearest"},
      scheme_key(sample.scheme),
      recorded_constant(
          "small", choice(sample.small, k_small),
          "'small' belongs to 'count'; beside 'margin' a sample is never larger than its stratum"),
      p_key(sample)};
}

KeyTable keys_of(SampleCount& sample) {
  return {{.name = "count",
           .value = number(sample.count, std::uint64_t{1}, k_largest<std::uint64_t>),
           .is_required = true,
           .unit = "faults",
           .sentence = "This many faults are drawn of each stratum.",
           .example = "1000"},
          scheme_key(sample.scheme),
          {.name = "small",
           .value = choice(sample.small, k_small),
           .sentence = "A stratum smaller than `count` is an error, or is taken whole.",
           .example = "exhaustive"}};
}

KeyTable keys_of(SampleList& sample) {
  return {{.name = "list",
           .value = path(sample.file),
           .is_required = true,
           .sentence = "The faults of this file are run: for a netlist a CSV with the header `site,stuck_at` "
                       "or `fault`, or a "
                       "test pattern generator's list; for stored bits a CSV with the header "
                       "`fault,layer,element,stored_bit` and optional `stage` and `model`, where lines with "
                       "one fault number "
                       "are one fault.",
           .example = "faults.csv"}};
}

KeyTable keys_of(SampleErrorRate& sample) {
  return {
      {.name = "ber",
       .value = number_or_numbers(sample.rates, 0.0, 1.0),
       .is_required = true,
       .unit = "flips per stored bit",
       .sentence =
           "At each of these bit error rates, every draw is one fault of as many flips as the stored bits "
           "get.",
       .example = "[1e-4, 1e-3]"},
      {.name = "draws",
       .value = draws_value(sample),
       .unit = "draws of each rate",
       .sentence = "Each rate is drawn this often, or until its interval is narrow enough.",
       .example = "{half_width: 0.01, maximum: 1000}"},
      {.name = "draw",
       .value = choice(sample.how, k_draws),
       .sentence =
           "The number of flips is drawn too (`binomial`), or is the expected one, rounded (`fixed`).",
       .example = "fixed"}};
}

KeyTable keys_of(SampleSequential& sample) {
  Key maximum = maximum_key(sample);
  maximum.default_text = "the population";
  return {half_width_key(sample), metric_key(sample), minimum_key(sample), maximum,
          scheme_key(sample.scheme)};
}

KeyTable keys_of(SampleBudget& sample) {
  return {{.name = "budget",
           .value = budget_value(sample),
           .is_required = true,
           .sentence =
               "As many faults are drawn as can be run in this time; the margin that they give is printed.",
           .example = "2h"},
          scheme_key(sample.scheme)};
}

KeyTable keys_of(SampleGenetic& sample) {
  constexpr std::uint64_t k_most_individuals = 1'000'000;
  constexpr std::uint64_t k_one = 1;
  return {
      {.name = "genetic",
       .value = number(sample.population, std::uint64_t{2}, k_most_individuals),
       .is_required = true,
       .unit = "individuals",
       .sentence = "A genetic search with generations of this size looks for sets of bits that do most harm "
                   "together, until the order of the layers by their share of such bits stays.",
       .example = "40"},
      {.name = "flips",
       .value = number(sample.flips, k_one, std::uint64_t{10'000}),
       .unit = "bits",
       .sentence = "An individual is a set of this many flips.",
       .example = "20"},
      {.name = "mutation",
       .value = number(sample.mutation, 0.0, 1.0),
       .sentence = "This share of an individual's bits is drawn anew.",
       .example = "0.1"},
      {.name = "patience",
       .value = number(sample.patience, k_one, k_most_individuals),
       .unit = "generations",
       .sentence = "The search ends after this many generations without a change of the layers' order.",
       .example = "5"},
      {.name = "generations",
       .value = number(sample.generations, k_one, k_most_individuals),
       .unit = "generations",
       .sentence = "The search ends after this many generations at the latest.",
       .example = "50"}};
}

Value sample_value(SampleConfig& sample) {
  return one_of({word<SampleExhaustive>(sample, "exhaustive"),
                 form<SampleMargin>(sample, "margin: .., confidence: ..", check_margin),
                 form<SampleCount>(sample, "count: n"), form<SampleList>(sample, "list: file"),
                 form<SampleErrorRate>(sample, "ber: r"),
                 form<SampleSequential>(sample, "half_width: w", check_sequential),
                 form<SampleBudget>(sample, "budget: 2h"), form<SampleGenetic>(sample, "genetic: n")});
}

}  // namespace qfi
