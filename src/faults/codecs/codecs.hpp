// SPDX-License-Identifier: Apache-2.0
// The codecs, and what those that keep copies of bits share.
#pragma once

#include <initializer_list>
#include <memory>

#include "qfi/faults/storage.hpp"

namespace qfi {

Result<std::unique_ptr<const StorageCodec>> make_plain(const StorageParams& params);
Result<std::unique_ptr<const StorageCodec>> make_triplicated(const StorageParams& params);
Result<std::unique_ptr<const StorageCodec>> make_tmr(const StorageParams& params);
Result<std::unique_ptr<const StorageCodec>> make_vandor(const StorageParams& params);
Result<std::unique_ptr<const StorageCodec>> make_split_lcu(const StorageParams& params);

/// `bits` ones.
constexpr std::uint32_t lowest(int bits) {
  return static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1);
}

/// Of three copies.
constexpr std::uint32_t majority(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  return (a & b) | (a & c) | (b & c);
}

/// One value in copies, one after the other: copy c keeps the bits from `lowest_bits`[c] up to the top.
GroupLayout layout_of_copies(int width, std::initializer_list<int> lowest_bits);

/// Error: more top bits than the value has, or none.
Result<void> check_top_bits(const StorageParams& params);

/// The top bits three times, the others once; each of the top bits reads as two of its copies say.
class VotedTopBits final : public StorageCodec {
 public:
  VotedTopBits(int width, int top_bits);
  StoredWord encode(std::span<const std::uint32_t> codes) const override;
  bool decode(const StoredWord& stored, std::span<std::uint32_t> codes) const override;

 private:
  int m_width;
  int m_top_bits;
  std::uint32_t m_top;  ///< those bits
};

}  // namespace qfi
