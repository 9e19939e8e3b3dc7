// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace qfi {

/// The candidate with the smallest edit distance to `text`, if it is close enough to be a slip.
std::optional<std::string> most_similar(std::string_view text, std::span<const std::string> candidates);

}  // namespace qfi
