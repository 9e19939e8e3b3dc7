// SPDX-License-Identifier: Apache-2.0
// Owns RunLengthList, a long list of numbers in which the same one stands many times in a row. Numbers go in
// at its end; any of them comes out. It takes memory for each change of the number alone.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

namespace qfi {

class RunLengthList {
 public:
  /// Places first .. end-1 hold `value`.
  struct Run {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    std::uint32_t value = 0;
  };

  void add(std::uint32_t value, std::uint64_t count = 1) {
    if (count == 0) return;
    if (m_runs.empty() || m_runs.back().value != value) m_runs.push_back({size(), size(), value});
    m_runs.back().end += count;
  }
  std::uint64_t size() const { return m_runs.empty() ? 0 : m_runs.back().end; }
  /// Precondition: place < size().
  std::uint32_t operator[](std::uint64_t place) const {
    assert(place < size());
    return std::ranges::upper_bound(m_runs, place, {}, &Run::end)->value;
  }
  const std::vector<Run>& runs() const { return m_runs; }

 private:
  std::vector<Run> m_runs;
};

}  // namespace qfi
