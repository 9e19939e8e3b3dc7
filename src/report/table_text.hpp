// SPDX-License-Identifier: Apache-2.0
// Numbers and lines of terminal tables.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>

#include "qfi/statistics/statistics.hpp"

namespace qfi {

inline std::string left_out_line(std::uint64_t values) {
  if (values == 0) return "";
  return fmt::format("\n  left out: {} constants of these operators that are neither weights nor biases\n",
                     values);
}

inline std::string percent(double share) { return fmt::format("{:5.1f} %", 100.0 * share); }

// Small shares need more digits: as many as show three.
inline int digits_of(double share) {
  int digits = 1;
  double percent = 100.0 * share;
  while (percent > 0 && percent < 10.0 && digits < 7) {
    percent *= 10.0;
    ++digits;
  }
  return digits;
}

inline std::string fine_percent(double share) {
  return fmt::format("{:.{}f} %", 100.0 * share, digits_of(share));
}

inline std::string bounds(const std::optional<Interval>& interval) {
  if (!interval) return "no interval";
  return fmt::format("{:.1f} .. {:.1f} %", 100.0 * interval->low, 100.0 * interval->high);
}

inline std::string fine_bounds(const std::optional<Interval>& interval) {
  if (!interval) return "no interval";
  const int digits = digits_of(interval->high);
  return fmt::format("{:.{}f} .. {:.{}f} %", 100.0 * interval->low, digits, 100.0 * interval->high, digits);
}

}  // namespace qfi
