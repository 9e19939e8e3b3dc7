// SPDX-License-Identifier: Apache-2.0
#include "qfi/report/progress.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "qfi/base/number_text.hpp"
#include "qfi/report/table.hpp"

namespace qfi {

std::string rate_text(std::uint64_t before, std::uint64_t done, std::uint64_t total, const std::string& unit,
                      double seconds) {
  const double rate = static_cast<double>(done - before) / std::max(seconds, 1e-9);
  // Rounded down, so that 100 % is done.
  const std::uint64_t percent = 100 * done / std::max<std::uint64_t>(total, 1);
  std::string text = fmt::format("{} %, {} of {} {}", percent, done, total, unit);
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
    text += fmt::format(", classes change {} +- {}", number_text(100.0 * state.changed, 100.0, 2),
                        percent_text(state.half_width, 2));
  return text;
}

}  // namespace qfi
