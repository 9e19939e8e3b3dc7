// SPDX-License-Identifier: Apache-2.0
// Images and labels as command line options.
#pragma once

#include <string>
#include <vector>

#include "command.hpp"
#include "qfi/campaign/config.hpp"

namespace qfi::cli {

struct DataOptions {
  std::string data;
  std::string format;  ///< empty: by the file's name
  std::string labels;
  std::vector<std::string> arrays;
  std::string select = "all";
  int label_offset = 0;
  std::optional<int> ignore_label;
  std::string color = "as_stored";
  std::string crop;
  std::string resize;
  std::vector<double> scale;
  std::vector<double> mean;
  bool reverse_channels = false;
  std::vector<std::string> defines;
};

void add_data_options(CLI::App& command, DataOptions& options);

/// What the options say; a .yaml file says it all itself.
Result<DataAndInput> read_data_options(const DataOptions& options);

}  // namespace qfi::cli
