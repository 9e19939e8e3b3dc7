// SPDX-License-Identifier: Apache-2.0
// A campaign's output folder: an earlier run's results there may be replaced, anything else not.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "qfi/results/fault_files.hpp"

namespace qfi::cli {

class OutputFolder {
 public:
  /// Makes the folder. Error: it holds a file that a campaign writes, but not one that qfi wrote: a
  /// results.json or run.json of another program, a fault table that results.json does not name with its
  /// hash.
  static Result<OutputFolder> open(const std::filesystem::path& path);

  /// Removes the earlier run's tables, then puts results.json, the tables and run.json here, each whole, in
  /// this order: a table never stands here that no results name.
  Result<void> write(const std::string& results, std::vector<SetFiles>& tables, const std::string& run) const;

  const std::filesystem::path& path() const { return m_path; }
  std::filesystem::path file(const std::string& name) const { return m_path / name; }

 private:
  explicit OutputFolder(std::filesystem::path path) : m_path(std::move(path)) {}
  std::filesystem::path m_path;
  std::vector<std::string> m_old_tables;
};

}  // namespace qfi::cli
