// SPDX-License-Identifier: Apache-2.0
// What a codec may be beside copies of one value: groups of values, and check bits that belong to no value.
#include "qfi/faults/storage_codec.hpp"

#include <gmock/gmock.h>

#include <bit>
#include <bitset>
#include <set>

#include "draw.hpp"
#include "fault_sets/bit_runner.hpp"
#include "qfi/faults/bit_strata.hpp"
#include "support.hpp"

namespace qfi {
namespace {

using testing::ElementsAre;

/// Two values whose bits alternate behind their parity, which comes first.
class Parity final : public StorageCodec {
 public:
  explicit Parity(int width) : StorageCodec(layout_of(width)) {}

  StoredWord encode(std::span<const std::uint32_t> codes) const override {
    StoredWord stored;
    stored.set(0, std::popcount(codes[0] ^ codes[1]) % 2 != 0);
    for (int value = 0; value < 2; ++value)
      for (int bit = 0; bit < layout().width; ++bit)
        stored.set(place(value, bit), (codes[static_cast<std::size_t>(value)] >> bit & 1U) != 0);
    return stored;
  }
  bool decode(const StoredWord& stored, std::span<std::uint32_t> codes) const override {
    for (int value = 0; value < 2; ++value) {
      std::uint32_t& code = codes[static_cast<std::size_t>(value)] = 0;
      for (int bit = 0; bit < layout().width; ++bit)
        code |= std::uint32_t{stored.bit(place(value, bit))} << bit;
    }
    return stored.bit(0) != (std::popcount(codes[0] ^ codes[1]) % 2 != 0);
  }

  static int place(int value, int bit) { return 1 + 2 * bit + value; }

