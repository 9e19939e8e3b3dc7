// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/shard.hpp"

#include "qfi/base/text.hpp"

namespace qfi {

std::optional<Shard> parse_shard(std::string_view text) {
  const auto parts = split(text, '/');
  Shard shard;
  if (parts.size() != 2 || !parse_number(parts[0], shard.index) || !parse_number(parts[1], shard.count) ||
      shard.index < 1 || shard.index > shard.count || shard.count > k_most_shards)
    return std::nullopt;
  return shard;
}

}  // namespace qfi
