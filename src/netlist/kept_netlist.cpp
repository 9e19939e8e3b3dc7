// SPDX-License-Identifier: Apache-2.0
#include "kept_netlist.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cell_library.hpp"
#include "port_list.hpp"
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/log.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/base/text.hpp"
#include "verilog_primitives.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_most_json_bytes = std::uint64_t{1} << 30;
constexpr std::size_t k_most_members = 10'000'000;
constexpr const char* k_json = "netlist.json";
constexpr const char* k_modules = "modules.json";
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

// The module that no other one of the file instantiates.
Result<std::string> find_top(const std::vector<YosysSource>& sources, const std::filesystem::path& folder) {
  QFI_CHECK(run_yosys(sources, fmt::format("proc\nwrite_json {}\n", k_modules), folder));
  QFI_TRY(const std::string text, read_file(folder / k_modules, k_most_json_bytes));
  QFI_TRY(const auto document, parse_json<nlohmann::json>(text, k_most_members));
  const nlohmann::json* modules = find_member(document, "modules");
  if (modules == nullptr || !modules->is_object() || modules->empty())
    return bad_input("no module in the file");
  std::set<std::string> roots;
  for (const auto& [name, module] : modules->items()) roots.insert(name);
  for (const auto& [name, module] : modules->items())
    if (const nlohmann::json* cells = find_member(module, "cells"); cells != nullptr && cells->is_object())
      for (const auto& [cell, value] : cells->items())
        if (const nlohmann::json* type = find_member(value, "type"); type != nullptr && type->is_string())
          roots.erase(type->get<std::string>());
  if (roots.size() == 1) return *roots.begin();
  return selects_nothing("top", "", "several modules are instantiated by no other one; name the multiplier",
                         {"modules", {roots.begin(), roots.end()}});
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
  QFI_TRY(const TemporaryFolder folder, TemporaryFolder::create());
  QFI_TRY(const std::vector<YosysSource> sources, copy_sources({path}, folder.path()));
  QFI_CHECK(copy_libraries(reading.libraries, folder.path()));
  std::string top = reading.top;
  if (top.empty()) {
    QFI_TRY(top, find_top(sources, folder.path()));
  }
  QFI_CHECK(check_identifier(top, "top module"));
  const auto run = [&](const char* more) {
    return run_yosys(
        sources,
        library_commands(reading.libraries) + fmt::format("hierarchy -top {}\n", top) + k_keep_cells + more +
            fmt::format("select -write {0} {3}/t:$* {3}/t:$_* %d {3}/t:$lut %d {3}/t:$scopeinfo %d\n"
                        "select -write {1} {3}/c:* {3}/t:$* %d\nwrite_json {2}\n",
                        k_operators, k_instances, k_json, top),
        folder.path());
  };
  QFI_CHECK(run(""));
  // Some arithmetic among many cells is a part of the netlist; without cells it is RTL.
  QFI_TRY(const std::size_t operators, lines_in(folder.path() / k_operators));
  QFI_TRY(const std::size_t instances, lines_in(folder.path() / k_instances));
  if (operators > 0 && instances > 0) {
    log(LogLevel::warning,
        fmt::format("{}: {} expressions are no cells; they become gates, which are fault sites too",
                    path.string(), operators));
    QFI_CHECK(run("techmap\nsimplemap\n"));
  }
  return read_file(folder.path() / k_json, k_most_json_bytes);
}

}  // namespace qfi
