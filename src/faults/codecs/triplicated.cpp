// SPDX-License-Identifier: Apache-2.0
// `triplicated`: the top bits three times, read by majority, the others once.
#include "codecs.hpp"

namespace qfi {

VotedTopBits::VotedTopBits(int width, int top_bits)
    : StorageCodec(layout_of_copies(width, {0, width - top_bits, width - top_bits})),
      m_width(width),
      m_top_bits(top_bits),
      m_top(lowest(width) & ~lowest(width - top_bits)) {}

StoredWord VotedTopBits::encode(std::span<const std::uint32_t> codes) const {
  const std::uint32_t top = codes[0] >> (m_width - m_top_bits);
  StoredWord stored;
  stored.put(0, codes[0]);
  stored.put(m_width, top);
  stored.put(m_width + m_top_bits, top);
  return stored;
}

bool VotedTopBits::decode(const StoredWord& stored, std::span<std::uint32_t> codes) const {
  const int place = m_width - m_top_bits;
  const std::uint32_t a = stored.bits(0, m_width);
  const std::uint32_t b = stored.bits(m_width, m_top_bits) << place;
  const std::uint32_t c = stored.bits(m_width + m_top_bits, m_top_bits) << place;
  codes[0] = (a & ~m_top) | majority(a & m_top, b, c);
  return (((a & m_top) ^ b) | (b ^ c)) != 0;
}

Result<std::unique_ptr<const StorageCodec>> make_triplicated(const StorageParams& params) {
  if (auto checked = check_top_bits(params); !checked) return tl::unexpected(checked.error());
  return std::make_unique<VotedTopBits>(params.width, params.top_bits);
}

}  // namespace qfi
