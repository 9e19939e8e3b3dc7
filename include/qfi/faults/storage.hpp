// SPDX-License-Identifier: Apache-2.0
// Storage: values kept in a memory by a codec. Codes and faults of stored bits go in; the codes that are then
// read come out, and whether the memory noticed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/faults/storage_codec.hpp"

namespace qfi {

/// The codecs by name: codec_kinds() says what each is called, its file in src/faults/codecs what it does.
enum class Protection : std::uint8_t { plain, triplicated, tmr, vandor, split_lcu };

struct StorageParams {
  int width = 8;  ///< bits of a value, 3 to 32
  Protection protection = Protection::plain;
  int top_bits = 1;          ///< of kinds with top bits: how many, 1 to width
  int unprotected_bits = 0;  ///< `vandor`: lowest bits stored once, 0 to width - top_bits
  std::uint32_t zero = 0;    ///< of kinds for values that are never negative: the bits of the smallest
};

/// A codec as configs name it, and which of their keys it takes.
struct CodecKind {
  Protection protection;
  const char* name;
  bool has_top_bits;
  bool has_unprotected_bits;
  bool is_for_non_negative;  ///< for values that are never negative, and only to be compared with plain
                             ///< storage
  Result<std::unique_ptr<const StorageCodec>> (*make)(const StorageParams& params);
};
std::span<const CodecKind> codec_kinds();
const CodecKind& codec_kind(Protection protection);

enum class BitFaultModel : std::uint8_t { flip, stuck_at_0, stuck_at_1 };

/// "flip", "stuck_at_0", "stuck_at_1": the words of fault lists and tables.
const char* name_of(BitFaultModel model);
/// Error: not one of these words.
Result<BitFaultModel> parse_bit_fault_model(std::string_view name);

/// A fault of stored bit `index` of a group, 0 to stored_bits() - 1.
struct StoredBitFault {
  int index = 0;
  BitFaultModel model = BitFaultModel::flip;
};

/// What a read of a group gives after faults. A read with neither flag is right, and nothing was noticed.
struct Reading {
  std::uint32_t code = 0;        ///< of the group's first value
  bool is_detected = false;      ///< what is stored contradicts itself, e.g. copies of a bit disagree
  bool is_wrong = false;         ///< a code is not the one written
  bool is_guard_broken = false;  ///< a bit of it that the codec guards is not
  bool is_corrected() const { return is_detected && !is_wrong; }
  bool is_missed() const { return is_guard_broken && !is_detected; }
};

class Storage {
 public:
  /// Error: a number out of its range.
  static Result<Storage> make(const StorageParams& params);
  /// `params`: the width is the codec's.
  Storage(const StorageParams& params, std::shared_ptr<const StorageCodec> codec);

  const StorageParams& params() const { return m_params; }
  /// Elements g * values() .. of a tensor are its group g; the last one may be incomplete, it is kept as if
  /// zeros followed, whose bits faults do not hit.
  int values() const { return m_codec->layout().values; }
  std::uint64_t group_of(std::uint64_t element) const {
    return element / static_cast<std::uint64_t>(values());
  }
  /// The place in its group.
  int place_of(std::uint64_t element) const {
    return static_cast<int>(element % static_cast<std::uint64_t>(values()));
  }

  /// Of a group, copies and check bits included.
  int stored_bits() const { return static_cast<int>(m_codec->layout().stored_bits.size()); }
  /// Those that belong to the group's value `value`, rising.
  std::span<const int> bits_of_value(int value) const {
    return m_bits_of_value[static_cast<std::size_t>(value)];
  }
  /// Those that belong to no value, rising.
  std::span<const int> check_bits() const { return m_check_bits; }

  /// What stored bit `index` keeps; nullopt: a check bit.
  const std::optional<ValueBit>& value_bit(int index) const {
    return m_codec->layout().stored_bits[static_cast<std::size_t>(index)];
  }
  /// The bit of its value, 0 the lowest; nullopt: a check bit.
  std::optional<int> bit_of(int index) const {
    const auto& kept = value_bit(index);
    return kept ? std::optional(kept->bit) : std::nullopt;
  }

  /// The element by which faults of stored bit `index` in the group of `element` are named: that of the value
  /// which it belongs to; of a check bit, the group's first.
  std::uint64_t owner_of(std::uint64_t element, int index) const;

  /// The stored bit that keeps of value `value` what `index` keeps of the group's first value.
  int index_in(int value, int index) const;

  /// The first stored bit that keeps that bit of the group's value.
  int index_of(const ValueBit& bit) const;

  /// Writes the codes of a group (their bits above the width are ignored), applies the faults in their order
  /// and reads the codes back. Fewer codes than values(): those of an incomplete group.
  Reading read(std::span<std::uint32_t> codes, std::span<const StoredBitFault> faults) const;
  /// The same of a group of one value.
  Reading read(std::uint32_t code, std::span<const StoredBitFault> faults) const {
    return read(std::span(&code, 1), faults);
  }

  /// Bits of a value that the codec guards: they are stored more than once, or there are check bits.
  std::uint32_t guarded_bits() const { return m_guarded_bits; }

  /// Whether stored bit `index` is set where these codes of a group are written.
  bool is_set(std::span<const std::uint32_t> codes, int index) const;

 private:
  using Codes = std::array<std::uint32_t, StorageCodec::k_most_values>;
  std::span<std::uint32_t> whole_group(std::span<const std::uint32_t> codes, Codes& memory) const;

  StorageParams m_params;
  std::shared_ptr<const StorageCodec> m_codec;
  std::vector<std::vector<int>> m_bits_of_value;
  std::vector<int> m_check_bits;
  std::uint32_t m_guarded_bits = 0;
};

}  // namespace qfi
