// SPDX-License-Identifier: Apache-2.0
// How far a run is, on stderr: a bar on a terminal, a line a minute in a log.
#pragma once

#include <chrono>
#include <string>

#include "qfi/fault_sets/fault_set.hpp"

namespace qfi::cli {

class ProgressLine {
 public:
  explicit ProgressLine(bool is_quiet = false);
  /// Says what is going on before there is anything to count.
  void note(const std::string& text);
  void update(const ProgressState& state);
  void update(std::uint64_t done, std::uint64_t total, const char* unit);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  template <class Text>
  void show(bool is_last, const Text& text);

  bool m_is_terminal;
  bool m_is_quiet;
  Clock::time_point m_start;
  Clock::time_point m_shown;
};

}  // namespace qfi::cli
