// SPDX-License-Identifier: Apache-2.0
// Lists of many numbers in little memory.
#include "qfi/fault_sets/member_lists.hpp"

#include "qfi/base/random.hpp"
#include "qfi/base/run_length_list.hpp"
#include "support.hpp"

namespace qfi {
namespace {

TEST(MemberLists, GiveBackWhatWasAddedWhateverItsLengthAndSize) {
  for (const bool has_large : {false, true})
    for (const bool has_one_length : {false, true}) {
      std::vector<std::vector<std::uint64_t>> lists;
      MemberLists members;
      for (std::uint64_t i = 0; i < 300; ++i) {
        std::vector<std::uint64_t> list(has_one_length ? 2 : random_below(3, "length", i, 5));
        for (std::size_t k = 0; k < list.size(); ++k)
          list[k] = random_below(3, "member", 10 * i + k,
                                 has_large && i > 100 ? std::uint64_t{1} << 40 : std::uint64_t{1} << 32);
        lists.push_back(list);
        members.add(list);
      }
      ASSERT_EQ(members.size(), lists.size());
      std::vector<std::uint64_t> all, first = {0};
      for (std::size_t i = 0; i < lists.size(); ++i) {
        EXPECT_EQ(members[i], lists[i]);
        EXPECT_EQ(members.length_of(i), lists[i].size());
        for (std::size_t k = 0; k < lists[i].size(); ++k) EXPECT_EQ(members.member(i, k), lists[i][k]);
        all.insert(all.end(), lists[i].begin(), lists[i].end());
        first.push_back(all.size());
      }
      EXPECT_EQ(members.members(), all.size());
      DigestBuilder expected, found;
      expected.add(std::as_bytes(std::span(all)));
      expected.add(std::as_bytes(std::span(first)));
      members.add_to(found);
      EXPECT_EQ(found.digest().hex(), expected.digest().hex());
    }
}

TEST(RunLengthList, GivesBackWhatWasAdded) {
  std::vector<std::uint32_t> plain;
  RunLengthList list;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto value = static_cast<std::uint32_t>(random_below(4, "value", i, 3));
    const std::uint64_t count = random_below(4, "count", i, 4);
    plain.insert(plain.end(), count, value);
    list.add(value, count);
  }
  ASSERT_EQ(list.size(), plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(list[i], plain[i]) << i;
  EXPECT_LT(list.runs().size(), 200U);
  EXPECT_EQ(RunLengthList().size(), 0U);
}

}  // namespace
}  // namespace qfi
