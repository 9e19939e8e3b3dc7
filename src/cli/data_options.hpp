// SPDX-License-Identifier: Apache-2.0
// Images and labels as command line options.
#pragma once

#include <string>
#include <vector>

#include "command.hpp"
#include "qfi/config/config.hpp"

namespace qfi::cli {

struct DataOptions {
  std::string path;
  std::optional<DataFormat> format;  ///< none: by the path's name
  std::string labels;
  std::vector<std::string> arrays;
  std::string select = "all";
  std::string crop;
  std::string resize;
  DataConfig data;  ///< what needs no parsing of ours
  InputScaling input;
  Metric metric;
  std::uint64_t seed = 1;
  std::vector<std::string> defines;
  std::vector<const CLI::Option*> not_with_config;  ///< options that a .yaml replaces
};

void add_data_options(CLI::App& command, DataOptions& options);

/// What the options say; a .yaml file says it all itself.
Result<DataAndInput> read_data_options(const DataOptions& options);

}  // namespace qfi::cli
