// SPDX-License-Identifier: Apache-2.0
// Owns how Yosys is called, of whatever version. Verilog sources and a script go in; the files that the
// script writes lie in the folder afterwards.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

/// A source as Yosys sees it: a copy under its own name, so that messages and attributes name the file
/// without its folder.
struct YosysSource {
  std::string file;
  std::string sha256;
};

/// Copies the sources into `folder`/rtl. Errors: one that cannot be read, two of one name.
Result<std::vector<YosysSource>> copy_sources(const std::vector<std::filesystem::path>& sources,
                                              const std::filesystem::path& folder);

/// Reads the copied sources as SystemVerilog, or the only one as BLIF if its suffix says so (.blif), then
/// runs the script in `folder`. Errors: Yosys is missing, or its own message.
Result<void> run_yosys(const std::vector<YosysSource>& sources, const std::string& script,
                       const std::filesystem::path& folder);

/// The line with which Yosys names itself.
Result<std::string> yosys_version(const std::filesystem::path& folder);

/// How the script maps to two-input gates: `abc -fast` up to Yosys 0.67, which later versions lack, or the
/// same commands of ABC.
Result<std::string> fast_abc_command(const std::filesystem::path& folder);

/// Names go into a Yosys script: only plain identifiers pass. The error says what the name is of.
Result<void> check_identifier(const std::string& name, const char* what);

}  // namespace qfi
