// SPDX-License-Identifier: Apache-2.0
// How far a run is: a bar on a terminal, and a line a minute among the messages of logging.hpp.
#pragma once

#include <chrono>
#include <string>

#include "qfi/fault_sets/fault_set.hpp"

namespace qfi::cli {

class ProgressLine {
 public:
  ProgressLine();
  /// Says what is going on before there is anything to count.
  void note(const std::string& text);
  void update(const ProgressState& state);
  void update(std::uint64_t done, std::uint64_t total, const char* unit);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  template <class Text>
  void show(bool is_last, const Text& text);

  bool m_has_bar;
  Clock::time_point m_start;
  Clock::time_point m_drawn;
  Clock::time_point m_logged;
};

}  // namespace qfi::cli
