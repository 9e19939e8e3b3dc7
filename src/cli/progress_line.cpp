// SPDX-License-Identifier: Apache-2.0
#include "progress_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "logging.hpp"
#include "qfi/report/progress.hpp"

namespace qfi::cli {
namespace {

constexpr auto k_terminal_pause = std::chrono::milliseconds(200);
constexpr auto k_log_pause = std::chrono::minutes(1);

}  // namespace

ProgressLine::ProgressLine()
    : m_has_bar(::isatty(STDERR_FILENO) == 1 && is_shown(LogLevel::info)),
      m_start(Clock::now()),
      m_drawn(m_start),
      m_logged(m_start) {}

void ProgressLine::note(const std::string& text) {
  log(LogLevel::debug, text);
  if (m_has_bar) fmt::print(stderr, "\r\033[K{} ..", text);
  m_start = m_drawn = m_logged = Clock::now();
}

template <class Text>
void ProgressLine::show(bool is_last, const Text& text) {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - m_start).count();
  if (now - m_logged >= k_log_pause) {
    log(m_has_bar ? LogLevel::debug : LogLevel::info, text(seconds));
    m_logged = now;
  }
  if (m_has_bar && (now - m_drawn >= k_terminal_pause || is_last)) {
    fmt::print(stderr, "\r\033[K{}", text(seconds));
    m_drawn = now;
  }
}

void ProgressLine::update(const ProgressState& state) {
  if (state.done == state.recorded) m_start = m_drawn = m_logged = Clock::now();
  show(state.done == state.total, [&](double seconds) { return progress_text(state, seconds); });
}

void ProgressLine::update(std::uint64_t done, std::uint64_t total, const char* unit) {
  show(done == total, [&](double seconds) { return rate_text(0, done, total, unit, seconds); });
}

void ProgressLine::clear() {
  if (m_has_bar) fmt::print(stderr, "\r\033[K");
}

}  // namespace qfi::cli
