// SPDX-License-Identifier: Apache-2.0
// `tmr`: every bit three times, read by majority.
#include "codecs.hpp"

namespace qfi {

Result<std::unique_ptr<const StorageCodec>> make_tmr(const StorageParams& params) {
  return std::make_unique<VotedTopBits>(params.width, params.width);
}

}  // namespace qfi
