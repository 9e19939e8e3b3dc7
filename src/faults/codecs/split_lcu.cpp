// SPDX-License-Identifier: Apache-2.0
// `split_lcu` (AICAS 2023), for values that are never negative: two halves, each half the value; both read as
// their bitwise AND with the top bit cleared, and their sum is the value. The odd unit that halving rounds
// away is kept apart, so that fault-free every code reads as written.
#include "codecs.hpp"

namespace qfi {
namespace {

class SplitLcu final : public StorageCodec {
 public:
  SplitLcu(int width, std::uint32_t zero)
      : StorageCodec(layout_of_copies(width, {0, 0})), m_width(width), m_zero(zero) {}

  StoredWord encode(std::span<const std::uint32_t> codes) const override {
    const std::uint32_t value = codes[0] ^ m_zero;
    StoredWord stored;
    stored.put(0, value >> 1U);
    stored.put(m_width, value >> 1U);
    stored.put(2 * m_width, value & 1U);
    return stored;
  }

  bool decode(const StoredWord& stored, std::span<std::uint32_t> codes) const override {
    const std::uint32_t a = stored.bits(0, m_width);
    const std::uint32_t b = stored.bits(m_width, m_width);
    const std::uint32_t half = a & b & lowest(m_width - 1);
    codes[0] = (half << 1U | stored.bits(2 * m_width, 1)) ^ m_zero;
    return a != b;
  }

 private:
  int m_width;
  std::uint32_t m_zero;  ///< the bits of the smallest value
};

}  // namespace

Result<std::unique_ptr<const StorageCodec>> make_split_lcu(const StorageParams& params) {
  return std::make_unique<SplitLcu>(params.width, params.zero);
}

}  // namespace qfi
