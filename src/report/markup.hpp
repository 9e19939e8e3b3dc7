// SPDX-License-Identifier: Apache-2.0
// Text from files within XML, HTML and Markdown.
#pragma once

#include <string>

namespace qfi {

/// Between tags, or in an attribute in double quotes. Control characters become spaces, what is not UTF-8 a
/// replacement character.
std::string xml(const std::string& text);
/// The same, line by line.
std::string xml_lines(const std::string& text);
std::string markdown(const std::string& text);

}  // namespace qfi
