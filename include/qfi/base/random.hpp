// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: a draw is a function of (seed, purpose, index), never of a shared
// generator's state, so that threads, shards and the order of work cannot change it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace qfi {

/// 64 uniform bits. `purpose` keeps the streams of different uses apart.
std::uint64_t random_bits(std::uint64_t seed, std::string_view purpose, std::uint64_t index,
                          std::uint64_t attempt = 0);

/// Uniform in 0 .. bound-1, without modulo bias. Precondition: bound > 0.
std::uint64_t random_below(std::uint64_t seed, std::string_view purpose, std::uint64_t index,
                           std::uint64_t bound);

/// `count` different members of 0 .. population-1, every ordered selection equally likely
/// (Fisher-Yates over a sparse array). A longer draw begins with every shorter one.
/// Precondition: count <= population. Memory grows with count only.
std::vector<std::uint64_t> draw_without_replacement(std::uint64_t population, std::uint64_t count,
                                                    std::uint64_t seed, std::string_view purpose);

}  // namespace qfi
