// SPDX-License-Identifier: Apache-2.0
#include "bit_count.hpp"

namespace qfi {

BitRows::BitRows(const ConvolutionShape& s, std::size_t planes) {
  const auto out_w = static_cast<std::size_t>(s.out_w);
  while (groups < 8 && groups * out_w < 8 && groups * 64 < planes) groups *= 2;
  ring = (s.filter_h - 1) * s.dilation_h + 1;
  const std::size_t whole_vectors = (out_w * groups + 7) / 8 * 8 / groups;
  segment = whole_vectors + static_cast<std::size_t>((s.filter_w - 1) * s.dilation_w / s.stride_w);
  words = static_cast<std::size_t>(s.stride_w) * segment * groups;
  // An odd number of cache lines, and 16 bytes to read beyond.
  copied_bytes =
      (static_cast<std::size_t>(s.in_w) * static_cast<std::size_t>(s.in_c) + 16 + 63) / 128 * 128 + 64;
}

}  // namespace qfi
