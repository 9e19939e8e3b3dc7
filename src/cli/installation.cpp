// SPDX-License-Identifier: Apache-2.0
#include "installation.hpp"

#include <fmt/format.h>

#include <thread>

#include "campaign_files.hpp"
#include "qfi/base/cpu.hpp"
#include "qfi/base/process.hpp"
#include "qfi/engine/device.hpp"
#include "qfi/engine/program.hpp"

namespace qfi::cli {
namespace {

namespace fs = std::filesystem;

std::string gigabytes(std::uintmax_t bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

// The first line that the program prints of itself.
Result<std::string> version_of(const std::vector<std::string>& command, const std::string& without) {
  constexpr std::chrono::seconds k_limit{60};
  const auto outcome = run_process(command, "/", k_limit);
  if (!outcome && outcome.error().kind == ErrorKind::stopped) return tl::unexpected(outcome.error());
  if (!outcome) return fmt::format("{}; {}", outcome.error().message, without);
  if (outcome->exit_code != 0) return fmt::format("fails with exit code {}; {}", outcome->exit_code, without);
  return outcome->output.substr(0, outcome->output.find('\n'));
}

std::string space_text(const fs::path& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  return error ? error.message() : gigabytes(space.available) + " free";
}

std::string cache_text(const fs::path& cache) {
  std::error_code error;
  if (!fs::exists(cache, error)) return fmt::format("{}: not there yet", cache.string());
  std::size_t models = 0;
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(cache, error)) {
    std::error_code ignored;
    if (entry.path().extension() == ".so") ++models;
    if (entry.is_regular_file(ignored)) bytes += entry.file_size(ignored);
  }
  return fmt::format("{}: {} compiled models, {:.1f} MB; {}", cache.string(), models,
                     static_cast<double>(bytes) / 1e6, space_text(cache));
}

std::string cpu_text() {
  const auto word = [](bool has) { return has ? "yes" : "no"; };
  return fmt::format("{} cores; AVX2 {}, AVX-512 with VBMI and GFNI {}", std::thread::hardware_concurrency(),
                     word(has_avx2()), word(has_avx512()));
}

}  // namespace

Result<Findings> look_at_installation(const fs::path& cache) {
  const ToolInfo tool = this_tool();
  std::error_code error;
  const fs::path temporary = fs::temp_directory_path(error);
  Findings findings = {{"qfi", fmt::format("{}, git {}", tool.version, tool.git)},
                       {"CPU", cpu_text()},
                       {"fast kernels", instructions_in_use()},
                       {"GPU", gpu_in_reach()}};
  QFI_TRY(findings.emplace_back("Yosys", "").second,
          version_of({"yosys", "-V"}, "qfi synth needs it, nothing else"));
  QFI_TRY(findings.emplace_back("Verilator", "").second,
          version_of({"verilator", "--version"}, "campaigns go on without checking tables a second time"));
  QFI_TRY(findings.emplace_back("C++ compiler", "").second,
          version_of({"g++", "--version"}, "Verilator needs it"));
  QFI_TRY(findings.emplace_back("gnuplot", "").second,
          version_of({"gnuplot", "--version"}, "qfi report needs it for its pictures"));
  findings.emplace_back("Verilator's models", cache_text(cache));
  findings.emplace_back("temporary files", fmt::format("{}: {}", temporary.string(), space_text(temporary)));
  return findings;
}

}  // namespace qfi::cli
