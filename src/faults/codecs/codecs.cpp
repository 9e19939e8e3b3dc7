// SPDX-License-Identifier: Apache-2.0
#include "codecs.hpp"

#include <array>

namespace qfi {

std::span<const CodecKind> codec_kinds() {
  static constexpr std::array<CodecKind, 5> k_kinds = {
      {{Protection::plain, "plain", false, false, false, make_plain},
       {Protection::triplicated, "triplicated", true, false, false, make_triplicated},
       {Protection::tmr, "tmr", false, false, false, make_tmr},
       {Protection::vandor, "vandor", true, true, false, make_vandor},
       {Protection::split_lcu, "split_lcu", false, false, true, make_split_lcu}}};
  return k_kinds;
}

const CodecKind& codec_kind(Protection protection) {
  return *std::ranges::find(codec_kinds(), protection, &CodecKind::protection);
}

GroupLayout layout_of_copies(int width, std::initializer_list<int> lowest_bits) {
  GroupLayout layout{1, width, {}};
  for (const int first : lowest_bits)
    for (int bit = first; bit < width; ++bit) layout.stored_bits.push_back(ValueBit{0, bit});
  return layout;
}

Result<void> check_top_bits(const StorageParams& params) {
  if (params.top_bits < 1 || params.top_bits > params.width)
    return bad_input("{} top bits of a value of {} bits", params.top_bits, params.width);
  return {};
}

}  // namespace qfi
