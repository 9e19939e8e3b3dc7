// SPDX-License-Identifier: Apache-2.0
// libpng and libjpeg report errors by jumping; between setjmp and the jump no object with a
// destructor is made.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

// clang-format off: jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>
#include <png.h>
// clang-format on

#include "qfi/data/image.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_max_side = k_max_image_side;
constexpr std::uint64_t k_max_pixels = std::uint64_t{1} << 25;
constexpr int k_max_scans = 500;  // of a progressive JPEG: each costs time for the whole image

Result<void> check_size(std::uint64_t width, std::uint64_t height, const std::string& name) {
  if (width == 0 || height == 0 || width > k_max_side || height > k_max_side || width * height > k_max_pixels)
    return bad_input("{}: {}x{} pixels; sides of at most {} and {} pixels in all are supported", name, width,
                     height, k_max_side, k_max_pixels);
  return {};
}

struct PngInput {
  const char* data;
  std::size_t left;
  char message[128];
};

void read_png_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto* input = static_cast<PngInput*>(png_get_io_ptr(png));
  if (count > input->left) png_error(png, "the file ends early");
  std::memcpy(out, input->data, count);
  input->data += count;
  input->left -= count;
}

[[noreturn]] void on_png_error(png_structp png, png_const_charp message) {
  auto* input = static_cast<PngInput*>(png_get_error_ptr(png));
  static_cast<void>(std::snprintf(input->message, sizeof(input->message), "%s", message));
  png_longjmp(png, 1);
}
void on_png_warning(png_structp, png_const_charp) {}

struct PngHandle {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~PngHandle() { png_destroy_read_struct(&png, &info, nullptr); }
};

enum class PngContent : std::uint8_t { colors, stored_values };

// Reads the header and says what rows shall hold; false after an error.
bool start_png(PngHandle& handle, PngInput& input, PngContent wanted) {
  if (setjmp(png_jmpbuf(handle.png)) != 0) return false;  // NOLINT(cert-err52-cpp): libpng's interface
  png_set_read_fn(handle.png, &input, read_png_bytes);
  png_set_user_limits(handle.png, k_max_side, k_max_side);
  png_set_chunk_malloc_max(handle.png, 8U << 20);
  png_read_info(handle.png, handle.info);
  if (wanted == PngContent::stored_values) {
    png_set_packing(handle.png);
    png_set_swap(handle.png);
  } else {
    png_set_expand(handle.png);
  }
  png_set_interlace_handling(handle.png);
  png_read_update_info(handle.png, handle.info);
  return true;
}

bool read_png_rows(PngHandle& handle, png_bytepp rows) {
  if (setjmp(png_jmpbuf(handle.png)) != 0) return false;  // NOLINT(cert-err52-cpp)
  png_read_image(handle.png, rows);
  png_read_end(handle.png, nullptr);
  return true;
}

struct JpegError {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void count_jpeg_scans(j_common_ptr common) {
  if (reinterpret_cast<j_decompress_ptr>(common)->input_scan_number > k_max_scans)
    common->err->error_exit(common);
}

[[noreturn]] void on_jpeg_error(j_common_ptr common) {
  auto* error = reinterpret_cast<JpegError*>(common->err);
  common->err->format_message(common, error->message);
  std::longjmp(error->jump, 1);  // NOLINT(cert-err52-cpp): libjpeg's interface
}
void on_jpeg_message(j_common_ptr) {}

struct JpegHandle {
  jpeg_decompress_struct jpeg{};
  JpegError error{};
  jpeg_progress_mgr progress{};
  JpegHandle() {
    jpeg.err = jpeg_std_error(&error.manager);
    error.manager.error_exit = on_jpeg_error;
    error.manager.output_message = on_jpeg_message;
    jpeg_create_decompress(&jpeg);
    progress.progress_monitor = count_jpeg_scans;
    jpeg.progress = &progress;
  }
  JpegHandle(const JpegHandle&) = delete;
  JpegHandle& operator=(const JpegHandle&) = delete;
  ~JpegHandle() { jpeg_destroy_decompress(&jpeg); }
};

bool start_jpeg(JpegHandle& handle, const std::string& content) {
  if (setjmp(handle.error.jump) != 0) return false;  // NOLINT(cert-err52-cpp)
  jpeg_mem_src(&handle.jpeg, reinterpret_cast<const unsigned char*>(content.data()), content.size());
  jpeg_read_header(&handle.jpeg, TRUE);
  const bool is_grey = handle.jpeg.jpeg_color_space == JCS_GRAYSCALE;
  handle.jpeg.out_color_space = is_grey ? JCS_GRAYSCALE : JCS_RGB;
  return true;
}

bool read_jpeg_rows(JpegHandle& handle, unsigned char* pixels) {
  if (setjmp(handle.error.jump) != 0) return false;  // NOLINT(cert-err52-cpp)
  jpeg_start_decompress(&handle.jpeg);
  const std::size_t row_bytes =
      std::size_t{handle.jpeg.output_width} * static_cast<std::size_t>(handle.jpeg.output_components);
  while (handle.jpeg.output_scanline < handle.jpeg.output_height) {
    JSAMPROW row = pixels + handle.jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&handle.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&handle.jpeg);
  return true;
}

// Pixels as bytes, rows without gaps; 2 bytes per value where the depth is 16.
struct PngPixels {
  int height = 0, width = 0, channels = 0, depth = 0;
  std::vector<std::uint8_t> bytes;
};

Result<PngPixels> read_png(const std::string& content, const std::string& name, PngContent wanted) {
  PngInput input{content.data(), content.size(), {}};
  PngHandle handle;
  handle.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, on_png_error, on_png_warning);
  if (handle.png != nullptr) handle.info = png_create_info_struct(handle.png);
  if (handle.info == nullptr) return failed("{}: no memory", name);
  if (!start_png(handle, input, wanted)) return bad_input("{}: damaged PNG: {}", name, input.message);
  const std::uint64_t width = png_get_image_width(handle.png, handle.info);
  const std::uint64_t height = png_get_image_height(handle.png, handle.info);
  QFI_CHECK(check_size(width, height, name));
  PngPixels pixels;
  pixels.width = static_cast<int>(width);
  pixels.height = static_cast<int>(height);
  pixels.channels = png_get_channels(handle.png, handle.info);
  pixels.depth = png_get_bit_depth(handle.png, handle.info);
  const std::uint64_t row_bytes = png_get_rowbytes(handle.png, handle.info);
  pixels.bytes.resize(height * row_bytes);
  std::vector<png_bytep> rows;
  for (std::uint64_t y = 0; y < height; ++y) rows.push_back(pixels.bytes.data() + y * row_bytes);
  if (!read_png_rows(handle, rows.data())) return bad_input("{}: damaged PNG: {}", name, input.message);
  return pixels;
}

