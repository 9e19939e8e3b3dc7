// SPDX-License-Identifier: Apache-2.0
// Colours, crop, resize. The bilinear resize follows Pillow to the bit: a triangle as wide as the
// pixels that it covers, weights in 22-bit fixed point, columns first, then rows.
#include <algorithm>
#include <cmath>

#include "qfi/data/image.hpp"

namespace qfi {
namespace {

constexpr int k_weight_bits = 22;

// The input pixels first, first + 1, .. that one output pixel is the weighted mean of.
struct Weights {
  int first = 0;
  std::vector<std::int32_t> weights;
};

std::vector<Weights> triangle_weights(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double reach = std::max(scale, 1.0);
  std::vector<Weights> result;
  for (int o = 0; o < out; ++o) {
    const double center = (o + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - reach + 0.5), 0);
    const int end = std::min(static_cast<int>(center + reach + 0.5), in);
    std::vector<double> real;
    double sum = 0.0;
    for (int i = first; i < end; ++i) {
      const double distance = std::fabs((i - center + 0.5) * (1.0 / reach));
      real.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      sum += real.back();
    }
    Weights entry{first, {}};
    for (const double weight : real)
      entry.weights.push_back(static_cast<std::int32_t>(0.5 + weight / sum * (1 << k_weight_bits)));
    result.push_back(std::move(entry));
  }
  return result;
}

// Weighted means along one direction: `lines` lines of `in` pixels; neighbours along a line are
// `step` bytes apart, lines begin at start(line).
template <class Start>
void resample(const std::uint8_t* in, std::uint8_t* out, const std::vector<Weights>& weights, int lines,
              std::size_t in_step, std::size_t out_step, const Start& start) {
  for (int line = 0; line < lines; ++line) {
    const auto [in_start, out_start] = start(line);
    for (std::size_t o = 0; o < weights.size(); ++o) {
      std::int32_t sum = 1 << (k_weight_bits - 1);
      const std::uint8_t* x = in + in_start + static_cast<std::size_t>(weights[o].first) * in_step;
      for (const std::int32_t weight : weights[o].weights) {
        sum += *x * weight;
        x += in_step;
      }
      out[out_start + o * out_step] = static_cast<std::uint8_t>(std::clamp(sum >> k_weight_bits, 0, 255));
    }
  }
}

Image with_size(int height, int width, int channels) {
  Image image{height, width, channels, {}};
  image.pixels.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
                      static_cast<std::size_t>(channels));
  return image;
}

Image resized_columns(const Image& image, int width) {
  Image result = with_size(image.height, width, image.channels);
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto in_w = static_cast<std::size_t>(image.width);
  const auto out_w = static_cast<std::size_t>(width);
  resample(image.pixels.data(), result.pixels.data(), triangle_weights(image.width, width),
           image.height * image.channels, channels, channels, [&](int line) {
             const std::size_t row = static_cast<std::size_t>(line) / channels;
             const std::size_t channel = static_cast<std::size_t>(line) % channels;
             return std::pair{row * in_w * channels + channel, row * out_w * channels + channel};
           });
  return result;
}

Image resized_rows(const Image& image, int height) {
  Image result = with_size(height, image.width, image.channels);
  const std::size_t row = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  resample(image.pixels.data(), result.pixels.data(), triangle_weights(image.height, height),
           static_cast<int>(row), row, row, [](int line) {
             return std::pair{static_cast<std::size_t>(line), static_cast<std::size_t>(line)};
           });
  return result;
}

Image resized_nearest(const Image& image, int height, int width) {
  Image result = with_size(height, width, image.channels);
  auto* out = result.pixels.data();
  const auto nearest = [](int o, int in, int size) {
    return std::min(static_cast<int>((o + 0.5) * (static_cast<double>(in) / size)), in - 1);
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int iy = nearest(y, image.height, height);
      const int ix = nearest(x, image.width, width);
      const std::size_t pixel =
          static_cast<std::size_t>(iy) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(ix);
      out = std::copy_n(&image.pixels[pixel * static_cast<std::size_t>(image.channels)], image.channels, out);
    }
  return result;
}

}  // namespace

Image converted(Image image, ColorMode mode) {
  const int wanted = mode == ColorMode::rgb ? 3 : 1;
  if (mode == ColorMode::as_stored || image.channels == wanted) return image;
  Image result = with_size(image.height, image.width, wanted);
  const std::size_t pixels = static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
  for (std::size_t i = 0; i < pixels; ++i) {
    if (wanted == 3) {
      std::fill_n(&result.pixels[3 * i], 3, image.pixels[i]);
    } else {
      const std::uint8_t* rgb = &image.pixels[3 * i];
      result.pixels[i] =
          static_cast<std::uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16);
    }
  }
  return result;
}

Result<Image> cropped(const Image& image, const Crop& crop) {
  int height = image.height;
  int width = image.width;
  if (std::holds_alternative<CropSquare>(crop)) {
    height = width = std::min(height, width);
  } else if (const auto* share = std::get_if<CropShare>(&crop)) {
    height = std::max(1, static_cast<int>(std::lround(height * share->share)));
    width = std::max(1, static_cast<int>(std::lround(width * share->share)));
  } else if (const auto* size = std::get_if<CropSize>(&crop)) {
    height = size->height;
    width = size->width;
  }
  if (height > image.height || width > image.width)
    return bad_input("crop to {}x{} of an image of {}x{}", height, width, image.height, image.width);
  Image result = with_size(height, width, image.channels);
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto top = static_cast<std::size_t>((image.height - height) / 2);
  const auto left = static_cast<std::size_t>((image.width - width) / 2);
  const std::size_t row = static_cast<std::size_t>(width) * channels;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
    std::copy_n(&image.pixels[((top + y) * static_cast<std::size_t>(image.width) + left) * channels], row,
                &result.pixels[y * row]);
  return result;
}

Image resized(const Image& image, const Resize& resize) {
  if (resize.method == ResizeMethod::nearest) return resized_nearest(image, resize.height, resize.width);
  Image result = image.width == resize.width ? image : resized_columns(image, resize.width);
  return result.height == resize.height ? result : resized_rows(result, resize.height);
}

}  // namespace qfi
