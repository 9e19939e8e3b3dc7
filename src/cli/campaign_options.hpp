// SPDX-License-Identifier: Apache-2.0
// The options that `campaign` and `plan` share.
#pragma once

#include <string>
#include <vector>

#include "command.hpp"
#include "qfi/campaign/plan.hpp"

namespace qfi::cli {

struct CampaignOptions {
  std::string config;
  std::vector<std::string> defines;
  unsigned threads = 0;  ///< 0: as the config says, else all
  KernelSet kernels = KernelSet::fast;
  DeviceParams device;
  std::uint64_t model_memory = k_model_memory;
  std::uint64_t data_memory = k_data_memory;
  bool json = false;
  std::string cache = default_cache().string();
};

void add_campaign_options(CLI::App& command, CampaignOptions& options);
/// `--cache`, for commands that look at Verilator's models.
void add_cache_option(CLI::App& command, std::string& cache);

/// The config with `${NAME}` from --define, else from the environment.
Result<CampaignConfig> load_config(const CampaignOptions& options);

/// Logs the model's warnings.
Result<Plan> load_plan(CampaignConfig config, const PlanParams& params);

/// NAME=VALUE texts.
Result<std::vector<std::pair<std::string, std::string>>> parse_defines(const std::vector<std::string>& texts);

void add_shard_option(CLI::App& command, std::string& shard, const std::string& description);
/// Of that option; empty: the whole.
Result<Shard> shard_of(const std::string& text);

/// `${NAME}` from NAME=VALUE texts, else from the environment.
Result<ConfigParams> config_params(const std::vector<std::string>& defines);

unsigned thread_count(const CampaignOptions& options, const CampaignConfig& config);

}  // namespace qfi::cli
