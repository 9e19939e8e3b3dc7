// SPDX-License-Identifier: Apache-2.0
#include "liberty.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "qfi/base/selection.hpp"
#include "qfi/base/text.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_most_levels = 32;

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
      while (m_at < m_text.size() && !is_sign(m_text[m_at]) && !is_space(m_text[m_at]) && m_text[m_at] != '"')
        ++m_at;
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
      return wrong(name,
                   fmt::format("'{}' is neither attribute nor group", printable(std::string(name.text))));
    std::string first;
    for (advance(); !m_token.is(')'); advance()) {
      if (m_token.is_end()) return wrong(name, "')' is missing");
      if (first.empty() && !m_token.is(',')) first = m_token.text;
    }
    advance();
    if (m_token.is('{')) return open(name, first);
    return {};
  }

  Result<void> attribute(const Token& name) {
    advance();
    const Token value = m_token;
    if (value.is_end()) return wrong(name, "a value is missing");
    while (!m_token.is(';') && !m_token.is('}') && !m_token.is_end() &&
           m_tokens.are_on_one_line(value.begin, m_token.begin))
      advance();
    if (is_in_cell() && name.text == "area") {
      double area = 0;
      const char* last = value.text.data() + value.text.size();
      const auto parsed = std::from_chars(value.text.data(), last, area);
      if (parsed.ec != std::errc() || parsed.ptr != last || !(area >= 0) || area > 1e12)
        return wrong(value, fmt::format("area '{}' is no area", printable(std::string(value.text))));
      m_library.cells.back().area = area;
    }
    if (is_in_pin() && name.text == "three_state") refuse("it has a tri-state pin");
    return {};
  }

  Result<void> open(const Token& name, const std::string& argument) {
    if (m_groups.size() >= k_most_levels) return wrong(name, "groups are nested too deeply");
    if (m_groups.empty() && (name.text != "library" || m_library.end != 0))
      return wrong(name, "a group outside of the library");
    if (m_groups.empty()) m_library.begin = m_token.end;
    if (m_groups.size() == 1 && name.text == "cell") {
      if (argument.empty()) return wrong(name, "a cell without a name");
      m_library.cells.push_back({argument, {}, "", name.begin, 0});
    } else if (is_in_cell()) {
      for (const std::string_view kind : {"ff", "ff_bank", "latch", "latch_bank", "statetable", "memory"})
        if (name.text == kind) refuse(fmt::format("it has state ({})", kind));
      if (name.text == "bus" || name.text == "bundle") refuse(fmt::format("it has a {}", name.text));
    }
    m_groups.emplace_back(name.text);
    advance();
    return {};
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

Result<std::string> merged_liberty(const std::vector<std::string>& texts,
                                   const std::vector<std::string>& unused) {
  std::set<std::string> names;
  std::set<std::string> matched;  // patterns
  std::string merged = "library (merged) {\n";
  for (const std::string& text : texts) {
    QFI_TRY(const LibertyLibrary library, scan_liberty(text));
    std::size_t copied = library.begin;
    for (const LibertyCell& cell : library.cells) {
      if (!names.insert(cell.name).second)
        return bad_input("cell {} is in the libraries twice", printable(cell.name));
      bool is_used = cell.refusal.empty();
      for (const std::string& pattern : unused)
        if (matches(pattern, cell.name)) matched.insert(pattern), is_used = false;
      if (is_used) continue;
      merged += text.substr(copied, cell.begin - copied);
      copied = cell.end;
    }
    merged += text.substr(copied, library.end - copied);
  }
  for (const std::string& pattern : unused)
    if (!matched.contains(pattern))
      return selects_nothing("--dont-use", pattern, fmt::format("no cell matches '{}'", printable(pattern)),
                             {"cells", {names.begin(), names.end()}});
  return merged + "}\n";
}

}  // namespace qfi
