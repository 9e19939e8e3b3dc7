// SPDX-License-Identifier: Apache-2.0
// libpng and libjpeg report errors by jumping; between setjmp and the jump no object with a
// destructor is made.
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

constexpr std::uint64_t k_max_pixels = std::uint64_t{1} << 26;

Result<void> check_size(std::uint64_t width, std::uint64_t height, const std::string& name) {
  if (width == 0 || height == 0 || width > k_max_pixels / height)
    return bad_input("{}: {}x{} pixels, at most {} are supported", name, width, height, k_max_pixels);
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
  std::snprintf(input->message, sizeof(input->message), "%s", message);
  png_longjmp(png, 1);
}
void on_png_warning(png_structp, png_const_charp) {}

struct PngHandle {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~PngHandle() { png_destroy_read_struct(&png, &info, nullptr); }
};

// Reads the header and asks for 8 bits per value; false after an error.
bool start_png(PngHandle& handle, PngInput& input, PngContent wanted) {
  if (setjmp(png_jmpbuf(handle.png)) != 0) return false;  // NOLINT(cert-err52-cpp): libpng's interface
  png_set_read_fn(handle.png, &input, read_png_bytes);
  png_set_user_limits(handle.png, 1U << 26, 1U << 26);
  png_set_chunk_malloc_max(handle.png, 8U << 20);
  png_read_info(handle.png, handle.info);
  const png_byte type = png_get_color_type(handle.png, handle.info);
  png_set_strip_16(handle.png);
  if (wanted == PngContent::values) {
    png_set_packing(handle.png);
  } else {
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(handle.png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(handle.png);
  }
  if ((type & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(handle.png);
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

[[noreturn]] void on_jpeg_error(j_common_ptr common) {
  auto* error = reinterpret_cast<JpegError*>(common->err);
  common->err->format_message(common, error->message);
  std::longjmp(error->jump, 1);  // NOLINT(cert-err52-cpp): libjpeg's interface
}
void on_jpeg_message(j_common_ptr) {}

struct JpegHandle {
  jpeg_decompress_struct jpeg{};
  JpegError error{};
  JpegHandle() {
    jpeg.err = jpeg_std_error(&error.manager);
    error.manager.error_exit = on_jpeg_error;
    error.manager.output_message = on_jpeg_message;
    jpeg_create_decompress(&jpeg);
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
  const std::size_t row_bytes = std::size_t{handle.jpeg.output_width} * handle.jpeg.output_components;
  while (handle.jpeg.output_scanline < handle.jpeg.output_height) {
    JSAMPROW row = pixels + handle.jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&handle.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&handle.jpeg);
  return true;
}

}  // namespace

Result<Image> decode_png(const std::string& content, const std::string& name, PngContent wanted) {
  PngInput input{content.data(), content.size(), {}};
  PngHandle handle;
  handle.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, on_png_error, on_png_warning);
  if (handle.png != nullptr) handle.info = png_create_info_struct(handle.png);
  if (handle.info == nullptr) return failed("{}: no memory", name);
  if (!start_png(handle, input, wanted)) return bad_input("{}: damaged PNG: {}", name, input.message);
  const std::uint64_t width = png_get_image_width(handle.png, handle.info);
  const std::uint64_t height = png_get_image_height(handle.png, handle.info);
  QFI_CHECK(check_size(width, height, name));
  Image image;
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.channels = png_get_channels(handle.png, handle.info);
  image.pixels.resize(width * height * static_cast<std::uint64_t>(image.channels));
  std::vector<png_bytep> rows;
  for (std::uint64_t y = 0; y < height; ++y)
    rows.push_back(image.pixels.data() + y * width * static_cast<std::uint64_t>(image.channels));
  if (!read_png_rows(handle, rows.data())) return bad_input("{}: damaged PNG: {}", name, input.message);
  return image;
}

Result<Image> decode_jpeg(const std::string& content, const std::string& name) {
  JpegHandle handle;
  if (!start_jpeg(handle, content)) return bad_input("{}: damaged JPEG: {}", name, handle.error.message);
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

Result<Image> decode_image(const std::string& content, const std::string& name) {
  if (content.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(content, name, PngContent::colors);
  if (content.starts_with("\xff\xd8\xff")) return decode_jpeg(content, name);
  return bad_input("{}: neither PNG nor JPEG", name);
}

}  // namespace qfi
