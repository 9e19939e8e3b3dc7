// SPDX-License-Identifier: Apache-2.0
#include "liberty.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "cell_library.hpp"
#include "qfi/base/selection.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_most_levels = 32;
constexpr std::size_t k_most_arguments = 64;
constexpr std::size_t k_most_shown = 60;    // characters of a word in an error
constexpr std::size_t k_most_named = 1000;  // cells among which a slip is looked for

std::string shown(std::string_view text) { return printable(std::string(text.substr(0, k_most_shown))); }

// Other names would need quoting wherever Yosys or Verilog sees them.
bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 256 && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  });
}

// Words, texts in quotes, and single signs. White space, comments and continued lines stand between them.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : m_text(text) {}

  struct Token {
    std::string_view text;  ///< without the quotes; empty at the end
    std::size_t begin = 0;
    std::size_t end = 0;
    bool is_quoted = false;
    bool is(char sign) const { return !is_quoted && text.size() == 1 && text[0] == sign; }
    bool is_end() const { return !is_quoted && text.empty(); }
  };

  Token next() {
    skip();
    const std::size_t begin = m_at;
    if (m_at == m_text.size()) return {{}, begin, begin, false};
    if (m_text[m_at] == '"') {
      const std::size_t close = std::min(m_text.find('"', m_at + 1), m_text.size());
      m_at = std::min(close + 1, m_text.size());
      return {m_text.substr(begin + 1, close - begin - 1), begin, m_at, true};
    }
    if (is_sign(m_text[m_at])) ++m_at;
    else
      while (m_at < m_text.size() && !is_sign(m_text[m_at]) && !is_space(m_text[m_at]) &&
             m_text[m_at] != '"' && !is_comment())
        ++m_at;
    if (m_at == begin) ++m_at;
    return {m_text.substr(begin, m_at - begin), begin, m_at, false};
  }

  bool are_on_one_line(std::size_t begin, std::size_t end) const {
    return m_text.substr(begin, end - begin).find('\n') == std::string_view::npos;
  }
  std::ptrdiff_t line_of(std::size_t place) const {
    return 1 + std::count(m_text.begin(), m_text.begin() + static_cast<std::ptrdiff_t>(place), '\n');
  }

 private:
  static bool is_sign(char c) { return std::string_view("(){}:;,").find(c) != std::string_view::npos; }
  static bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0 || c == '\\'; }
  bool is_comment() const { return m_text.substr(m_at, 2) == "/*" || m_text.substr(m_at, 2) == "//"; }
  void skip() {
    while (m_at < m_text.size()) {
      if (is_space(m_text[m_at])) {
        ++m_at;
      } else if (m_text.substr(m_at, 2) == "/*") {
        const std::size_t close = m_text.find("*/", m_at + 2);
        m_at = close == std::string_view::npos ? m_text.size() : close + 2;
      } else if (m_text.substr(m_at, 2) == "//") {
        m_at = std::min(m_text.find('\n', m_at), m_text.size());
      } else {
        return;
      }
    }
  }

  std::string_view m_text;
  std::size_t m_at = 0;
};

