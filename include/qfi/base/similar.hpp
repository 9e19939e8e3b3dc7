// SPDX-License-Identifier: Apache-2.0
// Slips of the pen: a word and the possible ones go in, the one that was meant comes out, for messages.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace qfi {

/// The candidate with the smallest edit distance to `text`, nullopt: none is close enough to be a slip.
std::optional<std::string> most_similar(std::string_view text, std::span<const std::string> candidates);

}  // namespace qfi
