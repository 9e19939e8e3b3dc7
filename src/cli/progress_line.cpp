// SPDX-License-Identifier: Apache-2.0
#include "progress_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "qfi/report/progress.hpp"

namespace qfi::cli {
namespace {

constexpr auto k_terminal_pause = std::chrono::milliseconds(200);
constexpr auto k_log_pause = std::chrono::minutes(1);

}  // namespace

ProgressLine::ProgressLine(bool is_quiet)
    : m_is_terminal(::isatty(STDERR_FILENO) == 1),
      m_is_quiet(is_quiet),
      m_start(Clock::now()),
      m_shown(m_start) {}

void ProgressLine::note(const std::string& text) {
  if (m_is_terminal && !m_is_quiet) fmt::print(stderr, "\r\033[K{} ..", text);
  m_start = m_shown = Clock::now();
}

template <class Text>
void ProgressLine::show(bool is_last, const Text& text) {
  const auto now = Clock::now();
  if (m_is_quiet) return;
  if (m_is_terminal && (now - m_shown >= k_terminal_pause || is_last))
    fmt::print(stderr, "\r\033[K{}", text(std::chrono::duration<double>(now - m_start).count()));
  else if (!m_is_terminal && now - m_shown >= k_log_pause)
    fmt::print(stderr, "{}\n", text(std::chrono::duration<double>(now - m_start).count()));
  else return;
  m_shown = now;
}

void ProgressLine::update(const ProgressState& state) {
  if (state.done == state.recorded) m_start = m_shown = Clock::now();
  show(state.done == state.total, [&](double seconds) { return progress_text(state, seconds); });
}

void ProgressLine::update(std::uint64_t done, std::uint64_t total, const char* unit) {
  show(done == total, [&](double seconds) { return rate_text(0, done, total, unit, seconds); });
}

void ProgressLine::clear() {
  if (m_is_terminal && !m_is_quiet) fmt::print(stderr, "\r\033[K");
}

}  // namespace qfi::cli
