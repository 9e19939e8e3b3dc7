// SPDX-License-Identifier: Apache-2.0
#include "qfi/fault_sets/member_lists.hpp"

#include <array>

namespace qfi {
namespace {

// Numbers one by one, in pieces of memory.
template <class NumberOf>
void add_numbers(std::uint64_t count, const NumberOf& number_of, DigestBuilder& digest) {
  std::array<std::uint64_t, 512> piece;
  for (std::uint64_t first = 0; first < count; first += piece.size()) {
    const std::uint64_t size = std::min<std::uint64_t>(piece.size(), count - first);
    for (std::uint64_t i = 0; i < size; ++i) piece[i] = number_of(first + i);
    digest.add(std::as_bytes(std::span(piece).first(size)));
  }
}

}  // namespace

void MemberLists::add(std::span<const std::uint64_t> list) {
  if (m_size == 0) m_length = list.size();
  if (m_first.empty() && list.size() != m_length)
    for (std::uint64_t i = 0; i <= m_size; ++i) m_first.push_back(i * m_length);
  for (const std::uint64_t member : list) {
    if (m_wide.empty() && member > std::numeric_limits<std::uint32_t>::max()) {
      m_wide.assign(m_narrow.begin(), m_narrow.end());
      m_narrow = {};
    }
    if (m_wide.empty() && member <= std::numeric_limits<std::uint32_t>::max())
      m_narrow.push_back(static_cast<std::uint32_t>(member));
    else m_wide.push_back(member);
  }
  ++m_size;
  if (!m_first.empty()) m_first.push_back(members());
}

std::vector<std::uint64_t> MemberLists::operator[](std::uint64_t list) const {
  std::vector<std::uint64_t> members;
  for (std::uint64_t i = first_of(list); i < first_of(list + 1); ++i) members.push_back(at(i));
  return members;
}

void MemberLists::add_to(DigestBuilder& digest) const {
  add_numbers(
      members(), [&](std::uint64_t i) { return at(i); }, digest);
  add_numbers(
      m_size + 1, [&](std::uint64_t i) { return first_of(i); }, digest);
}

}  // namespace qfi
