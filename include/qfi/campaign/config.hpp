// SPDX-License-Identifier: Apache-2.0
// CampaignConfig: one YAML file, read strictly. Unknown keys and wrong values are errors with
// line and column.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/data/data_config.hpp"
#include "qfi/engine/program.hpp"
#include "qfi/faults/sample_size.hpp"
#include "qfi/faults/stuck_at.hpp"
#include "qfi/tables/fault_tables.hpp"

namespace qfi {

/// `faults` entry of kind stuck_at.
struct StuckAtConfig {
  ConfigPath netlist;
  PortRoles roles;
  std::vector<OperatorKind> operators = {OperatorKind::conv_2d};
  std::vector<std::string> layers;  ///< operator indices or output tensor names; empty: all
  UnitParams unit;
  SiteKind sites = SiteKind::nets;
  PaddingTaps padding = PaddingTaps::skip;
};

struct SampleExhaustive {};
struct SampleMargin {
  double margin = 0;  ///< e
  std::optional<double> confidence;
  double t = 0;  ///< as given, or the quantile of the confidence
  double p = 0.5;
  Rounding rounding = Rounding::up;
};
struct SampleCount {
  std::uint64_t count;
};
struct SampleList {
  ConfigPath file;
};
using SampleConfig = std::variant<SampleExhaustive, SampleMargin, SampleCount, SampleList>;

struct CampaignConfig {
  ConfigPath model;
  DataConfig data;
  InputScaling input;
  StuckAtConfig faults;
  SampleConfig sample = SampleExhaustive{};
  std::string metric_tensor = "output";
  double interval_confidence = 0.95;
  std::uint64_t verify = 8;  ///< tables that Verilator checks again
  std::uint64_t seed = 1;
  std::optional<unsigned> threads;
  ConfigPath output;
};

struct ConfigParams {
  /// Value of a variable in `${NAME}`; nothing: not set.
  std::function<std::optional<std::string>(const std::string&)> variable;
};

/// Relative paths are relative to the config's folder, but `output`, and those that begin with a
/// variable, to the current one.
Result<CampaignConfig> read_campaign_config(const std::filesystem::path& path, const ConfigParams& params);

/// What a campaign config says about the images; its other keys must be known, no more. Labels may
/// be left out.
struct DataAndInput {
  DataConfig data;
  InputScaling input;
  std::string metric_tensor = "output";
  std::uint64_t seed = 1;
};
Result<DataAndInput> read_data_config(const std::filesystem::path& path, const ConfigParams& params);

/// The config as JSON text with all defaults filled in, keys sorted, without threads and output:
/// equal for configs that mean the same.
std::string canonical_config(const CampaignConfig& config);

}  // namespace qfi
