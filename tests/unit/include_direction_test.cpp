// SPDX-License-Identifier: Apache-2.0
// Modules include only what the architecture allows: see the table in the README.
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "support.hpp"

namespace qfi {
namespace {

const std::map<std::string, std::set<std::string>> k_allowed = {
    {"base", {}},
    {"arith", {"base"}},
    {"model", {"base"}},
    {"data", {"model", "base"}},
    {"engine", {"model", "arith", "base"}},
    {"netlist", {"base"}},
    {"faults", {"netlist", "model", "base"}},
    {"tables", {"faults", "netlist", "arith", "base"}},
    {"campaign", {"engine", "data", "tables", "faults", "netlist", "model", "arith", "base"}},
    {"report", {"campaign", "base"}},
    {"cli",
     {"report", "campaign", "engine", "data", "tables", "faults", "netlist", "model", "arith", "base"}},
};

std::vector<std::string> forbidden_arrows(const std::string& module, const std::string& text) {
  static const std::regex k_include("#include \"qfi/([a-z]+)/");
  std::vector<std::string> arrows;
  for (std::sregex_iterator it(text.begin(), text.end(), k_include), end; it != end; ++it) {
    const std::string to = (*it)[1];
    if (to != module && !k_allowed.at(module).contains(to)) arrows.push_back(module + " -> " + to);
  }
  return arrows;
}

TEST(IncludeDirection, EveryIncludeFollowsTheArchitecture) {
  int files = 0;
  for (const auto& [module, allowed] : k_allowed)
    for (const auto& root :
         {test::source_folder() / "include/qfi" / module, test::source_folder() / "src" / module}) {
      if (!std::filesystem::exists(root)) continue;
      for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path());
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        for (const std::string& arrow : forbidden_arrows(module, text))
          ADD_FAILURE() << entry.path() << ": " << arrow;
        ++files;
      }
    }
  EXPECT_GT(files, 50);
}

TEST(IncludeDirection, AForbiddenIncludeIsSeen) {
  EXPECT_EQ(forbidden_arrows("engine", "#include \"qfi/netlist/netlist.hpp\"\n").size(), 1U);
  EXPECT_EQ(forbidden_arrows("engine", "#include \"qfi/model/model.hpp\"\n").size(), 0U);
}

}  // namespace
}  // namespace qfi
