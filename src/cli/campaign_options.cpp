// SPDX-License-Identifier: Apache-2.0
#include "campaign_options.hpp"

#include <cstdlib>

#include "logging.hpp"
#include "qfi/workload/golden_check.hpp"

namespace qfi::cli {

void add_campaign_options(CLI::App& command, CampaignOptions& options) {
  command.add_option("config", options.config, "campaign config")->required()->type_name("FILE.yaml");
  command
      .add_option("--define", options.defines,
                  "value of ${NAME} in the config's paths; else the environment's")
      ->type_name("NAME=VALUE");
  command.add_option("--threads", options.threads, "threads (default: as the config says, else all cores)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  add_kernels_option(command, options.kernels);
  add_model_memory_option(command, options.model_memory);
  add_data_memory_option(command, options.data_memory);
}

void add_cache_option(CLI::App& command, std::string& cache) {
  command.add_option("--cache", cache, "folder of compiled Verilator models")
      ->capture_default_str()
      ->type_name("FOLDER");
}

Result<std::vector<std::pair<std::string, std::string>>> parse_defines(
    const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> defines;
  for (const std::string& define : texts) {
    const auto equals = define.find('=');
    if (equals == std::string::npos || equals == 0)
      return bad_input("--define {}: write it as NAME=VALUE", define);
    defines.emplace_back(define.substr(0, equals), define.substr(equals + 1));
  }
  return defines;
}

void add_shard_option(CLI::App& command, std::string& shard, const std::string& description) {
  command.add_option("--shard", shard, description)->type_name("I/N");
}

Result<Shard> shard_of(const std::string& text) {
  if (text.empty()) return Shard{};
  const std::optional<Shard> shard = parse_shard(text);
  if (!shard) return bad_input("--shard {}: write it as I/N, 1 <= I <= N <= {}", text, k_most_shards);
  return *shard;
}

Result<ConfigParams> config_params(const std::vector<std::string>& texts) {
  QFI_TRY(const auto pairs, parse_defines(texts));
  std::map<std::string, std::string> defines;
  for (const auto& [name, value] : pairs) defines[name] = value;
  ConfigParams params;
  params.variable = [defines = std::move(defines)](const std::string& name) -> std::optional<std::string> {
    if (const auto found = defines.find(name); found != defines.end()) return found->second;
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
  return params;
}

Result<CampaignConfig> load_config(const CampaignOptions& options) {
  QFI_TRY(const ConfigParams params, config_params(options.defines));
  QFI_TRY(CampaignConfig config, read_campaign_config(options.config, params));
  config.data.max_bytes = options.data_memory;
  return config;
}

unsigned thread_count(const CampaignOptions& options, const CampaignConfig& config) {
  if (options.threads > 0) return options.threads;
  return config.threads.value_or(default_threads());
}

Result<Plan> load_plan(CampaignConfig config, const PlanParams& params) {
  QFI_TRY(Plan plan, make_plan(std::move(config), params));
  log_warnings(plan.workload->program->model());
  if (!plan.workload->task->has_accuracy())
    log(LogLevel::info, fmt::format("{}: no labels, so classes are compared with the golden run's alone",
                                    plan.config.data.images.path.string()));
  for (const std::string& warning : golden_warnings(*plan.workload, plan.config.data.golden))
    log(LogLevel::warning, warning);
  return plan;
}

}  // namespace qfi::cli
