// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "qfi/base/random.hpp"

namespace qfi::test {

// Random numbers of one case.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : m_seed(seed) {}
  int operator()(int first, int last) {
    return first + static_cast<int>(
                       random_below(m_seed, "case", m_next++, static_cast<std::uint64_t>(last - first + 1)));
  }
  std::uint64_t wide() { return std::uint64_t{bits()} << 32U | bits(); }
  std::uint32_t bits() { return static_cast<std::uint32_t>(random_bits(m_seed, "case", m_next++)); }

 private:
  std::uint64_t m_seed;
  std::uint64_t m_next = 0;
};

}  // namespace qfi::test
