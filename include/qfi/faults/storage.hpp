// SPDX-License-Identifier: Apache-2.0
// Storage: how one value is kept in a memory (width, copies of its bits) and the vote that reads it.
// The stored bits, copies included, are what faults can hit.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "qfi/base/result.hpp"

namespace qfi {

/// Which bits of a value have copies.
/// `plain`: none. `triplicated`: the top bits three times, read by majority. `tmr`: every bit three
/// times. `vandor`: the top bits three times, the others twice; where the two copies of a bit differ it
/// reads 0 in a positive value and 1 in a negative one, towards zero in two's complement.
/// `split_lcu` (AICAS 2023), of values that are never negative: two halves, each half the value; both read as
/// their bitwise AND with the top bit cleared, and their sum is the value. The odd unit that halving rounds
/// away is kept apart, so that fault-free every code reads as written. A fault of bit i is one of bit i of
/// the first half. A new one has its copies in Storage's constructor, its vote in read(), and its name in
/// campaign/config_names.hpp.
enum class Protection : std::uint8_t { plain, triplicated, tmr, vandor, split_lcu };

struct StorageParams {
  int width = 8;  ///< bits of a value, 3 to 32
  Protection protection = Protection::plain;
  int top_bits = 1;          ///< `triplicated`, `vandor`: bits stored three times, 1 to width
  int unprotected_bits = 0;  ///< `vandor`: lowest bits stored once, 0 to width - top_bits
  std::uint32_t zero = 0;    ///< `split_lcu`: the bits of the smallest value, 0x80 of INT8
};

enum class BitFaultModel : std::uint8_t { flip, stuck_at_0, stuck_at_1 };

/// A fault of stored bit `index`, 0 to stored_bits() - 1.
struct StoredBitFault {
  int index = 0;
  BitFaultModel model = BitFaultModel::flip;
};

/// What a read gives after faults. A read with neither flag is right and no copies disagreed.
struct Reading {
  std::uint32_t code = 0;
  bool is_detected = false;  ///< copies of a bit disagree
  bool is_wrong = false;     ///< the code is not the one written
  bool is_corrected() const { return is_detected && !is_wrong; }
  bool is_missed() const { return is_wrong && !is_detected; }
};

class Storage {
 public:
  /// Error: a number out of its range.
  static Result<Storage> make(const StorageParams& params);

  const StorageParams& params() const { return m_params; }

  /// Copies included. Stored bits are numbered copy by copy, each from the lowest bit that it has.
  int stored_bits() const;

  /// The bit of the value, 0 the lowest, that stored bit `index` keeps.
  int bit_of(int index) const;

  /// Writes `code` (its bits above the width are ignored), applies the faults in their order, reads.
  Reading read(std::uint32_t code, std::span<const StoredBitFault> faults) const;

 private:
  struct Cell {
    int copy = 0;
    int bit = 0;
  };
  explicit Storage(const StorageParams& params);
  Cell cell(int index) const;
  std::uint32_t vote(const std::array<std::uint32_t, 3>& copies) const;

  StorageParams m_params;
  std::array<std::uint32_t, 3> m_kept{};  ///< bits that each copy keeps; every copy's lie in the one before
};

}  // namespace qfi
