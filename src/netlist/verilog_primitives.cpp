// SPDX-License-Identifier: Apache-2.0
#include "verilog_primitives.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <vector>

#include "qfi/base/text.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_most_inputs = 10;
constexpr std::size_t k_most_rows = 4096;
constexpr std::size_t k_most_text = std::size_t{256} << 20;  // sums of products are longer than tables

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; }

// Words and single signs, without white space and comments; a text in quotes is one token.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : m_text(text) {}

  /// Empty at the end.
  std::string_view next() {
    skip();
    m_begin = m_at;
    if (m_at == m_text.size()) return {};
    if (m_text[m_at] == '"') m_at = end_of_text();
    else if (m_text[m_at] == '\\') m_at = std::min(m_text.find_first_of(" \t\r\n", m_at), m_text.size());
    else if (!is_word(m_text[m_at])) ++m_at;
    else
      while (m_at < m_text.size() && is_word(m_text[m_at])) ++m_at;
    return m_text.substr(m_begin, m_at - m_begin);
  }
  /// Where the last token begins and ends.
  std::size_t begin() const { return m_begin; }
  std::size_t end() const { return m_at; }

 private:
  std::size_t end_of_text() const {
    std::size_t at = m_at + 1;
    while (at < m_text.size() && m_text[at] != '"') at += m_text[at] == '\\' ? 2 : 1;
    return std::min(at + 1, m_text.size());
  }
  void skip() {
    for (;;) {
      while (m_at < m_text.size() && std::isspace(static_cast<unsigned char>(m_text[m_at])) != 0) ++m_at;
      if (m_text.substr(m_at, 2) == "//") m_at = std::min(m_text.find('\n', m_at), m_text.size());
      else if (m_text.substr(m_at, 2) == "/*") {
        const std::size_t close = m_text.find("*/", m_at + 2);
        m_at = close == std::string_view::npos ? m_text.size() : close + 2;
      } else return;
    }
  }

  std::string_view m_text;
  std::size_t m_at = 0;
  std::size_t m_begin = 0;
};

struct Primitive {
  std::string name;
  std::vector<std::string> ports;  ///< the output first
  std::vector<std::string> rows;   ///< a sign for each field, ':' between them
  bool has_state = false;
};

tl::unexpected<Error> broken(const Primitive& primitive, std::string_view why) {
  return bad_input("primitive {}: {}", printable(primitive.name), why);
}

// The tokens from behind `primitive` to `endprimitive`.
Result<Primitive> parse(Tokens& tokens) {
  Primitive primitive;
  primitive.name = tokens.next();
  if (tokens.next() != "(") return broken(primitive, "no list of ports");
  std::string_view token = tokens.next();
  for (bool is_value = false; token != ")"; token = tokens.next()) {
    if (token.empty()) return broken(primitive, "its list of ports does not end");
    is_value = token == "=" || (is_value && token != ",");  // what a state begins with
    if (is_value) continue;
    if (token == "reg") primitive.has_state = true;
    else if (token != "," && token != "output" && token != "input") primitive.ports.emplace_back(token);
  }
  for (; token != "table"; token = tokens.next()) {
    if (token.empty() || token == "endprimitive") return broken(primitive, "no table");
    if (token == "reg") primitive.has_state = true;
  }
  std::string row;
  for (token = tokens.next(); token != "endtable"; token = tokens.next()) {
    if (token.empty()) return broken(primitive, "its table does not end");
    if (token == ";") primitive.rows.push_back(std::exchange(row, {}));
    else row += token;
  }
  if (tokens.next() != "endprimitive") return broken(primitive, "it does not end behind its table");
  if (primitive.ports.size() < 2) return broken(primitive, "it has no input");
  if (primitive.ports.size() > k_most_inputs + 1) return broken(primitive, "more than 10 inputs");
  if (primitive.rows.empty()) return broken(primitive, "its table has no row");
  if (primitive.rows.size() > k_most_rows) return broken(primitive, "its table has more than 4,096 rows");
  return primitive;
}

bool fits(char field, bool value) {
  return field == '?' || field == 'b' || field == 'B' || field == (value ? '1' : '0');
}