 private:
  static GroupLayout layout_of(int width) {
    GroupLayout layout{2, width, {std::nullopt}};
    for (int bit = 0; bit < width; ++bit)
      for (int value = 0; value < 2; ++value) layout.stored_bits.push_back(ValueBit{value, bit});
    return layout;
  }
};

Storage parity(int width = 8) { return {StorageParams{}, std::make_shared<const Parity>(width)}; }

TEST(StorageCodec, AWordHoldsBitsAcrossItsParts) {
  test::Draw draw(1);
  for (int round = 0; round < 500; ++round) {
    StoredWord word;
    std::bitset<StoredWord::k_capacity> expected;
    for (int k = 0; k < 8; ++k) {
      const int index = draw(0, StoredWord::k_capacity - 32);
      const std::uint32_t bits = draw.bits();
      word.put(index, bits);
      for (int i = 0; i < 32; ++i)
        if ((bits >> i & 1U) != 0) expected.set(static_cast<std::size_t>(index + i));
      const int hit = draw(0, StoredWord::k_capacity - 1);
      word.flip(hit);
      expected.flip(static_cast<std::size_t>(hit));
      const int set = draw(0, StoredWord::k_capacity - 1);
      word.set(set, k % 2 == 0);
      expected.set(static_cast<std::size_t>(set), k % 2 == 0);
    }
    for (int i = 0; i < StoredWord::k_capacity; ++i)
      ASSERT_EQ(word.bit(i), expected[static_cast<std::size_t>(i)]) << i;
    for (int k = 0; k < 20; ++k) {
      const int count = draw(1, 32);
      const int index = draw(0, StoredWord::k_capacity - count);
      std::uint32_t bits = 0;
      for (int i = 0; i < count; ++i)
        bits |= std::uint32_t{expected[static_cast<std::size_t>(index + i)]} << i;
      ASSERT_EQ(word.bits(index, count), bits) << index << ", " << count;
    }
  }
}

TEST(StorageCodec, StoredBitsBelongToValuesOrToNone) {
  const Storage storage = parity(4);
  EXPECT_EQ(storage.stored_bits(), 9);
  EXPECT_EQ(storage.values(), 2);
  EXPECT_EQ(storage.params().width, 4);
  EXPECT_THAT(storage.check_bits(), ElementsAre(0));
  EXPECT_THAT(storage.bits_of_value(0), ElementsAre(1, 3, 5, 7));
  EXPECT_THAT(storage.bits_of_value(1), ElementsAre(2, 4, 6, 8));
  EXPECT_EQ(storage.bit_of(0), std::nullopt);
  EXPECT_EQ(storage.bit_of(6), 2);
  EXPECT_EQ(storage.index_of({1, 2}), 6);
  EXPECT_EQ(storage.index_in(1, 5), 6);
  EXPECT_EQ(storage.group_of(7), 3U);
  EXPECT_EQ(storage.owner_of(7, 6), 7U);
  EXPECT_EQ(storage.owner_of(6, 6), 7U);
  EXPECT_EQ(storage.owner_of(7, 0), 6U) << "the group's first";
}

TEST(StorageCodec, FaultsHitTheirValueAloneAndCheckBitsNone) {
  const Storage storage = parity(4);
  for (std::uint32_t both = 0; both < 256; ++both)
    for (int index = 0; index < storage.stored_bits(); ++index)
      for (const BitFaultModel model :
           {BitFaultModel::flip, BitFaultModel::stuck_at_0, BitFaultModel::stuck_at_1}) {
        const std::array<std::uint32_t, 2> written{both & 15U, both >> 4U};
        const bool was_set = storage.is_set(written, index);
        const bool moves = model == BitFaultModel::flip || (model == BitFaultModel::stuck_at_1) != was_set;
        std::array<std::uint32_t, 2> expected = written;
        const auto& kept = storage.value_bit(index);
        if (kept && moves) expected[static_cast<std::size_t>(kept->value)] ^= 1U << kept->bit;
        std::array<std::uint32_t, 2> codes = written;
        const StoredBitFault fault{index, model};
        const Reading reading = storage.read(codes, {&fault, 1});
        ASSERT_EQ(codes, expected);
        ASSERT_EQ(reading.code, codes[0]);
        ASSERT_EQ(reading.is_detected, moves);
        ASSERT_EQ(reading.is_wrong, kept && moves);
      }
}

TEST(StorageCodec, TwoFaultsOfAGroupAreMissedByParity) {
  std::array<std::uint32_t, 2> codes{0x35, 0xF0};
  const std::array faults{StoredBitFault{Parity::place(0, 7)}, StoredBitFault{Parity::place(1, 0)}};
  EXPECT_TRUE(parity().read(codes, faults).is_missed());
  EXPECT_THAT(codes, ElementsAre(0x35U ^ 0x80U, 0xF1U));
}

TEST(StorageCodec, AnIncompleteGroupIsKeptWithZeros) {
  std::uint32_t code = 0x107;
  const StoredBitFault fault{Parity::place(0, 0)};
  const Reading reading = parity().read(std::span(&code, 1), {&fault, 1});
  EXPECT_EQ(code, 6U);
  EXPECT_TRUE(reading.is_detected && reading.is_wrong);
  EXPECT_TRUE(parity().is_set(std::array{7U}, 0)) << "the parity of 7 and 0";
}

// 5 values are 2 groups and one that is incomplete; of the pruned ones, 3, 8 and 9 lie in two groups.
TEST(StorageCodec, EverySchemeDividesValueBitsAndCheckBits) {
  std::vector<StoredValues> stored = {{2, 5, parity(), place_values(8), {}},
                                      {2, 3, parity(4), place_values(4), {3, 8, 9}},
                                      {7, 2, *Storage::make({}), place_values(8), {}}};
  EXPECT_EQ(stored[0].stored_bits(), 5U * 8 + 3);
  EXPECT_EQ(stored[1].stored_bits(), 3U * 4 + 2);
  EXPECT_THAT(stored[0].groups(), ElementsAre(0, 2, 4));
  EXPECT_THAT(stored[1].groups(), ElementsAre(2, 8));
  const std::uint64_t population = 5 * 8 + 3 + 3 * 4 + 2 + 2 * 8;
  const std::pair<BitScheme, std::size_t> schemes[] = {{BitScheme::network, 1},
                                                       {BitScheme::layer, 2},
                                                       {BitScheme::bit, 8 + 1 + 4 + 1 + 8},
                                                       {BitScheme::data_aware, 8 + 1 + 4 + 1 + 8}};
  for (const auto& [scheme, count] : schemes) {
    const auto strata = make_bit_strata(stored, scheme);
    EXPECT_EQ(strata.size(), count);
    std::set<BitSite> sites;
    for (const BitStratum& stratum : strata)
      for (std::uint64_t i = 0; i < stratum.population(); ++i) {
        const BitSite site = bit_member(stored, stratum, i);
        const StoredValues& values = stored[site.values];
        ASSERT_TRUE(sites.insert(site).second);
        ASSERT_EQ(values.storage.owner_of(site.element, site.stored_bit), site.element);
        const auto bit = values.storage.bit_of(site.stored_bit);
        const bool is_of_list = bit && !values.elements.empty();
        ASSERT_TRUE(!is_of_list || std::ranges::binary_search(values.elements, site.element));
        ASSERT_EQ(stratum.is_of_checks(), count > 2 && !bit);
        ASSERT_TRUE(!stratum.bit || stratum.bit == bit);
      }
    EXPECT_EQ(sites.size(), population);
  }
}

TEST(StorageCodec, CheckBitsAreAStratumOfTheirOwnAfterTheBits) {
  const std::vector<StoredValues> stored = {{2, 5, parity(3), place_values(3), {}}};
  const auto strata = make_bit_strata(stored, BitScheme::data_aware);
  ASSERT_EQ(strata.size(), 4U);
  for (int bit = 0; bit < 3; ++bit) {
    EXPECT_EQ(strata[static_cast<std::size_t>(bit)].bit, bit);
    EXPECT_FALSE(strata[static_cast<std::size_t>(bit)].is_of_checks());
  }
  EXPECT_TRUE(strata[3].is_of_checks());
  EXPECT_EQ(strata[3].bit, std::nullopt);
  EXPECT_EQ(strata[3].layer, 2U);
  EXPECT_EQ(strata[3].p, 0.5);
  EXPECT_EQ(strata[3].population(), 3U);
  EXPECT_EQ(bit_member(stored, strata[3], 1), (BitSite{0, 2, 0}));
  EXPECT_EQ(bit_member(stored, strata[1], 3), (BitSite{0, 3, Parity::place(1, 1)}));
  const int bits[] = {1};
  for (const BitScheme scheme : {BitScheme::network, BitScheme::bit})
    EXPECT_EQ(make_bit_strata(stored, scheme, bits)[0].population(), 5U) << "a check bit is no bit 1";
}

/// The demo network's weights in groups of two, and its faults as they are read.
struct GroupedWeights {
  Program program = *Program::prepare(*load_tflite(test::source_folder() / "campaigns/demo/shapes.tflite"));
  BitFaultConfig config;
  BitPopulation values = *find_population(program, config, SampleScheme::network);