// Without the last of 2 or 4 channels.
void remove_alpha(PngPixels& pixels) {
  const auto old_channels = static_cast<std::size_t>(pixels.channels);
  const std::size_t count = pixels.bytes.size() / old_channels;
  for (std::size_t i = 0; i < count; ++i)
    std::copy_n(&pixels.bytes[i * old_channels], old_channels - 1, &pixels.bytes[i * (old_channels - 1)]);
  pixels.bytes.resize(count * (old_channels - 1));
  --pixels.channels;
}

}  // namespace

Result<Image> decode_png(const std::string& content, const std::string& name, bool drop_alpha) {
  QFI_TRY(PngPixels pixels, read_png(content, name, PngContent::colors));
  if (pixels.depth != 8) return bad_input("{}: {} bits per value, only 8 are supported", name, pixels.depth);
  if (pixels.channels == 2 || pixels.channels == 4) {
    if (!drop_alpha)
      return bad_input("{}: has an alpha channel; 'color: rgb' or 'color: grey' drops it", name);
    remove_alpha(pixels);
  }
  return Image{pixels.height, pixels.width, pixels.channels, std::move(pixels.bytes)};
}

Result<ClassMap> decode_class_map(const std::string& content, const std::string& name) {
  QFI_TRY(const PngPixels pixels, read_png(content, name, PngContent::stored_values));
  if (pixels.channels != 1) return bad_input("{}: a class map needs one value per pixel", name);
  ClassMap map{pixels.height, pixels.width, {}};
  const auto count = static_cast<std::size_t>(map.height) * static_cast<std::size_t>(map.width);
  for (std::size_t i = 0; i < count; ++i)
    map.classes.push_back(pixels.depth == 16 ? pixels.bytes[2 * i] | pixels.bytes[2 * i + 1] << 8
                                             : pixels.bytes[i]);
  return map;
}

Result<Image> decode_jpeg(const std::string& content, const std::string& name) {
  JpegHandle handle;
  if (!start_jpeg(handle, content)) return bad_input("{}: damaged JPEG: {}", name, handle.error.message);
  if (handle.jpeg.jpeg_color_space == JCS_CMYK || handle.jpeg.jpeg_color_space == JCS_YCCK)
    return bad_input("{}: CMYK is not supported", name);
  QFI_CHECK(check_size(handle.jpeg.image_width, handle.jpeg.image_height, name));
  Image image;
  image.width = static_cast<int>(handle.jpeg.image_width);
  image.height = static_cast<int>(handle.jpeg.image_height);
  image.channels = handle.jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3;
  image.pixels.resize(std::size_t{handle.jpeg.image_width} * handle.jpeg.image_height *
                      static_cast<std::size_t>(image.channels));
  if (!read_jpeg_rows(handle, image.pixels.data()))
    return bad_input("{}: damaged JPEG: {}", name, handle.error.message);
  if (handle.jpeg.err->num_warnings > 0) return bad_input("{}: damaged JPEG: the data are corrupt", name);
  return image;
}

Result<Image> decode_image(const std::string& content, const std::string& name, bool drop_alpha) {
  if (content.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(content, name, drop_alpha);
  if (content.starts_with("\xff\xd8\xff")) return decode_jpeg(content, name);
  return bad_input("{}: neither PNG nor JPEG", name);
}

}  // namespace qfi
