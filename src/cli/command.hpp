// SPDX-License-Identifier: Apache-2.0
// What the commands share: how they are registered, fail and find their folders.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "qfi/base/result.hpp"
#include "qfi/base/text.hpp"
#include "qfi/engine/device.hpp"
#include "qfi/engine/program.hpp"
#include "qfi/netlist/netlist.hpp"

namespace qfi::cli {

constexpr int k_done = 0;
constexpr int k_failed = 1;
constexpr int k_bad_input = 2;

/// A command returns its exit code, or an error whose kind decides it.
using Action = std::function<Result<int>()>;

/// Each registers its subcommand; the chosen one leaves its action behind.
void add_campaign(CLI::App& app, Action& chosen);
void add_doctor(CLI::App& app, Action& chosen);
void add_compare(CLI::App& app, Action& chosen);
void add_export(CLI::App& app, Action& chosen);
void add_help(CLI::App& app, Action& chosen);
void add_merge(CLI::App& app, Action& chosen);
void add_inspect(CLI::App& app, Action& chosen);
void add_plan(CLI::App& app, Action& chosen);
void add_report(CLI::App& app, Action& chosen);
void add_worst(CLI::App& app, Action& chosen);
void add_replay(CLI::App& app, Action& chosen);
void add_nvf(CLI::App& app, Action& chosen);
void add_nvf_merge(CLI::App& app, Action& chosen);
void add_run(CLI::App& app, Action& chosen);
void add_selfcheck(CLI::App& app, Action& chosen);
void add_slurm(CLI::App& app, Action& chosen);
void add_synth(CLI::App& app, Action& chosen);
void add_table(CLI::App& app, Action& chosen);

/// Where compiled Verilator models are kept: $XDG_CACHE_HOME/qfi or ~/.cache/qfi.
std::filesystem::path default_cache();

/// Threads to use where the user does not say.
unsigned default_threads();

/// `--signature`: which of a model's signatures is meant.
void add_signature_option(CLI::App& command, std::string& signature);
/// `--model-memory`, in MiB on the command line.
void add_model_memory_option(CLI::App& command, std::uint64_t& bytes);
/// `--data-memory`, alike.
void add_data_memory_option(CLI::App& command, std::uint64_t& bytes);
void add_kernels_option(CLI::App& command, KernelSet& kernels);
/// `--device` and `--device-memory`.
void add_device_options(CLI::App& command, DeviceParams& device);
/// `--force`: replaces a file that qfi did not write.
void add_force_option(CLI::App& command, bool& is_forced);
/// --top, --rs1, --rs2, --result, --tie, --unsigned, --approximate and --library (--liberty), for netlists
/// that do not say it themselves.
void add_netlist_options(CLI::App& command, NetlistReading& reading, std::vector<std::string>& ties);

/// `names`: as CLI11 takes them; `reading` must live as long as the command.
void add_library_option(CLI::App& command, const std::string& names, NetlistReading& reading);

/// "PORT=VALUE" pairs; values decimal or 0x.. .
Result<std::map<std::string, std::uint64_t>> parse_ties(const std::vector<std::string>& texts);

}  // namespace qfi::cli
