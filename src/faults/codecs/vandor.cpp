// SPDX-License-Identifier: Apache-2.0
// `vandor` (IOLTS 2025): the top bits three times, read by majority; the others twice, but for unprotected
// ones. Where the two copies of a bit differ it reads 0 in a positive value and 1 in a negative one, towards
// zero in two's complement.
#include "codecs.hpp"

namespace qfi {
namespace {

class Vandor final : public StorageCodec {
 public:
  Vandor(int width, int top_bits, int unprotected_bits)
      : StorageCodec(layout_of_copies(width, {0, unprotected_bits, width - top_bits})),
        m_width(width),
        m_top_bits(top_bits),
        m_unprotected(unprotected_bits),
        m_thrice(lowest(width) & ~lowest(width - top_bits)),
        m_twice(lowest(width - top_bits) & ~lowest(unprotected_bits)) {}

  StoredWord encode(std::span<const std::uint32_t> codes) const override {
    StoredWord stored;
    stored.put(0, codes[0]);
    stored.put(m_width, codes[0] >> m_unprotected);
    stored.put(2 * m_width - m_unprotected, codes[0] >> (m_width - m_top_bits));
    return stored;
  }

  bool decode(const StoredWord& stored, std::span<std::uint32_t> codes) const override {
    const int second = m_width - m_unprotected;
    const std::uint32_t a = stored.bits(0, m_width);
    const std::uint32_t b = stored.bits(m_width, second) << m_unprotected;
    const std::uint32_t c = stored.bits(m_width + second, m_top_bits) << (m_width - m_top_bits);
    const std::uint32_t once = a & ~m_thrice & ~m_twice;
    const std::uint32_t voted = majority(a, b, c) & m_thrice;
    const bool is_negative = (voted >> (m_width - 1) & 1U) != 0;  // a top bit is never stored twice
    codes[0] = voted | once | (m_twice & (is_negative ? a | b : a & b));
    return ((a ^ b) & (m_thrice | m_twice)) != 0 || ((a ^ c) & m_thrice) != 0;
  }

 private:
  int m_width;
  int m_top_bits;
  int m_unprotected;
  std::uint32_t m_thrice;
  std::uint32_t m_twice;
};

}  // namespace

Result<std::unique_ptr<const StorageCodec>> make_vandor(const StorageParams& params) {
  if (auto checked = check_top_bits(params); !checked) return tl::unexpected(checked.error());
  if (params.unprotected_bits < 0 || params.unprotected_bits > params.width - params.top_bits)
    return bad_input("{} unprotected bits beside {} top bits of a value of {} bits", params.unprotected_bits,
                     params.top_bits, params.width);
  return std::make_unique<Vandor>(params.width, params.top_bits, params.unprotected_bits);
}

}  // namespace qfi
