// SPDX-License-Identifier: Apache-2.0
#include "yosys.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <set>
#include <sstream>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/process.hpp"

namespace qfi {
namespace {

constexpr std::chrono::seconds k_yosys_limit{600};

// The lines in which Yosys says what is wrong, else the last one.
std::string yosys_message(const std::string& output) {
  std::istringstream lines(output);
  std::string message;
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    last = line;
    if (line.find("ERROR") != std::string::npos) message += (message.empty() ? "" : "; ") + line;
  }
  return message.empty() ? last : message;
}

}  // namespace

Result<std::vector<YosysSource>> copy_sources(const std::vector<std::filesystem::path>& sources,
                                              const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directory(folder / "rtl", error);
  std::set<std::string> names;
  std::vector<YosysSource> copies;
  for (const auto& source : sources) {
    const std::string name = source.filename().string();
    if (!names.insert(name).second) return bad_input("two RTL files are called {}", name);
    QFI_TRY(const std::string text, read_file(source, std::uint64_t{64} << 20));
    QFI_CHECK(write_file(folder / "rtl" / name, text));
    copies.push_back({name, sha256_hex(bytes_of(text))});
  }
  return copies;
}

Result<void> run_yosys(const std::vector<YosysSource>& sources, const std::string& script,
                       const std::filesystem::path& folder) {
  QFI_CHECK(write_file(folder / "script.ys", script));
  const bool is_blif =
      sources.size() == 1 && std::filesystem::path(sources.front().file).extension() == ".blif";
  const std::string frontend = is_blif ? "blif" : "verilog -sv";
  std::vector<std::string> command = {"yosys", "-q", "-f", frontend, "-s", "script.ys"};
  for (const YosysSource& source : sources) command.push_back("rtl/" + source.file);
  QFI_TRY(const ProcessOutcome outcome, run_process(command, folder, k_yosys_limit, k_temporary_files_here));
  if (outcome.exit_code != 0) return bad_input("Yosys: {}", yosys_message(outcome.output));
  return {};
}

Result<std::string> yosys_version(const std::filesystem::path& folder) {
  QFI_TRY(const ProcessOutcome outcome, run_process({"yosys", "-V"}, folder, k_yosys_limit));
  return outcome.output.substr(0, outcome.output.find('\n'));
}

Result<std::string> fast_abc_command(const std::filesystem::path& folder) {
  QFI_TRY(const ProcessOutcome help, run_process({"yosys", "-p", "help abc"}, folder, k_yosys_limit));
  const bool has_fast = help.output.find("\n    -fast\n") != std::string::npos;
  return std::string(has_fast ? "abc -fast" : "abc -script +strash;dretime;map");
}

Result<void> check_identifier(const std::string& name, const char* what) {
  const auto is_plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  if (name.empty() || !std::ranges::all_of(name, is_plain) ||
      std::isdigit(static_cast<unsigned char>(name[0])) != 0)
    return bad_input("{} '{}' is not a plain identifier (letters, digits, _)", what, name);
  return {};
}

}  // namespace qfi