// Goes through the statements `name : value;`, `name (values);` and `name (values) { statements }`.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : m_tokens(text) {}

  Result<LibertyLibrary> scan() {
    m_token = m_tokens.next();
    while (!m_token.is_end()) QFI_CHECK(statement());
    if (!m_groups.empty()) return wrong(m_token, "a group is not closed");
    if (m_library.end == 0) return bad_input("line 1: no library group");
    return std::move(m_library);
  }

 private:
  using Token = Tokens::Token;

  tl::unexpected<Error> wrong(const Token& token, const std::string& what) const {
    return bad_input("line {}: {}", m_tokens.line_of(token.begin), what);
  }
  void advance() { m_token = m_tokens.next(); }

  Result<void> statement() {
    if (m_token.is(';')) return advance(), Result<void>();
    if (m_token.is('}')) return close();
    const Token name = m_token;
    advance();
    if (m_token.is(':')) return attribute(name);
    if (!m_token.is('('))
      return wrong(name, fmt::format("'{}' is neither attribute nor group", shown(name.text)));
    std::vector<std::string_view> arguments;
    for (advance(); !m_token.is(')'); advance()) {
      if (m_token.is_end()) return wrong(name, "')' is missing");
      if (!m_token.is(',') && arguments.size() < k_most_arguments) arguments.push_back(m_token.text);
    }
    advance();
    if (m_token.is('{')) return open(name, arguments);
    return {};
  }

  // A value ends with its line where the semicolon is missing.
  Result<void> attribute(const Token& name) {
    advance();
    const Token value = m_token;
    if (value.is_end()) return wrong(name, "a value is missing");
    std::size_t words = 0;
    for (std::size_t end = value.begin; !m_token.is(';') && !m_token.is('}') && !m_token.is_end() &&
                                        m_tokens.are_on_one_line(end, m_token.begin);
         advance(), ++words)
      end = m_token.end;
    if (is_in_cell()) QFI_CHECK(cell_attribute(name, value, words));
    if (is_in_pin() && name.text == "three_state") refuse("it has a tri-state pin");
    if (is_in_pin() && name.text == "state_function") refuse("it has state (state_function)");
    return {};
  }

  Result<void> cell_attribute(const Token& name, const Token& value, std::size_t words) {
    LibertyCell& cell = m_library.cells.back();
    if (name.text == "dont_use") cell.is_dont_use = value.text != "false";
    if (name.text == "clock_gating_integrated_cell") refuse("it has state (clock gating)");
    if (name.text != "area") return {};
    double area = 0;
    const char* last = value.text.data() + value.text.size();
    const auto parsed = std::from_chars(value.text.data(), last, area);
    if (words != 1 || parsed.ec != std::errc() || parsed.ptr != last || !(area >= 0) || area > 1e12)
      return wrong(value, fmt::format("area '{}' is no area", shown(value.text)));
    cell.area = area;
    return {};
  }

  Result<void> open(const Token& name, const std::vector<std::string_view>& arguments) {
    if (m_groups.size() >= k_most_levels) return wrong(name, "groups are nested too deeply");
    if (m_groups.empty() && (name.text != "library" || m_library.end != 0))
      return wrong(name, "a group outside of the library");
    if (m_groups.empty()) m_library.begin = m_token.end;
    if (m_groups.size() == 1 && name.text == "cell") QFI_CHECK(open_cell(name, arguments));
    else if (is_in_cell()) open_in_cell(name.text, arguments);
    m_groups.emplace_back(name.text);
    advance();
    return {};
  }

  Result<void> open_cell(const Token& name, const std::vector<std::string_view>& arguments) {
    if (arguments.empty() || arguments.front().empty()) return wrong(name, "a cell without a name");
    m_library.cells.push_back({std::string(arguments.front()), {}, "", false, name.begin, 0});
    if (!is_plain(arguments.front())) refuse("its name is not of letters, digits and underscores");
    if (find_cell_type(arguments.front()) != nullptr) refuse("its name is that of one of qfi's own cells");
    return {};
  }

  void open_in_cell(std::string_view kind, const std::vector<std::string_view>& arguments) {
    for (const std::string_view state : {"ff", "ff_bank", "latch", "latch_bank", "statetable", "memory"})
      if (kind == state) refuse(fmt::format("it has state ({})", state));
    if (kind == "bus" || kind == "bundle") refuse(fmt::format("it has a {}", kind));
    if (kind == "pin" && !std::ranges::all_of(arguments, is_plain))
      refuse("the name of a pin is not of letters, digits and underscores");
  }

  Result<void> close() {
    if (m_groups.empty()) return wrong(m_token, "'}' closes no group");
    if (is_in_cell()) m_library.cells.back().end = m_token.end;
    if (m_groups.size() == 1) m_library.end = m_token.begin;
    m_groups.pop_back();
    advance();
    return {};
  }

  bool is_in_cell() const { return m_groups.size() == 2 && m_groups[1] == "cell"; }
  bool is_in_pin() const { return m_groups.size() == 3 && m_groups[1] == "cell" && m_groups[2] == "pin"; }
  void refuse(std::string reason) {
    if (m_library.cells.back().refusal.empty()) m_library.cells.back().refusal = std::move(reason);
  }

  Tokens m_tokens;
  Tokens::Token m_token;
  std::vector<std::string_view> m_groups;  ///< that are open
  LibertyLibrary m_library;
};

// Whether the whole name matches: * stands for any characters, ? for one.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resumed = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) ++p, ++n;
    else if (p < pattern.size() && pattern[p] == '*') star = p++, resumed = n;
    else if (star != std::string_view::npos) p = star + 1, n = ++resumed;
    else return false;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

Result<LibertyLibrary> scan_liberty(std::string_view text) { return Scanner(text).scan(); }

std::string without_cells(std::string_view text, const LibertyLibrary& library,
                          const std::function<bool(const LibertyCell&)>& is_left_out) {
  std::string kept;
  std::size_t copied = library.begin;
  for (const LibertyCell& cell : library.cells) {
    const bool is_asked_out = is_left_out(cell);
    if (cell.refusal.empty() && !is_asked_out) continue;
    kept += text.substr(copied, cell.begin - copied);
    copied = cell.end;
  }
  kept += text.substr(copied, library.end - copied);
  return kept;
}

Result<std::string> merged_liberty(const std::vector<LibertyFile>& files,
                                   const std::vector<std::string>& unused) {
  std::set<std::string> names;
  std::set<std::string> matched;  // patterns
  const auto is_left_out = [&](const LibertyCell& cell) {
    bool is_unused = cell.is_dont_use;
    for (const std::string& pattern : unused)
      if (matches(pattern, cell.name)) matched.insert(pattern), is_unused = true;
    return is_unused;
  };
  std::string merged = "library (merged) {\n";
  for (const LibertyFile& file : files) {
    const auto library = scan_liberty(file.text);
    if (!library) return at(file.name, library.error());
    for (const LibertyCell& cell : library->cells)
      if (!names.insert(cell.name).second)
        return bad_input("{}: cell {} is in the libraries twice", file.name, shown(cell.name));
    merged += without_cells(file.text, *library, is_left_out);
  }
  for (const std::string& pattern : unused)
    if (!matched.contains(pattern)) {
      std::vector<std::string> some(names.begin(), names.end());
      some.resize(std::min(some.size(), k_most_named));
      return selects_nothing("--dont-use", pattern, fmt::format("no cell matches '{}'", shown(pattern)),
                             {"cells", some});
    }
  return merged + "}\n";
}

}  // namespace qfi
