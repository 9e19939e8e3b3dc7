// SPDX-License-Identifier: Apache-2.0
// Modules reach only what the table in src/README.md allows, and their CMake targets link what they use.
#include <gmock/gmock.h>

#include <deque>
#include <map>
#include <regex>
#include <set>

#include "qfi/base/file.hpp"
#include "support.hpp"

namespace qfi {
namespace {

namespace fs = std::filesystem;
using Modules = std::map<std::string, std::set<std::string>>;  // what each may reach, or links
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::vector<std::string>> matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::vector<std::string>> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    found.emplace_back(it->begin(), it->end());
  return found;
}

// Rows of the table `module | owns | may include`.
Modules read_table(const std::string& text) {
  Modules allowed;
  for (const auto& row : matches(text, R"(\n\| `(\w+)` \|[^\n|]*\| ([^\n|]*) \|)"))
    for (const auto& name : matches("`" + row[1] + "` " + row[2], "`(\\w+)`"))
      allowed[row[1]].insert(name[1]);
  for (const auto& row : matches(text, R"(\n\| `(\w+)` \|[^\n|]*\| everything \|)"))
    for (const auto& [module, reached] : allowed) allowed[row[1]].insert(module);
  return allowed;
}

// What each module's target links, directly.
Modules read_links(const std::string& cmake) {
  Modules links;
  for (const auto& call :
       matches(cmake, R"((?:qfi_module\((\w+)|target_link_libraries\(qfi PRIVATE)([^)]*)\))")) {
    std::set<std::string>& linked = links[call[1].empty() ? "cli" : call[1]];
    for (const auto& name : matches(call[2], R"(\bqfi_(\w+))")) linked.insert(name[1]);
  }
  return links;
}

std::set<std::string> closure(const Modules& links, const std::string& module) {
  std::set<std::string> reached;
  std::deque<std::string> waiting{module};
  for (; !waiting.empty(); waiting.pop_front())
    if (const auto found = links.find(waiting.front()); found != links.end())
      for (const std::string& next : found->second)
        if (reached.insert(next).second) waiting.push_back(next);
  return reached;
}

// The files of all modules, by their path from the root, and which of them each includes.
class IncludeGraph {
 public:
  explicit IncludeGraph(const fs::path& root) : m_root(root) {
    for (const char* base : {"include/qfi", "src"})
      for (const auto& entry : fs::recursive_directory_iterator(root / base)) {
        const fs::path within = entry.path().lexically_relative(root / base);
        if (entry.is_regular_file() && std::distance(within.begin(), within.end()) > 1)
          add(entry.path(), within.begin()->string());
      }
  }

  std::set<std::string> modules() const {
    std::set<std::string> names;
    for (const auto& [path, file] : m_files) names.insert(file.module);
    return names;
  }
  std::size_t files() const { return m_files.size(); }

  // Arrows of single includes.
  Modules arrows() const {
    Modules found;
    for (const auto& [path, file] : m_files)
      for (const std::string& next : file.includes)
        if (m_files.at(next).module != file.module) found[file.module].insert(m_files.at(next).module);
    return found;
  }

  // For each pair of modules that may not be, the shortest chain of includes from one to the other.
  std::vector<std::string> chains(
      const std::function<bool(const std::string&, const std::string&)>& may) const {
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> shortest;
    for (const auto& [path, file] : m_files)
      for (const std::vector<std::string>& chain : chains_from(path, may)) {
        auto& known = shortest[{file.module, m_files.at(chain.back()).module}];
        if (known.empty() || chain.size() < known.size()) known = chain;
      }
    std::vector<std::string> texts;
    for (const auto& [pair, chain] : shortest) {
      texts.push_back(chain.front());
      for (std::size_t i = 1; i < chain.size(); ++i) texts.back() += " -> " + chain[i];
    }
    return texts;
  }

  // Includes of another module's private header, which lies in src and not in include.
  const std::vector<std::string>& foreign_private() const { return m_foreign_private; }

 private:
  struct File {
    std::string module;
    std::vector<std::string> includes;
  };

