// SPDX-License-Identifier: Apache-2.0
// Owns what is said where a selection selects nothing: one line with the key, why it is so, and what the key
// could select instead.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"

namespace qfi {

/// What a key could select.
struct Selectable {
  std::string what;                ///< "operators with weights"
  std::vector<std::string> names;  ///< the words that select them, each once or more often
};

/// "a, b, c"; of many names the first ones and how many there are; "none" of none.
std::string name_list(std::span<const std::string> names);

/// The numbers, rising and each once, as names; neighbours are one name: "0 to 7".
std::vector<std::string> number_names(std::vector<std::uint64_t> numbers);
/// The names of 0 .. count-1.
std::vector<std::string> number_names_below(std::uint64_t count);

/// "KEY: WHY; WHAT: NAMES" as the text of a message.
std::string selection_text(std::string_view key, std::string_view why, const Selectable& selectable);
/// Gives the same as an error, which `given` may be a slip of. `given`: the value that selects nothing, empty
/// where it is no name.
tl::unexpected<Error> selects_nothing(std::string_view key, std::string_view given, std::string_view why,
                                      const Selectable& selectable);

}  // namespace qfi
