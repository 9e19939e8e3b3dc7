// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/fault_combinations.hpp"

#include <gmock/gmock.h>

#include <set>

namespace qfi {
namespace {

TEST(FaultCombinations, EachIndexIsAnotherSet) {
  for (const FaultCombinations& all :
       {FaultCombinations{6, 1, 2}, {7, 3, 1}, {5, 2, 2}, {4, 4, 2}, {9, 5, 1}}) {
    std::set<std::vector<std::uint64_t>> sets;
    for (std::uint64_t i = 0; i < all.count(); ++i) {
      const std::vector<std::uint64_t> members = all.members(i);
      ASSERT_EQ(members.size(), all.together);
      for (std::size_t k = 0; k < members.size(); ++k) {
        EXPECT_LT(members[k], all.bits * all.models);
        if (k > 0) {
          EXPECT_LT(members[k - 1] / all.models, members[k] / all.models) << "different bits, rising";
        }
      }
      sets.insert(members);
    }
    EXPECT_EQ(sets.size(), all.count());
  }
}

TEST(FaultCombinations, AreCounted) {
  EXPECT_EQ((FaultCombinations{12, 2, 1}.count()), 66U);
  EXPECT_EQ((FaultCombinations{12, 2, 2}.count()), 264U);
  EXPECT_EQ((FaultCombinations{3, 4, 1}.count()), 0U);
  EXPECT_EQ((FaultCombinations{1000, 1000, 1}.count()), 1U);
  EXPECT_EQ((FaultCombinations{1'000'000, 20, 1}.count()), k_endless);
  EXPECT_EQ((FaultCombinations{100, 100, 2}.count()), k_endless) << "one set of bits, 2^100 polarities";
}

TEST(FaultCombinations, OfOneBitAreItsMembers) {
  for (std::uint64_t i = 0; i < 20; ++i)
    EXPECT_THAT((FaultCombinations{10, 1, 2}.members(i)), testing::ElementsAre(i));
}

TEST(FaultCombinations, TheLastOneHasTheHighestBits) {
  const FaultCombinations all{std::uint64_t{1} << 20, 3, 1};
  EXPECT_THAT(all.members(all.count() - 1),
              testing::ElementsAre((1U << 20) - 3, (1U << 20) - 2, (1U << 20) - 1));
}

}  // namespace
}  // namespace qfi
