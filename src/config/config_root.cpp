// SPDX-License-Identifier: Apache-2.0
// The keys of a whole config.
#include "config_keys.hpp"
#include "values.hpp"

namespace qfi {
namespace {

bool is_never_written() { return false; }

Result<void> fill_in_input(const YamlNode&, InputScaling& input) {
  if (input.scales() && input.scale.empty()) input.scale = {1.0};
  if (input.scales() && input.mean.empty()) input.mean = {0.0};
  return {};
}

KeyTable metric_keys(Metric& metric) {
  constexpr double k_large = 1e30;
  return {
      {.name = "tensor",
       .value = text(metric.tensor),
       .sentence =
           "Scores are read from the first output (`output`) or from the tensor of this name, for example "
           "from the logits before a softmax.",
       .example = "logits"},
      {.name = "threshold",
       .value =
           maybe(metric.threshold, [](double& threshold) { return number(threshold, -k_large, k_large); }),
       .default_text = "0.5",
       .is_written = [&metric] { return metric.threshold.has_value(); },
       .sentence = "Of an output of one value, such as a sigmoid's, class 1 is what lies above this real "
                   "number, class 0 the rest.",
       .example = "0.3"}};
}

KeyTable interval_keys(IntervalConfig& interval) {
  return {
      {.name = "confidence",
       .value = fraction(interval.confidence),
       .is_required = true,
       .sentence = "Intervals of the results hold the true value with this probability; it is apart from the "
                   "confidence that sizes the sample.",
       .example = "0.95"},
      {.name = "rows",
       .value = choice(interval.rows, k_row_intervals),
       .sentence =
           "Each row of a table by layer or bit has an interval of that confidence (`each`), or wider ones, "
           "which hold `together` with that confidence (Bonferroni).",
       .example = "together"}};
}

Key sample_key(std::optional<SampleConfig>& sample) {
  return {
      .name = "sample",
      .value = maybe(sample, sample_value),
      .sentence =
          "Faults of entries without a `sample` of their own are drawn like this: without replacement, each "
          "a function of seed, set, stratum and index, so that a longer draw begins with a shorter one.",
      .example = "{margin: 0.03, confidence: 0.99}"};
}

// The images of a fault, or that a pilot finds their number.
Value images_of_a_fault(std::optional<std::uint64_t>& images) {
  const Value count =
      maybe(images, [](std::uint64_t& n) { return number(n, std::uint64_t{1}, std::uint64_t{1'000'000}); });
  return {.read = [&images, count](const ConfigReader& reader, const YamlNode& node) -> Result<void> {
            if (const auto text = node.text(); node.is_scalar() && text && *text == "auto") {
              images.reset();
              return {};
            }
            return count.read(reader, node);
          },
          .json = [&images] { return images ? Json(*images) : Json("auto"); },
          .describe =
              [count](KeyDoc& doc) {
                count.describe(doc);
                const std::vector<Schema> numbers = doc.schema;
                describe_words({"auto"})(doc);
                doc.schema.insert(doc.schema.end(), numbers.begin(), numbers.end());
                doc.type = "word, or whole number";
                doc.allowed.emplace_back("at least 1");
              }};
}

KeyTable set_keys(CampaignConfig& config, std::optional<SampleConfig>& sample) {
  return {
      {.name = "faults",
       .value = faults_value(config.faults),
       .is_required = true,
       .sentence =
           "Each entry is a set of faults with a population of its own; sets of all kinds may stand side by "
           "side.",
       .example = "[{kind: bit_flip, target: weights}]"},
      sample_key(sample),
      {.name = "design",
       .value = one_of({word<DesignCrossed>(config.design.kind, "crossed"),
                        word<DesignPaired>(config.design.kind, "paired"),
                        form<DesignNested>(config.design.kind, "nested: n")}),
       .sentence = "Every fault meets every image (`crossed`) or a few random images of its own (`nested`), "
                   "or faults "
                   "of stored bits are drawn anew for each image (`paired`).",
       .example = "{nested: auto}"}};
}

KeyTable run_keys(CampaignConfig& config) {
  return {
      {.name = "interval",
       .value = map(interval_keys(config.interval)),
       .sentence = "This map is about the intervals of the results.",
       .example = "{confidence: 0.99}"},
      {.name = "verify",
       .value = number(config.verify, std::uint64_t{0}, std::uint64_t{1'000'000}),
       .unit = "tables",
       .sentence = "Verilator checks this many of the product tables again.",
       .example = "0"},
      {.name = "threads",
       .value = maybe(config.threads, [](unsigned& threads) { return number(threads, 1U, 4096U); }),
       .default_text = "all cores",
       .is_written = is_never_written,
       .sentence = "So many threads run; results do not depend on it.",
       .example = "2"},
      {.name = "output",
       .value = output_path(config.output),
       .is_required = true,
       .is_written = is_never_written,
       .sentence =
           "Results are written into this folder; a relative path starts at the current folder, where all "
           "others start at the config's.",
       .example = "results"}};
}

}  // namespace

KeyTable keys_of(DesignNested& design) {
  return {{.name = "nested",
           .value = images_of_a_fault(design.images),
           .is_required = true,
           .unit = "images",
           .sentence =
               "Every fault meets this many random images of its own, or as many as a pilot run finds "
               "best (`auto`).",
           .example = "auto"}};
}

KeyTable keys_of(DataAndInput& config) {
  return {
      {.name = "data",
       .value = map_of(config.data),
       .is_required = true,
       .sentence =
           "This map says where images and labels lie, which of them are used, and what is done to pixels.",
       .example = "{format: npy, images: images.npy, labels: labels.npy}"},
      {.name = "input",
       .value = map_of(config.input, fill_in_input),
       .sentence =
           "Inputs are scale * (pixel - mean); without scale and mean, pixel v is the v-th code of the "
           "input's type (of FLOAT32: v itself; arrays of INT8 and INT16 hold the codes).",
       .example = "{scale: 0.0078125, mean: 128}"},
      {.name = "metric",
       .value = map(metric_keys(config.metric)),
       .sentence = "This map is about what is read from the network.",
       .example = "{tensor: output}"},
      {.name = "seed",
       .value = number(config.seed, std::uint64_t{0}, k_largest<std::uint64_t>),
       .sentence = "All random selections and draws follow from this number.",
       .example = "7"}};
}

KeyTable keys_of(CampaignConfig& config, std::optional<SampleConfig>& sample) {
  const Key model = {.name = "model",
                     .value = path(config.model),
                     .is_required = true,
                     .sentence = "The network is this `.tflite` file.",
                     .example = "model.tflite"};
  const Key signature = {.name = "signature",
                         .value = maybe(config.signature, [](std::string& name) { return text(name); }),
                         .default_text = "the file's first",
                         .is_written = [&config] { return config.signature.has_value(); },
                         .sentence = "Of a model with several signatures this one is run.",
                         .example = "serving_default"};
  return joined({{model, signature},
                 keys_of(static_cast<DataAndInput&>(config)),
                 set_keys(config, sample),
                 run_keys(config)});
}

FormDoc document_config() {
  CampaignConfig config;
  std::optional<SampleConfig> sample;
  KeyDoc root;
  describe_form(root, "", keys_of(config, sample));
  return std::move(root.forms.front());
}

}  // namespace qfi
