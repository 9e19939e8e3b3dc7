// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/fault_combinations.hpp"

#include <algorithm>

namespace qfi {
namespace {

// Ways to choose k of n; k_endless where they are as many or more. Every partial product is such a number
// too.
std::uint64_t choose(std::uint64_t n, std::uint64_t k) {
  if (k > n) return 0;
  k = std::min(k, n - k);
  unsigned __int128 ways = 1;
  for (std::uint64_t i = 0; i < k; ++i) {
    ways = ways * (n - i) / (i + 1);
    if (ways >= k_endless) return k_endless;
  }
  return static_cast<std::uint64_t>(ways);
}

// The largest n below `end` with choose(n, k) <= rank.
std::uint64_t largest_below(std::uint64_t end, std::uint64_t k, std::uint64_t rank) {
  std::uint64_t low = 0;
  while (end - low > 1) {
    const std::uint64_t middle = low + (end - low) / 2;
    (choose(middle, k) <= rank ? low : end) = middle;
  }
  return low;
}

}  // namespace

std::uint64_t FaultCombinations::count() const {
  unsigned __int128 ways = choose(bits, together);
  for (std::uint64_t i = 0; i < together && ways > 0; ++i) {
    if (ways >= k_endless || models == 1) break;
    ways *= models;
  }
  return ways >= k_endless ? k_endless : static_cast<std::uint64_t>(ways);
}

// The combinatorial number system: a set c_1 < .. < c_k has the rank choose(c_1, 1) + .. + choose(c_k, k).
std::vector<std::uint64_t> FaultCombinations::members(std::uint64_t index) const {
  const std::uint64_t of_each_set = count() / choose(bits, together);
  std::uint64_t rank = index / of_each_set;
  std::uint64_t choices = index % of_each_set;
  std::vector<std::uint64_t> result(together);
  std::uint64_t end = bits;
  for (std::uint64_t k = together; k > 0; --k) {
    end = largest_below(end, k, rank);
    rank -= choose(end, k);
    result[k - 1] = end * models + choices % models;
    choices /= models;
  }
  return result;
}

}  // namespace qfi
