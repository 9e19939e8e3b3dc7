// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace qfi {
namespace {

constexpr double k_least_written_out = 1e-6;  // of the whole
constexpr int k_most_decimals = 15;
constexpr double k_rounding = 1e-9;  // 100 - 99.9 is a little less than 0.1

// Decimals that show the first `digits` digits of a number above 0.
int decimals_of(double number, int digits) {
  return digits - 1 - static_cast<int>(std::floor(std::log10(number) + k_rounding));
}

std::string power_of_ten(double value) {
  std::string text = fmt::format("{:.1e}", value);  // "1.2e-07"
  const auto zero = text.find("e-0");
  if (zero != std::string::npos) text.erase(zero + 2, 1);
  return text;
}

}  // namespace

std::string number_text(double value, double whole, int decimals) {
  if (std::isnan(value)) return "nan";
  const double size = std::abs(value);
  const double missing = std::abs(whole - size);
  if (size == 0) value = 0;  // without a sign
  if (size > 0 && size < k_least_written_out * whole) return power_of_ten(value);
  const double step = std::pow(10.0, -decimals);
  for (const double distance : {size, missing})
    if (distance > 0 && distance < step * (1 - k_rounding))
      decimals = std::max(decimals, decimals_of(distance, 2));
  return fmt::format("{:.{}f}", value, std::min(decimals, k_most_decimals));
}

std::string percent_text(double share, int decimals) {
  return number_text(100.0 * share, 100.0, decimals) + " %";
}

std::string fine_percent_text(double share) {
  constexpr double k_few = 10;
  const double size = std::abs(100.0 * share);
  return percent_text(share, size > 0 && size < k_few ? decimals_of(size, 3) : 1);
}

std::string points_text(double difference) {
  constexpr int k_decimals = 2;
  return (difference >= 0 ? "+" : "") + number_text(100.0 * difference, 100.0, k_decimals);
}

}  // namespace qfi
