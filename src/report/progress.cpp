// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/progress.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "qfi/report/table.hpp"

namespace qfi {

std::string rate_text(std::uint64_t before, std::uint64_t done, std::uint64_t total, const std::string& unit,
                      double seconds) {
  const double rate = static_cast<double>(done - before) / std::max(seconds, 1e-9);
  const double share = static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(total, 1));
  std::string text = fmt::format("{:.0f} %, {} of {} {}", 100.0 * share, done, total, unit);
  if (done > before)
    text +=
        fmt::format(", {:.1f} per s, {} left", rate, duration_text(static_cast<double>(total - done) / rate));
  return text;
}

std::string progress_text(const ProgressState& state, double seconds) {
  constexpr std::uint64_t k_width = 20;
  const std::uint64_t full = state.total == 0 ? k_width : k_width * state.done / state.total;
  std::string text = fmt::format("[{}{}] ", std::string(full, '#'), std::string(k_width - full, '.'));
  text += rate_text(state.recorded, state.done, state.total, fmt::format("trials ({} faults)", state.faults),
                    seconds);
  if (state.faults >= 2)
    text +=
        fmt::format(", classes change {:.2f} +- {:.2f} %", 100.0 * state.changed, 100.0 * state.half_width);
  return text;
}

}  // namespace qfi
