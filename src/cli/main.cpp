// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <thread>

#include "command.hpp"
#include "logging.hpp"
#include "stop_signals.hpp"

namespace qfi::cli {

std::filesystem::path default_cache() {
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder != nullptr && *folder == '/')
    return std::filesystem::path(folder) / "qfi";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::filesystem::path(home) / ".cache" / "qfi";
  return std::filesystem::temp_directory_path() / "qfi-cache";
}

unsigned default_threads() { return std::max(1U, std::thread::hardware_concurrency()); }

namespace {

void add_memory_option(CLI::App& command, const std::string& name, const std::string& what,
                       std::uint64_t& bytes) {
  const auto set = [&bytes](const std::uint64_t& mib) { bytes = mib << 20U; };
  auto* option = command.add_option_function<std::uint64_t>(name, set, what)
                     ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 24U))
                     ->type_name("MIB");
  if (bytes > 0) option->default_str(std::to_string(bytes >> 20U));
}

}  // namespace

void add_signature_option(CLI::App& command, std::string& signature) {
  command.add_option("--signature", signature, "of a model with several (default: the file's first)")
      ->type_name("NAME");
}

void add_model_memory_option(CLI::App& command, std::uint64_t& bytes) {
  add_memory_option(command, "--model-memory", "limit of a model's tensors, and of its weights", bytes);
}

void add_data_memory_option(CLI::App& command, std::uint64_t& bytes) {
  add_memory_option(command, "--data-memory", "limit of what a file of images or labels unpacks to", bytes);
}

void add_kernels_option(CLI::App& command, KernelSet& kernels) {
  const std::map<std::string, KernelSet> names = {
      {"reference", KernelSet::reference}, {"portable", KernelSet::portable}, {"fast", KernelSet::fast}};
  command.add_option("--kernels", kernels, "kernel set; results do not depend on it")
      ->transform(CLI::CheckedTransformer(names).description("reference|portable|fast"))
      ->default_str("fast");
}

void add_device_options(CLI::App& command, DeviceParams& device) {
  const std::map<std::string, DeviceChoice> names = {
      {"cpu", DeviceChoice::cpu}, {"cuda", DeviceChoice::cuda}, {"auto", DeviceChoice::automatic}};
  command
      .add_option(
          "--device", device.choice,
          "what runs networks with faulty units: the CPU, an NVIDIA GPU, or that where there is one; results "
          "do not depend on it")
      ->transform(CLI::CheckedTransformer(names).description("cpu|cuda|auto"))
      ->default_str("cpu");
  add_memory_option(command, "--device-memory",
                    "limit of what is taken of a GPU's memory (default: most of it)", device.memory);
}

void add_force_option(CLI::App& command, bool& is_forced) {
  command.add_flag("--force", is_forced, "replace a file that is there, whoever wrote it");
}

void add_netlist_options(CLI::App& command, NetlistReading& reading, std::vector<std::string>& ties) {
  command.add_option("--top", reading.top, "module of the netlist, if it has several")->type_name("NAME");
  command.add_option("--rs1", reading.rs1, "port, if the netlist does not say")->type_name("PORT");
  command.add_option("--rs2", reading.rs2, "port, if the netlist does not say")->type_name("PORT");
  command.add_option("--result", reading.result, "port, if the netlist does not say")->type_name("PORT");
  command.add_option("--tie", ties, "another input port, held at a value; may be repeated")
      ->type_name("PORT=VALUE");
  command.add_flag("--unsigned", reading.is_unsigned,
                   "operands and result are unsigned, if the netlist does not say");
  command.add_flag("--approximate", reading.is_approximate,
                   "the multiplier need not be exact: its fault-free products are golden");
  add_library_option(command, "--library,--liberty", reading);
}

void add_library_option(CLI::App& command, const std::string& names, NetlistReading& reading) {
  command
      .add_option_function<std::vector<std::string>>(
          names,
          [&reading](const std::vector<std::string>& files) {
            reading.libraries.assign(files.begin(), files.end());
          },
          "Liberty or Verilog files that tell what the netlist's cells compute; of two cells of one name "
          "the first counts")
      ->type_name("FILE");
}

Result<std::map<std::string, std::uint64_t>> parse_ties(const std::vector<std::string>& texts) {
  std::map<std::string, std::uint64_t> ties;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    std::uint64_t value = 0;
    const bool is_hex = equals != std::string::npos && text.compare(equals + 1, 2, "0x") == 0;
    const char* first = text.data() + (equals == std::string::npos ? 0 : equals + (is_hex ? 3 : 1));
    const char* last = text.data() + text.size();
    const auto parsed = std::from_chars(first, last, value, is_hex ? 16 : 10);
    if (equals == std::string::npos || parsed.ec != std::errc() || parsed.ptr != last)
      return bad_input("--tie {}: write it as PORT=VALUE", text);
    ties[text.substr(0, equals)] = value;
  }
  return ties;
}

}  // namespace qfi::cli

int main(int argc, char** argv) {
  using namespace qfi;
  using namespace qfi::cli;
  start_logging();
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));  // a limit on file sizes is an error like a full disk
  try {
    CLI::App app{"qfi: how often does a quantized network still answer right under hardware faults?", "qfi"};
    app.set_version_flag("--version", "qfi " QFI_VERSION);
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    Action chosen;
    add_campaign(app, chosen);
    add_merge(app, chosen);
    add_slurm(app, chosen);
    add_compare(app, chosen);
    add_export(app, chosen);
    add_report(app, chosen);
    add_worst(app, chosen);
    add_plan(app, chosen);
    add_replay(app, chosen);
    add_run(app, chosen);
    add_nvf(app, chosen);
    add_nvf_merge(app, chosen);
    add_inspect(app, chosen);
    add_doctor(app, chosen);
    add_synth(app, chosen);
    add_table(app, chosen);
    add_selfcheck(app, chosen);
    add_help(app, chosen);
    add_log_options(app);
    for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
      add_log_options(*command);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
      log(LogLevel::error, fmt::format("{}; see qfi --help", error.what()));
      return k_bad_input;
    }
    const StopSignals signals;
    const auto outcome = chosen();
    if (outcome && std::fflush(stdout) != 0) {
      log(LogLevel::error, fmt::format("cannot write to standard output: {}", std::strerror(errno)));
      return k_failed;
    }
    if (outcome) return *outcome;
    log(LogLevel::error, outcome.error().message);
    if (outcome.error().kind == ErrorKind::stopped) return 128 + StopSignals::received();
    return outcome.error().kind == ErrorKind::bad_input ? k_bad_input : k_failed;
  } catch (const std::exception& error) {
    log(LogLevel::error, error.what());
    return k_failed;
  }
}
