// SPDX-License-Identifier: Apache-2.0
// What the parts of a config are read with.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "qfi/config/config.hpp"
#include "yaml_reader.hpp"

namespace qfi {

class ConfigReader {
 public:
  ConfigReader(std::filesystem::path folder, const ConfigParams& params)
      : m_folder(std::move(folder)), m_params(params) {}

  /// With `${NAME}` replaced; relative to the config's folder.
  Result<ConfigPath> path(const YamlNode& node) const { return path(node, m_folder); }
  /// Relative to `folder`.
  Result<ConfigPath> path(const YamlNode& node, const std::filesystem::path& folder) const;

 private:
  std::filesystem::path m_folder;
  const ConfigParams& m_params;
};

template <class T>
Result<void> read_number(const YamlNode& parent, const std::string& key, T smallest, T largest, T& value) {
  if (const auto node = parent.find(key)) {
    QFI_TRY(value, node->number(smallest, largest));
  }
  return {};
}

template <class T>
Result<void> read_choice(const YamlNode& parent, const std::string& key,
                         const std::vector<std::pair<std::string, T>>& choices, T& value) {
  if (const auto node = parent.find(key)) {
    QFI_TRY(value, node->choice(choices));
  }
  return {};
}

/// A list, each entry once, of one of the named values.
template <class T>
Result<void> read_choices(const YamlNode& parent, const std::string& key,
                          const std::vector<std::pair<std::string, T>>& choices, std::vector<T>& values) {
  const auto node = parent.find(key);
  if (!node) return {};
  if (!node->is_list() || node->items().empty())
    return node->error("'{}' must be a list, e.g. [{}]", key, choices.front().first);
  values.clear();
  for (const YamlNode& item : node->items()) {
    QFI_TRY(const T chosen, item.choice(choices));
    if (std::ranges::find(values, chosen) == values.end()) values.push_back(chosen);
  }
  std::ranges::sort(values);
  return {};
}

/// Strictly between 0 and 1.
Result<double> fraction(const YamlNode& node);

// Each file reads one part and gives it back as canonical JSON.
Result<DataConfig> read_data(const ConfigReader& reader, const YamlNode& node);
Result<InputScaling> read_input(const YamlNode& node);
nlohmann::json data_json(const DataConfig& data);

Result<FaultsConfig> read_faults(const ConfigReader& reader, const YamlNode& entry);
nlohmann::json faults_json(const FaultsConfig& faults);

Result<SampleConfig> read_sample(const ConfigReader& reader, const YamlNode& node);
nlohmann::json sample_json(const SampleConfig& sample);

}  // namespace qfi
