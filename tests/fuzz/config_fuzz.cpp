// SPDX-License-Identifier: Apache-2.0
// Campaign configs.
#include "fuzz.hpp"
#include "qfi/config/config.hpp"

namespace qfi::fuzz {

void run(std::string_view input) {
  const auto file = write("config.yaml", input);
  const ConfigParams params{[](const std::string&) { return std::optional<std::string>("/nowhere"); }};
  const auto config = read_campaign_config(file, params);
  if (config) require(!canonical_config(*config).empty(), "a config has a canonical form");
  static_cast<void>(read_data_config(file, params));
}

}  // namespace qfi::fuzz
