// SPDX-License-Identifier: Apache-2.0
// How many images run together. The memory of one image goes in; the size of a block comes out, fixed by
// model and images and never by the machine.
#pragma once

#include <algorithm>
#include <cstddef>

namespace qfi {

constexpr std::size_t k_most_block_images = 64;               ///< as many as a word has bits
constexpr std::size_t k_block_bytes = std::size_t{64} << 20;  ///< of all images of a block

/// At least one image.
constexpr std::size_t block_images(std::size_t bytes_per_image) {
  return std::clamp<std::size_t>(k_block_bytes / std::max<std::size_t>(bytes_per_image, 1), 1,
                                 k_most_block_images);
}

}  // namespace qfi
