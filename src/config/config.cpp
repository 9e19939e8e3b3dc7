// SPDX-License-Identifier: Apache-2.0
#include "qfi/config/config.hpp"

#include <limits>
#include <set>

#include "config_reader.hpp"
#include "qfi/base/file.hpp"
#include "qfi/config/config_names.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_max_config_bytes = 1 << 20;

const std::vector<std::string> k_keys = {"model",  "data",     "input",  "faults", "sample",  "design",
                                         "metric", "interval", "verify", "seed",   "threads", "output"};

Result<DataAndInput> read_data_and_input(const ConfigReader& reader, const YamlNode& root) {
  QFI_CHECK(root.check_keys(k_keys));
  DataAndInput result;
  QFI_TRY(const YamlNode data, root.at("data"));
  QFI_TRY(result.data, read_data(reader, data));
  if (const auto input = root.find("input")) {
    QFI_TRY(result.input, read_input(*input));
  }
  if (const auto metric = root.find("metric")) {
    QFI_CHECK(metric->check_keys({"tensor"}));
    QFI_TRY(const YamlNode tensor, metric->at("tensor"));
    QFI_TRY(result.metric_tensor, tensor.text());
  }
  QFI_CHECK(
      read_number(root, "seed", std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(), result.seed));
  return result;
}

// What does not go together, whatever the model.
Result<void> check_sample(const YamlNode& entry, const FaultsConfig& faults, Design design) {
  const SampleTraits sample = traits_of(faults.sample);
  const auto* bits = std::get_if<BitFaultConfig>(&faults.model);
  if (std::holds_alternative<TableConfig>(faults.model)) {
    if (design == Design::paired) return entry.error("design: paired is for faults of stored bits");
    return {};
  }
  if (bits == nullptr) {
    if (sample.is_search) return entry.error("a genetic search is for faults of stored bits");
    if (sample.scheme != SampleScheme::network || !sample.error_rates.empty())
      return entry.error("stuck-at faults of a netlist are one stratum: the scheme is network");
    if (design == Design::paired) return entry.error("design: paired is for faults of stored bits");
    return {};
  }
  if (!sample.error_rates.empty()) {
    if (bits->simultaneous != 1 || bits->models.size() != 1)
      return entry.error("'ber' draws how many bits flip; leave 'simultaneous' and 'kind: stuck_at' out");
    if (faults.raw_rate)
      return entry.error("'raw_rate' is a rate of single faults; it says nothing of a 'ber'");
    if (faults.weight && sample.error_rates.size() > 1)
      return entry.error("'weight' is of one population; a list of rates has several");
    if (bits->compares_protection)
      return entry.error("'compare: unprotected' needs single faults, not a 'ber'");
  }
  if (bits->simultaneous != 1 && faults.raw_rate)
    return entry.error("'raw_rate' is a rate of single faults, not of simultaneous ones");
  if (bits->simultaneous != 1 && sample.is_exhaustive)
    return entry.error("sets of simultaneous faults are too many for 'exhaustive'");
  if (sample.is_search && (bits->simultaneous != 1 || bits->models.size() != 1 || bits->compares_protection ||
                           faults.raw_rate || faults.weight))
    return entry.error(
        "a genetic search is of bit flips; leave 'simultaneous', 'kind: stuck_at', 'compare', 'raw_rate' and "
        "'weight' out");
  if (design == Design::paired && sample.is_decided_while_it_runs)
    return entry.error("design: paired draws a fixed sample for each image");
  if (sample.scheme == SampleScheme::data_aware_weights && bits->target == FaultTarget::data)
    return entry.error("data_aware_weights needs stored constants; for data use data_aware");
  return {};
}

std::string kind_of(const FaultsConfig& faults) {
  if (std::holds_alternative<TableConfig>(faults.model)) return "table";
  const auto* bits = std::get_if<BitFaultConfig>(&faults.model);
  return bits == nullptr ? "netlist" : name_in(k_targets, bits->target);
}

Result<void> read_fault_sets(const ConfigReader& reader, const YamlNode& root, CampaignConfig& config) {
  QFI_TRY(const YamlNode list, root.at("faults"));
  if (!list.is_list() || list.items().empty())
    return list.error("'faults' must be a list of at least one entry");
  const auto sample = root.find("sample");
  std::set<std::string> names;
  for (const YamlNode& entry : list.items()) {
    if (!entry.is_map()) return entry.error("an entry of 'faults' must be a map of keys and values");
    QFI_TRY(FaultsConfig faults, read_faults(reader, entry));
    const auto own = entry.find("sample");
    if (std::holds_alternative<TableConfig>(faults.model)) {
      faults.sample = SampleExhaustive{};  // there is but one
    } else {
      if (!own && !sample) return root.error("key 'sample' is missing in '{}'", root.name());
      QFI_TRY(faults.sample, read_sample(reader, own ? *own : *sample));
    }
    QFI_CHECK(check_sample(entry, faults, config.design));
    if (faults.name.empty()) faults.name = fmt::format("{} {}", kind_of(faults), config.faults.size());
    if (!names.insert(faults.name).second) return entry.error("the name '{}' appears twice", faults.name);
    config.faults.push_back(std::move(faults));
  }
  const auto has_weight = [](const FaultsConfig& faults) { return faults.weight.has_value(); };
  const auto weighted = std::ranges::count_if(config.faults, has_weight);
  if (weighted > 0 && weighted < std::ssize(config.faults))
    return list.error("give every entry of 'faults' a weight, or none");
  const auto weight_of = [](const FaultsConfig& faults) { return faults.weight.value_or(1.0); };
  if (std::ranges::all_of(config.faults, [&](const auto& faults) { return weight_of(faults) == 0.0; }))
    return list.error("all weights are 0");
  return {};
}

