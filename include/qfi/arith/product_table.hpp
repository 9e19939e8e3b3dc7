// SPDX-License-Identifier: Apache-2.0
// Owns ProductTable, which says what an 8-bit multiply-accumulate adds to its accumulator for every operand
// pair. Stored bytes of a weight and an input go in; the term comes out. It is the only thing that the
// netlist side and the engine share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace qfi {

enum class CodeType : std::uint8_t { int8, uint8 };

/// Pairs of two 8-bit codes.
constexpr std::size_t k_code_pairs = 256 * 256;

constexpr int smallest_code(CodeType type) { return type == CodeType::int8 ? -128 : 0; }

/// The stored byte of a code, as an index 0..255.
constexpr std::size_t byte_index(int code) { return static_cast<std::uint8_t>(code); }

/// The code that a stored byte means.
constexpr int code_of_byte(std::size_t byte, CodeType type) {
  return type == CodeType::int8 ? static_cast<std::int8_t>(byte) : static_cast<std::uint8_t>(byte);
}

/// How the stored codes of a layer's weights and inputs stand for numbers.
struct OperandCodes {
  CodeType type = CodeType::int8;  ///< of weights and inputs alike
  int weight_zero_point = 0;
  int input_zero_point = 0;
  auto operator<=>(const OperandCodes&) const = default;
};

/// Some of the 256 stored bytes.
struct ByteSet : std::array<bool, 256> {
  static ByteSet all() {
    ByteSet set{};
    set.fill(true);
    return set;
  }
  ByteSet& operator|=(const ByteSet& other) {
    for (std::size_t i = 0; i < 256; ++i) (*this)[i] = (*this)[i] || other[i];
    return *this;
  }
};

/// 256 x 256 int32 terms: entry (w, x) is added to the accumulator, modulo 2^32, when a weight
/// stored as byte w meets an input stored as byte x. Fault-free it is (w - z_w) * (x - z_x).
/// Rows and columns are indexed by the stored *byte* (0..255), whatever its signedness.
class ProductTable {
 public:
  ProductTable() : m_terms(k_code_pairs) {}

  /// The fault-free table.
  static ProductTable exact(const OperandCodes& codes);

  std::int32_t at(std::size_t weight_byte, std::size_t input_byte) const {
    return m_terms[weight_byte * 256 + input_byte];
  }
  std::int32_t& at(std::size_t weight_byte, std::size_t input_byte) {
    return m_terms[weight_byte * 256 + input_byte];
  }
  /// The 256 terms of one weight byte.
  std::span<const std::int32_t, 256> row(std::size_t weight_byte) const {
    return std::span<const std::int32_t, 256>(m_terms.data() + weight_byte * 256, 256);
  }
  std::span<const std::int32_t> terms() const { return m_terms; }
  bool operator==(const ProductTable&) const = default;

 private:
  std::vector<std::int32_t> m_terms;
};

}  // namespace qfi
