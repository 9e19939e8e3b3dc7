// SPDX-License-Identifier: Apache-2.0
// Shares and lines of terminal tables; base/number_text.hpp says in how many digits.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "qfi/base/number_text.hpp"
#include "qfi/statistics/statistics.hpp"

namespace qfi {

inline std::string left_out_line(std::uint64_t values) {
  if (values == 0) return "";
  return fmt::format("\n  left out: {} constants of these operators that are neither weights nor biases\n",
                     values);
}

inline std::string percent(double share) { return fmt::format("{:>7}", percent_text(share)); }

inline std::string fine_percent(double share) { return fine_percent_text(share); }

// "LOW .. HIGH %". Text: (share) -> std::string that ends with " %".
template <class Text>
std::string bounds_as(const std::optional<Interval>& interval, const Text& text) {
  if (!interval) return "no interval";
  std::string low = text(interval->low);
  low.resize(low.size() - std::string_view(" %").size());
  return low + " .. " + text(interval->high);
}

inline std::string bounds(const std::optional<Interval>& interval) {
  return bounds_as(interval, [](double share) { return percent_text(share); });
}

inline std::string fine_bounds(const std::optional<Interval>& interval) {
  return bounds_as(interval, fine_percent_text);
}

}  // namespace qfi
