// SPDX-License-Identifier: Apache-2.0
// Pixels of 0..255: decoding of PNG and JPEG, and the changes that a config may ask for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qfi/base/result.hpp"
#include "qfi/data/data_config.hpp"

namespace qfi {

struct Image {
  int height = 0;
  int width = 0;
  int channels = 1;                  ///< 1: grey, 3: red, green, blue
  std::vector<std::uint8_t> pixels;  ///< [height][width][channels]
};

/// `values`: what the file stores, palette indices included (label maps). `colors`: grey or RGB;
/// an alpha channel is dropped, 16 bits are cut to 8.
enum class PngContent : std::uint8_t { colors, values };

/// Errors name `name`. At most 2^26 pixels.
Result<Image> decode_png(const std::string& content, const std::string& name, PngContent wanted);
Result<Image> decode_jpeg(const std::string& content, const std::string& name);

/// By the first bytes of the file.
Result<Image> decode_image(const std::string& content, const std::string& name);

/// Grey as Pillow: (19595 R + 38470 G + 7471 B + 2^15) / 2^16. Grey to RGB repeats the value.
Image converted(Image image, ColorMode mode);

/// Error: the image is smaller than the part.
Result<Image> cropped(const Image& image, const Crop& crop);

Image resized(const Image& image, const Resize& resize);

}  // namespace qfi
