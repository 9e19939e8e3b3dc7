// SPDX-License-Identifier: Apache-2.0
// What paths in a config are read with.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

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

}  // namespace qfi