  void add(const fs::path& path, const std::string& module) {
    if (path.extension() != ".hpp" && path.extension() != ".cpp") return;
    const std::string name = path.lexically_relative(m_root).string();
    File& file = m_files[name];
    file.module = module;
    for (const auto& include : matches(test::value_of(read_file(path)), "#include \"([^\"]+)\"")) {
      const std::string found = resolve(path, include[1]);
      if (found.empty()) continue;  // generated, or a library's
      if (found.starts_with("src/") && !found.starts_with("src/" + module + "/"))
        m_foreign_private.push_back(name + " -> " + found);
      file.includes.push_back(found);
    }
  }

  std::string resolve(const fs::path& from, const std::string& include) const {
    for (const fs::path& folder : {from.parent_path(), m_root / "include", m_root / "src"})
      if (fs::is_regular_file(folder / include))
        return (folder / include).lexically_normal().lexically_relative(m_root).string();
    return {};
  }

  template <class May>
  std::vector<std::vector<std::string>> chains_from(const std::string& start, const May& may) const {
    const std::string& module = m_files.at(start).module;
    std::vector<std::vector<std::string>> found;
    std::map<std::string, std::string> came_from{{start, ""}};
    for (std::deque<std::string> waiting{start}; !waiting.empty(); waiting.pop_front()) {
      const std::string here = waiting.front();
      if (may(module, m_files.at(here).module)) {
        for (const std::string& next : m_files.at(here).includes)
          if (came_from.emplace(next, here).second) waiting.push_back(next);
        continue;
      }
      std::vector<std::string> chain;
      for (std::string at = here; !at.empty(); at = came_from.at(at)) chain.insert(chain.begin(), at);
      found.push_back(chain);
    }
    return found;
  }

  fs::path m_root;
  std::map<std::string, File> m_files;
  std::vector<std::string> m_foreign_private;
};

std::vector<std::string> forbidden_chains(const IncludeGraph& graph, const Modules& allowed) {
  return graph.chains([&](const std::string& from, const std::string& to) {
    const auto row = allowed.find(from);
    return from == to || (row != allowed.end() && row->second.contains(to));
  });
}

// The two chains of the architecture, which meet in product tables and fault sets alone.
std::vector<std::string> chains_between_model_and_netlist(const IncludeGraph& graph) {
  const std::set<std::string> model_side = {"model", "data", "engine", "workload"};
  const std::set<std::string> netlist_side = {"netlist", "tables"};
  const std::set<std::string> execution = {"data", "engine", "workload"};
  return graph.chains([&](const std::string& from, const std::string& to) {
    if (model_side.contains(from)) return !netlist_side.contains(to);
    return !netlist_side.contains(from) || !execution.contains(to);
  });
}

// Arrows that a target does not link, and links that the table does not allow.
std::vector<std::string> wrong_links(const Modules& arrows, const Modules& links, const Modules& allowed) {
  std::vector<std::string> wrong;
  for (const auto& [module, used] : arrows)
    for (const std::string& to : used)
      if (!closure(links, module).contains(to)) wrong.push_back(module + " includes, does not link " + to);
  for (const auto& [module, linked] : links)
    for (const std::string& to : linked)
      if (!allowed.contains(module) || !allowed.at(module).contains(to))
        wrong.push_back(module + " links, may not include " + to);
  return wrong;
}

std::string source_text(const char* file) { return test::value_of(read_file(test::source_folder() / file)); }

TEST(IncludeDirection, EveryIncludeFollowsTheTable) {
  const IncludeGraph graph(test::source_folder());
  EXPECT_GT(graph.files(), 200U);
  EXPECT_THAT(forbidden_chains(graph, read_table(source_text("src/README.md"))), IsEmpty());
  EXPECT_THAT(graph.foreign_private(), IsEmpty());
}

TEST(IncludeDirection, TheModelChainAndTheNetlistChainNeverIncludeEachOther) {
  EXPECT_THAT(chains_between_model_and_netlist(IncludeGraph(test::source_folder())), IsEmpty());
}

TEST(IncludeDirection, EveryModuleHasARowAndEveryRowAModule) {
  std::set<std::string> rows;
  for (const auto& [module, allowed] : read_table(source_text("src/README.md"))) rows.insert(module);
  EXPECT_EQ(rows, IncludeGraph(test::source_folder()).modules());
}

TEST(IncludeDirection, TargetsLinkWhatTheirModulesInclude) {
  const Modules links = read_links(source_text("src/CMakeLists.txt"));
  EXPECT_TRUE(links.contains("cli") && links.contains("base"));
  EXPECT_THAT(wrong_links(IncludeGraph(test::source_folder()).arrows(), links,
                          read_table(source_text("src/README.md"))),
              IsEmpty());
}

// A small tree with each thing that must be seen.
class WrongTree : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    fs::create_directories((m_folder.path() / file).parent_path());
    ASSERT_TRUE(write_file(m_folder.path() / file, text));
  }
  void SetUp() override {
    write("include/qfi/base/a.hpp", "");
    write("include/qfi/netlist/n.hpp", "#include \"qfi/base/a.hpp\"\n");
    write("include/qfi/engine/e.hpp", "#include \"qfi/base/a.hpp\"\n");
    write("src/engine/private.hpp", "#include \"qfi/netlist/n.hpp\"\n");
    write("src/engine/e.cpp", "#include \"qfi/engine/e.hpp\"\n#include \"private.hpp\"\n");
  }
  IncludeGraph graph() const { return IncludeGraph(m_folder.path()); }

  TemporaryFolder m_folder = test::value_of(TemporaryFolder::create());
  Modules m_allowed =
      read_table("\n| `base` | a | nothing |\n| `netlist` | b | `base` |\n| `engine` | c | `base` |\n");
};

