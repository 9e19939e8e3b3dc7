// SPDX-License-Identifier: Apache-2.0
// Colours, crop, resize. The bilinear resize follows Pillow 11 to the bit: a triangle as wide as the
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

// Rows of `channels` values per pixel.
template <class T>
struct Pixels {
  int height, width, channels;
  const std::vector<T>& values;

  const T* at(int y, int x) const {
    return &values[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                    static_cast<std::size_t>(x)) *
                   static_cast<std::size_t>(channels)];
  }
};
Pixels<std::uint8_t> pixels_of(const Image& image) {
  return {image.height, image.width, image.channels, image.pixels};
}
Pixels<int> pixels_of(const ClassMap& map) { return {map.height, map.width, 1, map.classes}; }

template <class T>
std::vector<T> nearest(const Pixels<T>& in, int height, int width) {
  std::vector<T> out;
  const auto place = [](int o, int size, int out_size) {
    return std::min(static_cast<int>((o + 0.5) * (static_cast<double>(size) / out_size)), size - 1);
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const T* pixel = in.at(place(y, in.height, height), place(x, in.width, width));
      out.insert(out.end(), pixel, pixel + in.channels);
    }
  return out;
}

template <class T>
std::vector<T> center(const Pixels<T>& in, const CropSize& size) {
  std::vector<T> out;
  const int top = (in.height - size.height) / 2;
  const int left = (in.width - size.width) / 2;
  for (int y = top; y < top + size.height; ++y) {
    const T* row = in.at(y, left);
    out.insert(out.end(), row, row + static_cast<std::ptrdiff_t>(size.width) * in.channels);
  }
  return out;
}

Result<CropSize> crop_size(int height, int width, const Crop& crop) {
  CropSize size{height, width};
  if (std::holds_alternative<CropSquare>(crop)) {
    size.height = size.width = std::min(height, width);
  } else if (const auto* share = std::get_if<CropShare>(&crop)) {
    size.height = std::max(1, static_cast<int>(std::lround(height * share->share)));
    size.width = std::max(1, static_cast<int>(std::lround(width * share->share)));
  } else if (const auto* given = std::get_if<CropSize>(&crop)) {
    size = *given;
  }
  if (size.height > height || size.width > width)
    return bad_input("crop to {}x{} of an image of {}x{}", size.height, size.width, height, width);
  return size;
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
  QFI_TRY(const CropSize size, crop_size(image.height, image.width, crop));
  return Image{size.height, size.width, image.channels, center(pixels_of(image), size)};
}

Result<ClassMap> cropped(const ClassMap& map, const Crop& crop) {
  QFI_TRY(const CropSize size, crop_size(map.height, map.width, crop));
  return ClassMap{size.height, size.width, center(pixels_of(map), size)};
}

Result<Image> resized(const Image& image, const Resize& resize) {
  constexpr std::int64_t k_most = std::int64_t{1} << 27;
  if (std::int64_t{image.height} * resize.width * image.channels > k_most)
    return bad_input("resize of {}x{} to {}x{} needs too much memory; crop it first", image.height,
                     image.width, resize.height, resize.width);
  if (resize.method == ResizeMethod::nearest)
    return Image{resize.height, resize.width, image.channels,
                 nearest(pixels_of(image), resize.height, resize.width)};
  Image result = image.width == resize.width ? image : resized_columns(image, resize.width);
  return result.height == resize.height ? result : resized_rows(result, resize.height);
}

ClassMap resized(const ClassMap& map, int height, int width) {
  return {height, width, nearest(pixels_of(map), height, width)};
}

}  // namespace qfi
