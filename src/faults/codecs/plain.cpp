// SPDX-License-Identifier: Apache-2.0
// `plain`: every bit once.
#include "codecs.hpp"

namespace qfi {
namespace {

class Plain final : public StorageCodec {
 public:
  explicit Plain(int width) : StorageCodec(layout_of_copies(width, {0})) {}

  StoredWord encode(std::span<const std::uint32_t> codes) const override {
    StoredWord stored;
    stored.put(0, codes[0]);
    return stored;
  }
  bool decode(const StoredWord& stored, std::span<std::uint32_t> codes) const override {
    codes[0] = stored.bits(0, layout().width);
    return false;
  }
};

}  // namespace

Result<std::unique_ptr<const StorageCodec>> make_plain(const StorageParams& params) {
  return std::make_unique<Plain>(params.width);
}

}  // namespace qfi
