// SPDX-License-Identifier: Apache-2.0
#include "markup.hpp"

#include <sstream>

#include "qfi/base/text.hpp"

namespace qfi {
namespace {

std::string utf8(const std::string& text) {
  using Json = nlohmann::json;
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

}  // namespace

std::string xml(const std::string& text) {
  std::string escaped;
  for (const char c : utf8(printable(text))) {
    if (c == '&') escaped += "&amp;";
    else if (c == '<') escaped += "&lt;";
    else if (c == '>') escaped += "&gt;";
    else if (c == '"') escaped += "&quot;";
    else escaped += c;
  }
  return escaped;
}

std::string xml_lines(const std::string& text) {
  std::istringstream lines(text);
  std::string escaped;
  for (std::string line; std::getline(lines, line);) escaped += xml(line) + "\n";
  return escaped;
}

std::string markdown(const std::string& text) {
  std::string escaped;
  for (const char c : utf8(printable(text))) {
    if (c == '&') escaped += "&amp;";
    else if (c == '<') escaped += "&lt;";
    else if (c == '>') escaped += "&gt;";
    else if (std::string_view("\\`*_{}[]()#|!~").find(c) != std::string_view::npos)
      escaped += std::string("\\") + c;
    else escaped += c;
  }
  return escaped;
}

}  // namespace qfi