TEST_F(WrongTree, AnArrowThatTheTableDoesNotAllowIsSeenThroughAPrivateHeader) {
  EXPECT_THAT(forbidden_chains(graph(), m_allowed),
              ElementsAre("src/engine/private.hpp -> include/qfi/netlist/n.hpp"));
  EXPECT_THAT(chains_between_model_and_netlist(graph()), testing::SizeIs(1));
}

TEST_F(WrongTree, AChainThroughAnAllowedModuleIsSeen) {
  write("src/engine/private.hpp", "");
  write("include/qfi/base/a.hpp", "#include \"qfi/netlist/n.hpp\"\n");
  EXPECT_THAT(forbidden_chains(graph(), m_allowed),
              ElementsAre("include/qfi/base/a.hpp -> include/qfi/netlist/n.hpp",
                          "include/qfi/engine/e.hpp -> include/qfi/base/a.hpp -> include/qfi/netlist/n.hpp"));
}

TEST_F(WrongTree, AnotherModulesPrivateHeaderIsSeen) {
  write("src/netlist/n.cpp", "#include \"../engine/private.hpp\"\n");
  EXPECT_THAT(graph().foreign_private(), ElementsAre("src/netlist/n.cpp -> src/engine/private.hpp"));
}

TEST_F(WrongTree, AFolderWithoutARowIsSeen) {
  write("src/extra/x.cpp", "#include \"qfi/base/a.hpp\"\n");
  EXPECT_THAT(graph().modules(), ElementsAre("base", "engine", "extra", "netlist"));
  EXPECT_THAT(forbidden_chains(graph(), m_allowed),
              testing::Contains("src/extra/x.cpp -> include/qfi/base/a.hpp"));
}

TEST_F(WrongTree, ALinkThatIsMissingAndOneThatIsNotAllowedAreSeen) {
  const Modules links = read_links(
      "qfi_module(base LINKS fmt)\nqfi_module(engine LINKS qfi_base PRIVATE x)\n"
      "qfi_module(netlist LINKS qfi_engine)\n");
  EXPECT_THAT(wrong_links(graph().arrows(), links, m_allowed),
              ElementsAre("engine includes, does not link netlist", "netlist links, may not include engine"));
}

}  // namespace
}  // namespace qfi
