// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/storage.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "support.hpp"

namespace qfi {
namespace {

Storage storage(int width, Protection protection, int top_bits = 1, int unprotected_bits = 0) {
  auto made = Storage::make({width, protection, top_bits, unprotected_bits});
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return *made;
}

int signed_value(std::uint32_t code, int width) {
  const int value = static_cast<int>(code);
  return value >= 1 << (width - 1) ? value - (1 << width) : value;
}

TEST(Storage, KeepsAsManyBitsAsPublished) {
  EXPECT_EQ(storage(8, Protection::plain).stored_bits(), 8);
  EXPECT_EQ(storage(8, Protection::tmr).stored_bits(), 8 + 16);
  EXPECT_EQ(storage(8, Protection::vandor).stored_bits(), 8 + 9);  // 9 extra cells (IOLTS 2025)
  EXPECT_EQ(storage(5, Protection::triplicated).stored_bits(), 5 + 2);
  EXPECT_EQ(storage(8, Protection::vandor, 2, 3).stored_bits(), 8 + 5 + 2);
  EXPECT_EQ(storage(32, Protection::tmr).stored_bits(), 96);
}

TEST(Storage, StoredBitsCoverEveryCopyOfEveryBit) {
  const std::pair<Storage, std::vector<int>> cases[] = {
      // copies of each bit, from the lowest
      {storage(8, Protection::plain), {1, 1, 1, 1, 1, 1, 1, 1}},
      {storage(3, Protection::tmr), {3, 3, 3}},
      {storage(7, Protection::triplicated, 3), {1, 1, 1, 1, 3, 3, 3}},
      {storage(8, Protection::vandor, 2, 3), {1, 1, 1, 2, 2, 2, 3, 3}}};
  for (const auto& [kept, expected] : cases) {
    std::vector<int> copies(expected.size(), 0);
    for (int i = 0; i < kept.stored_bits(); ++i) ++copies.at(static_cast<std::size_t>(*kept.bit_of(i)));
    EXPECT_EQ(copies, expected);
  }
}

TEST(Storage, PlainFlipsAndSticksExactlyOneBit) {
  const Storage s = storage(8, Protection::plain);
  for (std::uint32_t code = 0; code < 256; ++code)
    for (int bit = 0; bit < 8; ++bit) {
      const std::uint32_t mask = 1U << bit;
      const std::map<BitFaultModel, std::uint32_t> expected = {{BitFaultModel::flip, code ^ mask},
                                                               {BitFaultModel::stuck_at_0, code & ~mask},
                                                               {BitFaultModel::stuck_at_1, code | mask}};
      for (const auto& [model, result] : expected) {
        const StoredBitFault fault{bit, model};
        const Reading reading = s.read(code, {&fault, 1});
        EXPECT_EQ(reading.code, result);
        EXPECT_FALSE(reading.is_detected);
        EXPECT_EQ(reading.is_wrong, result != code);
        EXPECT_FALSE(reading.is_missed()) << "there is no protection to fail";
      }
    }
}

// A flip of FLOAT32's top exponent bit: magnitudes between 1 and 2 become NaN, 1 infinity, all others finite.
TEST(Storage, TheTopExponentBitMakesNanAndInfinityOfMagnitudesFrom1To2) {
  const Storage s = storage(32, Protection::plain);
  const StoredBitFault fault{30, BitFaultModel::flip};
  const auto flipped = [&](float value) {
    return std::bit_cast<float>(s.read(std::bit_cast<std::uint32_t>(value), {&fault, 1}).code);
  };
  for (const float sign : {1.0F, -1.0F}) {
    EXPECT_EQ(flipped(sign), sign * std::numeric_limits<float>::infinity());
    for (const float value : {std::nextafter(1.0F, 2.0F), 1.5F, std::nextafter(2.0F, 1.0F)})
      EXPECT_TRUE(std::isnan(flipped(sign * value))) << value;
    for (const float value : {0.0F, 1e-30F, 0.5F, std::nextafter(1.0F, 0.0F), 2.0F, 3.0F, 1e30F})
      EXPECT_TRUE(std::isfinite(flipped(sign * value))) << value;
  }
}

TEST(Storage, MajorityCorrectsOneFaultOfABitAndNotTwo) {
  const Storage s = storage(4, Protection::tmr);
  for (std::uint32_t code = 0; code < 16; ++code)
    for (int i = 0; i < s.stored_bits(); ++i)
      for (int k = 0; k < s.stored_bits(); ++k) {
        const std::array faults{StoredBitFault{i}, StoredBitFault{k}};
        const Reading one = s.read(code, std::span(faults).first(1));
        EXPECT_EQ(one.code, code);
        EXPECT_TRUE(one.is_corrected());
        const Reading two = s.read(code, faults);
        const bool same_bit = s.bit_of(i) == s.bit_of(k);
        EXPECT_EQ(two.code, same_bit && i != k ? code ^ (1U << *s.bit_of(i)) : code);
        EXPECT_EQ(two.is_detected, i != k) << "a bit flipped twice is as written";
      }
}

TEST(Storage, ThreeEqualFaultsAreMissed) {
  const Storage s = storage(3, Protection::tmr);
  const std::array faults{StoredBitFault{1}, StoredBitFault{4}, StoredBitFault{7}};
  const Reading reading = s.read(0b101, faults);
  EXPECT_EQ(reading.code, 0b111U);
  EXPECT_TRUE(reading.is_missed());
}

TEST(Storage, TriplicatedTopBitsAreVotedAndTheOthersAreNot) {
  const Storage s = storage(5, Protection::triplicated, 2);
  for (std::uint32_t code = 0; code < 32; ++code)
    for (int i = 0; i < s.stored_bits(); ++i) {
      const StoredBitFault fault{i};
      const Reading reading = s.read(code, {&fault, 1});
      const bool is_top = s.bit_of(i) >= 3;
      EXPECT_EQ(reading.code, is_top ? code : code ^ (1U << *s.bit_of(i)));
      EXPECT_EQ(reading.is_corrected(), is_top);
      EXPECT_FALSE(reading.is_missed()) << "the others have no protection to fail";
      EXPECT_EQ(reading.is_wrong, !is_top);
    }
}

// What is read in vain is told from what has no protection, whatever else is faulty.
TEST(Storage, OnlyGuardedBitsCanBeMissed) {
  const Storage s = storage(5, Protection::triplicated, 2);
  EXPECT_EQ(s.guarded_bits(), 0b11000U);
  EXPECT_EQ(storage(8, Protection::plain).guarded_bits(), 0U);
  EXPECT_EQ(storage(8, Protection::tmr).guarded_bits(), 0xFFU);
  EXPECT_EQ(storage(8, Protection::vandor, 2, 3).guarded_bits(), 0b11111000U);
  const auto missed = [&](std::initializer_list<StoredBitFault> faults) {
    return s.read(0b01000, std::vector(faults)).is_missed();
  };
  const StoredBitFault low{0};
  EXPECT_FALSE(missed({low, {3, BitFaultModel::stuck_at_1}})) << "it is 1 already";
  EXPECT_TRUE(missed({low, {4}, {6}, {8}})) << "all copies of the top bit";
  EXPECT_TRUE(missed({{4}, {6}, {8}}));
}

// The rule as published, bit by bit: where two copies differ, 0 in a positive value, 1 in a negative.
TEST(Storage, VandorReadsTowardsZeroWhereCopiesDiffer) {
  const Storage s = storage(8, Protection::vandor);
  for (std::uint32_t code = 0; code < 256; ++code)
    for (int i = 0; i < s.stored_bits(); ++i) {
      const StoredBitFault fault{i};
      const Reading reading = s.read(code, {&fault, 1});
      const int bit = *s.bit_of(i);
      const std::uint32_t mask = 1U << bit;
      const std::uint32_t expected = bit == 7 ? code : (code & 0x80) != 0 ? code | mask : code & ~mask;
      EXPECT_EQ(reading.code, expected) << code << " bit " << bit;
      EXPECT_TRUE(reading.is_detected);
      EXPECT_LE(std::abs(signed_value(reading.code, 8)), std::abs(signed_value(code, 8)));
      EXPECT_EQ(reading.is_corrected(), expected == code);
    }
}

TEST(Storage, VandorLeavesTheLowestBitsUnprotectedWhenAsked) {
  const Storage s = storage(8, Protection::vandor, 2, 3);
  for (int i = 0; i < s.stored_bits(); ++i) {
    const StoredBitFault fault{i};
    const Reading reading = s.read(0, {&fault, 1});
    EXPECT_EQ(reading.code, s.bit_of(i) < 3 ? 1U << *s.bit_of(i) : 0U);
    EXPECT_EQ(reading.is_wrong, s.bit_of(i) < 3);
    EXPECT_FALSE(reading.is_missed()) << "what is not protected is not missed";
  }
}

TEST(Storage, WithoutFaultsEveryCodeReadsAsWritten) {
  for (const Storage& s : {storage(8, Protection::vandor, 3, 2), storage(8, Protection::tmr),
                           storage(8, Protection::triplicated, 8)})
    for (std::uint32_t code = 0; code < 256; ++code) {
      const Reading reading = s.read(code | 0xABCD00, {});
      EXPECT_EQ(reading.code, code);
      EXPECT_FALSE(reading.is_detected || reading.is_wrong);
    }
  EXPECT_EQ(storage(32, Protection::tmr).read(0xFFFFFFFF, {}).code, 0xFFFFFFFF);
}

TEST(Storage, SaysWhichNumberIsOutOfRange) {
  EXPECT_EQ(Storage::make({2}).error().message, "a width of 2 bits; storage keeps 3 to 32");
  EXPECT_EQ(Storage::make({33}).error().message, "a width of 33 bits; storage keeps 3 to 32");
  EXPECT_EQ(Storage::make({8, Protection::triplicated, 9}).error().message,
            "9 top bits of a value of 8 bits");
  EXPECT_EQ(Storage::make({8, Protection::vandor, 2, 7}).error().message,
            "7 unprotected bits beside 2 top bits of a value of 8 bits");
}

// The voted sign decides, not that of the first copy.
TEST(Storage, VandorTakesTheSignFromTheVote) {
  const Storage s = storage(8, Protection::vandor);
  for (std::uint32_t code = 0; code < 256; ++code)
    for (int sign = 0; sign < s.stored_bits(); ++sign)
      for (int i = 0; i < s.stored_bits(); ++i) {
        if (s.bit_of(sign) != 7 || s.bit_of(i) == 7) continue;
        const std::array faults{StoredBitFault{sign}, StoredBitFault{i}};
        const std::uint32_t mask = 1U << *s.bit_of(i);
        EXPECT_EQ(s.read(code, faults).code, (code & 0x80) != 0 ? code | mask : code & ~mask);
      }
}

// The paper's claims of the lightweight correction unit: no rising flip and no flip of the top bit gets
// through, a falling one moves each half alike.
TEST(Storage, SplitNeuronsLoseOnlyFallingFlips) {
  for (const std::uint32_t zero : {0x80U, 0U}) {
    StorageParams params{8, Protection::split_lcu};
    params.zero = zero;
    const Storage storage = *Storage::make(params);
    EXPECT_EQ(storage.stored_bits(), 16);
    for (std::uint32_t value = 0; value < 256; ++value) {
      const std::uint32_t code = value ^ zero;
      EXPECT_EQ(storage.read(code, {}).code, code);
      for (int index = 0; index < 16; ++index) {
        const StoredBitFault flip{index};
        const Reading reading = storage.read(code, std::span(&flip, 1));
        const std::uint32_t bit = 1U << (index % 8);
        const bool falls = index % 8 != 7 && ((value / 2) & bit) != 0;
        EXPECT_EQ(reading.code ^ zero, value - (falls ? 2 * bit : 0)) << value << " bit " << index;
        EXPECT_TRUE(reading.is_detected);
        EXPECT_EQ(reading.is_wrong, falls);
      }
    }
  }
}

}  // namespace
}  // namespace qfi
