// SPDX-License-Identifier: Apache-2.0
#include "kept_netlist.hpp"

#include <algorithm>

#include "cell_library.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/log.hpp"
#include "verilog_primitives.hpp"

namespace qfi {
namespace {

constexpr const char* k_json = "netlist.json";
constexpr const char* k_modules = "modules.txt";
constexpr const char* k_top = "top.txt";
constexpr const char* k_operators = "operators.txt";
constexpr const char* k_instances = "instances.txt";

Result<std::size_t> lines_in(const std::filesystem::path& file) {
  QFI_TRY(const std::string text, read_file(file));
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

// Names of files may hold anything; those of the copies do not.
std::string copy_name(const std::filesystem::path& library, std::size_t index) {
  return fmt::format("library{}{}", index, is_liberty(library) ? ".lib" : ".v");
}

// Each module once, as `select -write` lists objects: MODULE/OBJECT.
std::vector<std::string> modules_in(const std::string& list) {
  std::vector<std::string> modules;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find('\n', begin), list.size());
    const std::string module = list.substr(begin, std::min(list.find('/', begin), end) - begin);
    if (!module.empty() && (modules.empty() || modules.back() != module)) modules.push_back(module);
    begin = end + 1;
  }
  std::ranges::sort(modules);
  modules.erase(std::unique(modules.begin(), modules.end()), modules.end());
  return modules;
}

Result<void> warn_of_choice(const std::filesystem::path& path, const std::filesystem::path& folder) {
  QFI_TRY(const std::string before, read_file(folder / k_modules));
  QFI_TRY(const std::string after, read_file(folder / k_top));
  const std::vector<std::string> modules = modules_in(before);
  const std::vector<std::string> top = modules_in(after);
  if (modules.size() > 1 && top.size() == 1)
    log(LogLevel::warning, fmt::format("{}: has {} modules; {} is taken as the top (top:, --top)",
                                       path.string(), modules.size(), top.front()));
  return {};
}

}  // namespace

Result<std::vector<YosysSource>> copy_libraries(const std::vector<std::filesystem::path>& libraries,
                                                const std::filesystem::path& folder) {
  std::vector<YosysSource> copies;
  for (std::size_t i = 0; i < libraries.size(); ++i) {
    QFI_TRY(std::string text, read_file(libraries[i], k_most_liberty_bytes));
    copies.push_back({libraries[i].filename().string(), sha256_hex(bytes_of(text))});
    if (!is_liberty(libraries[i])) {
      auto modules = primitives_as_modules(text);
      if (!modules) return at(libraries[i].string(), modules.error());
      text = std::move(*modules);
    }
    QFI_CHECK(write_file(folder / copy_name(libraries[i], i), text));
  }
  return copies;
}

std::string library_commands(const std::vector<std::filesystem::path>& libraries) {
  std::string text;
  for (std::size_t i = 0; i < libraries.size(); ++i)
    text += is_liberty(libraries[i])
                ? fmt::format("read_liberty -lib -nooverwrite {} {}\n", k_liberty_flags,
                              copy_name(libraries[i], i))
                : fmt::format("read_verilog -sv -lib -nooverwrite {}\n", copy_name(libraries[i], i));
  return text;
}

bool is_yosys_source(const std::filesystem::path& path) {
  const std::string suffix = path.extension().string();
  return suffix == ".v" || suffix == ".sv" || suffix == ".blif";
}

Result<std::string> kept_netlist(const std::filesystem::path& path, const NetlistReading& reading) {
  if (!reading.top.empty()) QFI_CHECK(check_identifier(reading.top, "top module"));
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  QFI_TRY(const std::vector<YosysSource> sources, copy_sources({path}, folder.path()));
  QFI_CHECK(copy_libraries(reading.libraries, folder.path()));
  const auto run = [&](const char* more) {
    return run_yosys(
        sources,
        fmt::format("select -write {} w:*\n", k_modules) + library_commands(reading.libraries) +
            (reading.top.empty() ? "hierarchy -auto-top\n"
                                 : fmt::format("hierarchy -top {}\n", reading.top)) +
            k_keep_cells + more +
            fmt::format("select -write {} A:top/w:*\nselect -write {} A:top/t:$* t:$_* %d t:$lut %d\n"
                        "select -write {} A:top/c:* t:$* %d\nwrite_json {}\n",
                        k_top, k_operators, k_instances, k_json),
        folder.path());
  };
  QFI_CHECK(run(""));
  if (reading.top.empty()) QFI_CHECK(warn_of_choice(path, folder.path()));
  // Some arithmetic among many cells is a part of the netlist; without cells it is RTL.
  QFI_TRY(const std::size_t operators, lines_in(folder.path() / k_operators));
  QFI_TRY(const std::size_t instances, lines_in(folder.path() / k_instances));
  if (operators > 0 && instances > 0) {
    log(LogLevel::warning,
        fmt::format("{}: {} expressions are no cells; they become gates, which are fault sites too",
                    path.string(), operators));
    QFI_CHECK(run("techmap\nsimplemap\n"));
  }
  return read_file(folder.path() / k_json, std::uint64_t{1} << 30);
}

}  // namespace qfi
