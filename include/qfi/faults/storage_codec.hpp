// SPDX-License-Identifier: Apache-2.0
// StorageCodec: how a group of values is kept in a memory. The bits of the values go in and the bits that are
// stored come out, which faults can hit; from what is stored then, the values come back, and whether it
// contradicts itself. Populations, strata and reads of stored bits know nothing else of a protection.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace qfi {

/// The bits of one stored group. A plain value, so that a read takes nothing from the heap.
class StoredWord {
 public:
  static constexpr int k_capacity = 256;

  /// Bits index .. index + count - 1, the first one lowest. Precondition: count <= 32, inside the capacity.
  std::uint32_t bits(int index, int count) const {
    const auto [word, shift] = place(index);
    std::uint64_t found = m_words[word] >> shift;
    if (shift + static_cast<unsigned>(count) > 64) found |= m_words[word + 1] << (64 - shift);
    return static_cast<std::uint32_t>(found & ((std::uint64_t{1} << count) - 1));
  }
  bool bit(int index) const { return bits(index, 1) != 0; }

  /// Adds bits to those that are set, from bit `index` on. Precondition: they are inside the capacity.
  void put(int index, std::uint32_t bits) {
    const auto [word, shift] = place(index);
    m_words[word] |= std::uint64_t{bits} << shift;
    if (shift > 32 && word + 1 < m_words.size()) m_words[word + 1] |= std::uint64_t{bits} >> (64 - shift);
  }
  void set(int index, bool value) {
    const auto [word, shift] = place(index);
    m_words[word] = (m_words[word] & ~(std::uint64_t{1} << shift)) | std::uint64_t{value} << shift;
  }
  void flip(int index) {
    const auto [word, shift] = place(index);
    m_words[word] ^= std::uint64_t{1} << shift;
  }

 private:
  struct Place {
    std::size_t word;
    unsigned shift;
  };
  static Place place(int index) {
    assert(index >= 0 && index < k_capacity);
    return {static_cast<std::size_t>(index) / 64, static_cast<unsigned>(index) % 64};
  }

  std::array<std::uint64_t, k_capacity / 64> m_words{};
};

/// A bit of a value of a group: the value's place in the group, and the bit, 0 the lowest.
struct ValueBit {
  int value = 0;
  int bit = 0;
  bool operator==(const ValueBit&) const = default;
};

/// What a group is made of.
struct GroupLayout {
  int values = 1;  ///< that lie side by side in a tensor
  int width = 8;   ///< bits of each value
  /// What each stored bit that faults can hit keeps; nullopt: a check bit, which belongs to no bit of a
  /// value. As many stored bits belong to one value as to any other, for the same bits of it, in the same
  /// order.
  std::vector<std::optional<ValueBit>> stored_bits;
};

/// One way to keep values. Immutable, and shared by threads. A new one is a file in src/faults/codecs and a
/// row in codec_kinds() there.
class StorageCodec {
 public:
  /// Most values of a group.
  static constexpr int k_most_values = 32;

  explicit StorageCodec(GroupLayout layout);
  StorageCodec(const StorageCodec&) = delete;
  StorageCodec& operator=(const StorageCodec&) = delete;
  virtual ~StorageCodec() = default;

  const GroupLayout& layout() const { return m_layout; }

  /// What is stored for these codes, one for each value of the group, their bits above the width clear. The
  /// layout's stored bits come first; bits behind them are kept apart, where no fault hits.
  virtual StoredWord encode(std::span<const std::uint32_t> codes) const = 0;

  /// Reads the codes from what is stored: those that were encoded where it is as encode() made it. True: it
  /// contradicts itself, which tells that something was changed.
  virtual bool decode(const StoredWord& stored, std::span<std::uint32_t> codes) const = 0;

 private:
  GroupLayout m_layout;
};

}  // namespace qfi