// The output for the inputs whose bits are those of `inputs`; nullopt: undefined.
std::optional<bool> output_of(const Primitive& primitive, std::size_t inputs) {
  for (const std::string& row : primitive.rows) {
    bool is_it = true;
    for (std::size_t k = 0; k + 2 < row.size(); ++k) is_it = is_it && fits(row[k], (inputs >> k & 1) != 0);
    if (!is_it) continue;
    if (row.back() == '0') return false;
    if (row.back() == '1') return true;
    return std::nullopt;
  }
  return std::nullopt;
}

std::string product_of(const Primitive& primitive, std::size_t inputs) {
  std::string text;
  for (std::size_t k = 0; k + 1 < primitive.ports.size(); ++k)
    text +=
        fmt::format("{}{}{}", k == 0 ? "" : " & ", (inputs >> k & 1) != 0 ? "" : "~", primitive.ports[k + 1]);
  return "(" + text + ")";
}

// The table as an expression.
Result<std::string> sum_of_products(const Primitive& primitive) {
  const std::size_t count = primitive.ports.size() - 1;
  for (const std::string& row : primitive.rows)
    if (row.size() != count + 2 || row[count] != ':')
      return broken(primitive, fmt::format("the row '{}' does not fit its {} inputs", printable(row), count));
  std::string sum;
  for (std::size_t inputs = 0; inputs < std::size_t{1} << count; ++inputs) {
    const std::optional<bool> output = output_of(primitive, inputs);
    if (!output) return std::string("1'bx");
    if (*output) sum += (sum.empty() ? "" : " | ") + product_of(primitive, inputs);
  }
  return sum.empty() ? "1'b0" : sum;
}

Result<std::string> module_of(const Primitive& primitive) {
  const auto inputs = std::vector<std::string>(primitive.ports.begin() + 1, primitive.ports.end());
  std::string text = fmt::format("module {} (output {}, input {});\n", primitive.name,
                                 primitive.ports.front(), fmt::join(inputs, ", input "));
  if (primitive.has_state) {
    text += fmt::format("\\$_DFF_P_ state (.C({0}), .D({0}), .Q({1}));\n", inputs.front(),
                        primitive.ports.front());
  } else {
    QFI_TRY(const std::string sum, sum_of_products(primitive));
    text += fmt::format("assign {} = {};\n", primitive.ports.front(), sum);
  }
  return text + "endmodule";
}

// Instances of primitives need no name, those of modules do.
std::string with_instance_names(std::string_view verilog,
                                const std::set<std::string, std::less<>>& primitives) {
  Tokens tokens(verilog);
  std::string text;
  std::size_t copied = 0;
  std::size_t number = 0;
  std::string_view before;  // the token, and the one before that
  std::string_view earlier;
  for (std::string_view token = tokens.next(); !token.empty();
       earlier = before, before = token, token = tokens.next()) {
    if (token != "(" || earlier == "module" || primitives.contains(earlier) || !primitives.contains(before))
      continue;
    text += verilog.substr(copied, tokens.begin() - copied);
    text += fmt::format(" qfi_primitive_{} ", number++);
    copied = tokens.begin();
  }
  return text.append(verilog.substr(copied));
}

}  // namespace

Result<std::string> primitives_as_modules(std::string_view verilog) {
  Tokens tokens(verilog);
  std::string text;
  std::set<std::string, std::less<>> names;
  std::size_t copied = 0;
  for (std::string_view token = tokens.next(); !token.empty(); token = tokens.next()) {
    if (token != "primitive") continue;
    text += verilog.substr(copied, tokens.begin() - copied);
    QFI_TRY(const Primitive primitive, parse(tokens));
    QFI_TRY(const std::string module, module_of(primitive));
    names.insert(primitive.name);
    text += module;
    if (text.size() > k_most_text)
      return broken(primitive, "with those before it takes more than 256 MB as modules");
    copied = tokens.end();
  }
  text.append(verilog.substr(copied));
  return names.empty() ? text : with_instance_names(text, names);
}

}  // namespace qfi
