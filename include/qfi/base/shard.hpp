// SPDX-License-Identifier: Apache-2.0
// Shard: which part of a work that several runs share is this run's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace qfi {

/// One of several parts of a campaign that run apart. The plan alone says what belongs to which.
struct Shard {
  std::uint64_t index = 1;  ///< 1 .. count
  std::uint64_t count = 1;
  bool operator==(const Shard&) const = default;
};
inline constexpr std::uint64_t k_most_shards = 100'000;

/// The shard that a text "I/N" names; nullopt: it names none.
std::optional<Shard> parse_shard(std::string_view text);

}  // namespace qfi
