// SPDX-License-Identifier: Apache-2.0
// Owns MemberLists, the members of a population that each of many draws hit. A list goes in for each draw;
// any comes out. Where all have the same length, a draw takes 4 bytes a member, or 8 where members need them.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "qfi/base/hash.hpp"

namespace qfi {

class MemberLists {
 public:
  void reserve(std::uint64_t members) {
    if (m_wide.empty()) m_narrow.reserve(members);
    else m_wide.reserve(members);
  }
  void add(std::span<const std::uint64_t> list);

  std::uint64_t size() const { return m_size; }
  /// How many members all lists have together.
  std::uint64_t members() const { return m_wide.empty() ? m_narrow.size() : m_wide.size(); }
  std::uint64_t length_of(std::uint64_t list) const { return first_of(list + 1) - first_of(list); }
  std::uint64_t member(std::uint64_t list, std::uint64_t k) const { return at(first_of(list) + k); }
  std::vector<std::uint64_t> operator[](std::uint64_t list) const;
  /// All members as 64-bit numbers, then where each list begins, and the end.
  void add_to(DigestBuilder& digest) const;

 private:
  std::uint64_t first_of(std::uint64_t list) const {
    return m_first.empty() ? list * m_length : m_first[list];
  }
  std::uint64_t at(std::uint64_t place) const { return m_wide.empty() ? m_narrow[place] : m_wide[place]; }

  std::uint64_t m_size = 0;
  std::uint64_t m_length = 0;          ///< of all lists
  std::vector<std::uint64_t> m_first;  ///< where lists begin, and the end; empty: all have one length
  std::vector<std::uint32_t> m_narrow;
  std::vector<std::uint64_t> m_wide;  ///< in its place once a member needs it
};

}  // namespace qfi
