// SPDX-License-Identifier: Apache-2.0
// Owns where messages go that are no answer. What commands and libraries log goes in; lines on stderr and in
// the run.log of an output folder come out. On stderr a warning begins with "qfi: warning: ", an error with
// "qfi: ".
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>

#include "qfi/base/log.hpp"
#include "qfi/base/result.hpp"
#include "qfi/model/model.hpp"

namespace qfi::cli {

/// From here on qfi::log() is heard. Called once, first of all.
void start_logging();

/// --quiet, --verbose and --log-level: what stderr shows.
void add_log_options(CLI::App& command);

/// Whether stderr shows messages of this level.
bool is_shown(LogLevel level);

/// All messages of this program, those from before this call too, are added to folder/run.log, with time
/// (UTC) and level, whatever stderr shows. Error: a file of that name is there that qfi did not write, or it
/// cannot be written.
Result<void> open_run_log(const std::filesystem::path& folder);

/// What was odd about a model file, as warnings.
void log_warnings(const Model& model);

}  // namespace qfi::cli