  GroupedWeights() { values.stored[0].storage = parity(); }
  std::uint8_t weight(std::uint64_t element) const {
    const int tensor = values.places[0].tensor;
    return static_cast<std::uint8_t>(program.model().tensors[static_cast<std::size_t>(tensor)].data[element]);
  }
  BitOutcome outcome_of(const std::vector<BitSite>& sites, std::vector<ConstantFault>& constants) const {
    FaultyReads reads(program, values, {sites, std::vector<BitFaultModel>(sites.size())}, false);
    constants = reads.constants();
    BitOutcome outcome;
    reads.begin_trials(1);
    const FaultCounts none;
    reads.end_trial(0, none, outcome);
    return outcome;
  }
};

TEST(StorageCodec, FaultyWeightsAreReadGroupByGroup) {
  const GroupedWeights weights;
  std::vector<ConstantFault> constants;
  const BitOutcome one = weights.outcome_of({{0, 5, Parity::place(1, 7)}}, constants);
  ASSERT_EQ(constants.size(), 1U);
  EXPECT_EQ(constants[0].element, 5U);
  EXPECT_EQ(constants[0].bits, weights.weight(5) ^ 0x80U);
  EXPECT_EQ(one.reads, 1U);
  EXPECT_EQ(one.detected, 1U);
  EXPECT_EQ(one.corrected, 0U);
  EXPECT_EQ(one.value, std::pair(std::uint32_t{weights.weight(5)}, constants[0].bits));
  EXPECT_EQ(one.of_direction[weights.weight(5) < 0x80 ? 0 : 1].trials, 1U);

  const BitOutcome two =
      weights.outcome_of({{0, 5, Parity::place(1, 0)}, {0, 8, 1}, {0, 4, Parity::place(0, 0)}}, constants);
  ASSERT_EQ(constants.size(), 3U);
  EXPECT_EQ(constants[0].element, 4U);
  EXPECT_EQ(constants[1].element, 5U);
  EXPECT_EQ(constants[2].element, 8U);
  EXPECT_EQ(two.reads, 2U) << "of 4 and 5 together, and of 8 and 9";
  EXPECT_EQ(two.missed, 1U);
  EXPECT_EQ(two.detected, 1U);
  EXPECT_EQ(two.value, std::nullopt);
}

TEST(StorageCodec, AFaultyCheckBitChangesNoWeight) {
  const GroupedWeights weights;
  std::vector<ConstantFault> constants;
  const BitOutcome outcome = weights.outcome_of({{0, 6, 0}}, constants);
  EXPECT_TRUE(constants.empty());
  EXPECT_EQ(outcome.corrected, 1U);
  EXPECT_EQ(outcome.value, std::nullopt);
  EXPECT_FALSE(outcome.has_mixed_values);
  const bool was_set = std::popcount(static_cast<unsigned>(weights.weight(6) ^ weights.weight(7))) % 2 != 0;
  EXPECT_EQ(outcome.of_direction[was_set ? 1 : 0].trials, 1U);
  EXPECT_EQ(outcome.of_magnitude[static_cast<std::size_t>(Magnitude::neither)].trials, 1U);
}

}  // namespace
}  // namespace qfi