Result<CampaignConfig> read_config(const ConfigReader& reader, const YamlNode& root) {
  CampaignConfig config;
  QFI_TRY(static_cast<DataAndInput&>(config), read_data_and_input(reader, root));
  QFI_TRY(const YamlNode model, root.at("model"));
  QFI_TRY(config.model, reader.path(model));
  const bool needs_labels = config.data.format == DataFormat::idx || config.data.format == DataFormat::npy;
  if (needs_labels && config.data.labels.text.empty()) {
    QFI_TRY(const YamlNode node, root.at("data"));
    return node.error("key 'labels' is missing in 'data'");
  }
  QFI_CHECK(read_choice(root, "design", k_designs, config.design));
  QFI_CHECK(read_fault_sets(reader, root, config));
  if (const auto interval = root.find("interval")) {
    QFI_CHECK(interval->check_keys({"confidence"}));
    QFI_TRY(const YamlNode confidence, interval->at("confidence"));
    QFI_TRY(config.interval_confidence, fraction(confidence));
  }
  QFI_CHECK(read_number(root, "verify", std::uint64_t{0}, std::uint64_t{1'000'000}, config.verify));
  if (const auto threads = root.find("threads")) {
    QFI_TRY(config.threads, threads->number(1U, 4096U));
  }
  QFI_TRY(const YamlNode output, root.at("output"));
  QFI_TRY(config.output, reader.path(output, std::filesystem::path()));
  return config;
}

// Use: (reader, root node) -> Result.
template <class Value, class Use>
Result<Value> read_yaml(const std::filesystem::path& path, const ConfigParams& params, const Use& use) {
  QFI_TRY(const std::string text, read_file(path, k_max_config_bytes));
  const YamlFile file{path.string(), params.variable};
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return bad_input("{}:1:1: a campaign config is a map of keys and values", file.name);
    return use(ConfigReader(path.parent_path(), params), YamlNode(root, &file, "config"));
  } catch (const YAML::Exception& error) {
    return bad_input("{}:{}:{}: {}", file.name, error.mark.line + 1, error.mark.column + 1, error.msg);
  }
}

}  // namespace

Result<double> fraction(const YamlNode& node) {
  QFI_TRY(const double value, node.number(0.0, 1.0));
  if (value < 1e-9 || value > 1.0 - 1e-9) return node.error("'{}' must lie between 0 and 1", node.name());
  return value;
}

Result<ConfigPath> ConfigReader::path(const YamlNode& node, const std::filesystem::path& folder) const {
  QFI_TRY(const std::string text, node.text());
  std::string expanded;
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find("${", at);
    expanded += text.substr(at, open == std::string::npos ? open : open - at);
    if (open == std::string::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string::npos) return node.error("'{}': '${{' without '}}'", node.name());
    const std::string name = text.substr(open + 2, close - open - 2);
    const auto value = m_params.variable ? m_params.variable(name) : std::nullopt;
    if (!value)
      return node.error("'{}': the variable {} is not set; set it in the environment or with --define {}=..",
                        node.name(), name, name);
    expanded += *value;
    at = close + 1;
  }
  if (expanded.empty()) return node.error("'{}' is empty", node.name());
  // A variable's relative path is meant from where the command runs.
  return ConfigPath{text, text.starts_with("${") ? std::filesystem::path(expanded) : folder / expanded};
}

Result<CampaignConfig> read_campaign_config(const std::filesystem::path& path, const ConfigParams& params) {
  return read_yaml<CampaignConfig>(path, params, read_config);
}

Result<DataAndInput> read_data_config(const std::filesystem::path& path, const ConfigParams& params) {
  return read_yaml<DataAndInput>(path, params, read_data_and_input);
}

std::string canonical_config(const CampaignConfig& config) {
  nlohmann::json faults = nlohmann::json::array();
  for (const FaultsConfig& entry : config.faults) faults.push_back(faults_json(entry));
  nlohmann::json json = {{"model", config.model.text},
                         {"data", data_json(config.data)},
                         {"faults", faults},
                         {"design", name_in(k_designs, config.design)},
                         {"metric", {{"tensor", config.metric_tensor}}},
                         {"interval", {{"confidence", config.interval_confidence}}},
                         {"verify", config.verify},
                         {"seed", config.seed}};
  if (config.input.scales()) json["input"] = {{"scale", config.input.scale}, {"mean", config.input.mean}};
  if (config.input.reverse_channels) json["input"]["channels"] = "reversed";
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace qfi
