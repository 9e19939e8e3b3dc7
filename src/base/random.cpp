// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/random.hpp"

#include <array>
#include <cassert>
#include <unordered_map>

#include "qfi/base/hash.hpp"

namespace qfi {

std::uint64_t random_bits(std::uint64_t seed, std::string_view purpose, std::uint64_t index,
                          std::uint64_t attempt) {
  const std::uint64_t stream = xxh64(std::as_bytes(std::span(purpose)), seed);
  const std::array<std::uint64_t, 2> counter{index, attempt};
  return xxh64(std::as_bytes(std::span(counter)), stream);
}

std::uint64_t random_below(std::uint64_t seed, std::string_view purpose, std::uint64_t index,
                           std::uint64_t bound) {
  assert(bound > 0);
  // Values at or above the largest multiple of `bound` would favour small remainders: draw again.
  const std::uint64_t tail = (0 - bound) % bound;  // 2^64 mod bound
  for (std::uint64_t attempt = 0;; ++attempt) {
    const std::uint64_t bits = random_bits(seed, purpose, index, attempt);
    if (tail == 0 || bits < 0 - tail) return bits % bound;
  }
}

std::vector<std::uint64_t> draw_without_replacement(std::uint64_t population, std::uint64_t count,
                                                    std::uint64_t seed, std::string_view purpose) {
  assert(count <= population);
  std::unordered_map<std::uint64_t, std::uint64_t> moved;  // slots that no longer hold themselves
  const auto slot = [&](std::uint64_t i) {
    const auto found = moved.find(i);
    return found == moved.end() ? i : found->second;
  };
  std::vector<std::uint64_t> drawn;
  drawn.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t j = i + random_below(seed, purpose, i, population - i);
    drawn.push_back(slot(j));
    moved[j] = slot(i);
  }
  return drawn;
}

}  // namespace qfi
