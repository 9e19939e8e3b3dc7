// SPDX-License-Identifier: Apache-2.0
// Owns pixels of 0..255. The bytes of a PNG or JPEG go in; an Image or a ClassMap comes out, with the changes
// that a config may ask for.
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

/// A class for each pixel, [height][width].
struct ClassMap {
  int height = 0;
  int width = 0;
  std::vector<int> classes;
};

/// Sides of at most k_max_image_side, 2^25 pixels in all; 8 bits per value. The errors name `name`.
/// An alpha channel is dropped if `drop_alpha`, else an error. Palettes become RGB.
Result<Image> decode_png(const std::string& content, const std::string& name, bool drop_alpha);
Result<Image> decode_jpeg(const std::string& content, const std::string& name);

/// Decodes a PNG or a JPEG, told apart by the first bytes.
Result<Image> decode_image(const std::string& content, const std::string& name, bool drop_alpha);

/// The values that a grey or palette PNG stores, up to 16 bits.
Result<ClassMap> decode_class_map(const std::string& content, const std::string& name);

/// Converts the colours. Grey is as Pillow makes it: (19595 R + 38470 G + 7471 B + 2^15) / 2^16. Grey to RGB
/// repeats the value.
Image converted(Image image, ColorMode mode);

/// The central part. Error: the image is smaller than the part.
Result<Image> cropped(const Image& image, const Crop& crop);
Result<ClassMap> cropped(const ClassMap& map, const Crop& crop);

/// The image in another size. Error: what lies between the two directions is too large.
Result<Image> resized(const Image& image, const Resize& resize);
/// The map in another size, by the nearest pixel.
ClassMap resized(const ClassMap& map, int height, int width);

}  // namespace qfi
