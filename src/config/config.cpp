// SPDX-License-Identifier: Apache-2.0
#include "qfi/config/config.hpp"

#include <set>

#include "config_keys.hpp"
#include "qfi/base/file.hpp"
#include "qfi/config/config_names.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_max_config_bytes = 1 << 20;

// What does not go together, whatever the model.
Result<void> check_sample(const YamlNode& entry, const FaultsConfig& faults, const Design& design) {
  const SampleTraits sample = traits_of(faults.sample);
  const auto* bits = std::get_if<BitFaultConfig>(&faults.model);
  if (design.is_paired() && bits == nullptr)
    return entry.error("design: paired is for faults of stored bits");
  if (design.is_nested() && sample.is_search) return entry.error("a genetic search is crossed, not nested");
  if (design.is_nested() && sample.list && !design.nested_images())
    return entry.error("a list is no sample to find the number of images by; say how many a fault meets");
  if (design.is_nested() && sample.watches_single_faults)
    return entry.error(
        "a few images do not tell which faults are critical; design: crossed, or another metric");
  if (design.is_nested() && std::holds_alternative<TableConfig>(faults.model))
    return entry.error("design: nested is for many faults; a table of products is one");
  if (std::holds_alternative<TableConfig>(faults.model)) return {};
  if (bits == nullptr) {
    if (sample.is_search) return entry.error("a genetic search is for faults of stored bits");
    if (sample.scheme != SampleScheme::network || !sample.error_rates.empty())
      return entry.error("faults of a netlist are one stratum: the scheme is network");
    const auto& unit = std::get<StuckAtConfig>(faults.model);
    if (faults.raw_rate && (unit.simultaneous != 1 || !unit.bridges.empty()))
      return entry.error("'raw_rate' is a rate of single stuck-at faults");
    if (faults.raw_rate && int{faults.raw_rate->fit.has_value()} +
                                   int{faults.raw_rate->fit_per_um2.has_value()} +
                                   int{!faults.raw_rate->fit_by_cell.empty()} !=
                               1)
      return entry.error("'raw_rate' has one of 'fit_per_gate', 'fit_per_um2' and 'fit_by_cell'");
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
  if (sample.is_search && (bits->simultaneous != 1 || bits->models.size() != 1 || bits->compares_protection ||
                           faults.raw_rate || faults.weight))
    return entry.error(
        "a genetic search is of bit flips; leave 'simultaneous', 'kind: stuck_at', 'compare', 'raw_rate' and "
        "'weight' out");
  if (design.is_paired() && sample.is_decided_while_it_runs)
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

// Each entry gets its sample and its name.
Result<void> complete_entry(const YamlNode& root, const YamlNode& entry,
                            const std::optional<SampleConfig>& sample, std::size_t number,
                            FaultsConfig& faults) {
  if (std::holds_alternative<TableConfig>(faults.model)) {
    faults.sample = SampleExhaustive{};  // there is but one
  } else if (!entry.find("sample")) {
    if (!sample) return root.error("key 'sample' is missing in '{}'", root.name());
    faults.sample = *sample;
  }
  if (faults.name.empty()) faults.name = fmt::format("{} {}", kind_of(faults), number);
  return {};
}

Result<void> check_weights(const YamlNode& list, const std::vector<FaultsConfig>& sets) {
  const auto has_weight = [](const FaultsConfig& faults) { return faults.weight.has_value(); };
  const auto weighted = std::ranges::count_if(sets, has_weight);
  if (weighted > 0 && weighted < std::ssize(sets))
    return list.error("give every entry of 'faults' a weight, or none");
  if (std::ranges::all_of(sets, [](const FaultsConfig& faults) { return faults.weight == 0.0; }))
    return list.error("all weights are 0");
  return {};
}

Result<void> complete_fault_sets(const YamlNode& root, const std::optional<SampleConfig>& sample,
                                 CampaignConfig& config) {
  QFI_TRY(const YamlNode list, root.at("faults"));
  std::set<std::string> names;
  const std::vector<YamlNode> entries = list.items();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    FaultsConfig& faults = config.faults[i];
    QFI_CHECK(complete_entry(root, entries[i], sample, i, faults));
    QFI_CHECK(check_sample(entries[i], faults, config.design));
    if (!names.insert(faults.name).second)
      return entries[i].error("the name '{}' appears twice", faults.name);
  }
  return check_weights(list, config.faults);
}

Result<CampaignConfig> read_config(const ConfigReader& reader, const YamlNode& root) {
  CampaignConfig config;
  std::optional<SampleConfig> sample;
  QFI_CHECK(read_keys(reader, root, keys_of(config, sample)));
  QFI_CHECK(complete_fault_sets(root, sample, config));
  return config;
}

Result<DataAndInput> read_data_and_input(const ConfigReader& reader, const YamlNode& root) {
  CampaignConfig config;
  std::optional<SampleConfig> sample;
  QFI_CHECK(root.check_keys(names_of(keys_of(config, sample))));
  QFI_CHECK(read_values(reader, root, keys_of(static_cast<DataAndInput&>(config))));
  return static_cast<DataAndInput&>(config);
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
  CampaignConfig written = config;  // tables are bound to values that can be read too
  std::optional<SampleConfig> sample;
  return json_of(keys_of(written, sample)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace qfi
