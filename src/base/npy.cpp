// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/npy.hpp"

#include <zip.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

namespace qfi {
namespace {

constexpr std::string_view k_magic = "\x93NUMPY";

// The header is a Python dictionary with fixed keys; its three values are found by key.
std::optional<std::string_view> value_after(std::string_view header, std::string_view key) {
  const auto where = header.find(key);
  if (where == std::string_view::npos) return std::nullopt;
  std::string_view rest = header.substr(where + key.size());
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == ':')) rest.remove_prefix(1);
  return rest;
}

std::optional<std::vector<std::uint64_t>> parse_shape(std::string_view text) {
  if (text.empty() || text.front() != '(') return std::nullopt;
  const auto end = text.find(')');
  if (end == std::string_view::npos) return std::nullopt;
  std::vector<std::uint64_t> shape;
  const char* at = text.data() + 1;
  const char* const last = text.data() + end;
  while (at != last) {
    if (*at == ' ' || *at == ',') {
      ++at;
      continue;
    }
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(at, last, value);
    if (parsed.ec != std::errc() || shape.size() >= 32) return std::nullopt;
    shape.push_back(value);
    at = parsed.ptr;
  }
  return shape;
}

// Product of the dimensions and the element size, or nothing if it does not fit.
std::optional<std::uint64_t> checked_bytes(const std::vector<std::uint64_t>& shape,
                                           std::uint64_t element_bytes) {
  std::uint64_t bytes = element_bytes;
  for (const std::uint64_t dimension : shape) {
    if (dimension != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / dimension) return std::nullopt;
    bytes *= dimension;
  }
  return bytes;
}

}  // namespace

std::uint64_t NpyArray::elements() const {
  std::uint64_t count = 1;
  for (const std::uint64_t dimension : shape) count *= dimension;
  return count;
}

namespace {

Result<NpyArray> parse_npy(std::string file, const std::string& name) {
  if (file.size() < 10 || !std::string_view(file).starts_with(k_magic))
    return bad_input("{}: not an .npy file", name);
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(file[i]));
  };
  const bool wide = byte(6) >= 2;
  if (byte(6) < 1 || byte(6) > 3 || (wide && file.size() < 12))
    return bad_input("{}: .npy version {} is not known", name, byte(6));
  const std::size_t header_bytes = byte(8) | byte(9) << 8 | (wide ? byte(10) << 16 | byte(11) << 24 : 0);
  const std::size_t header_at = wide ? 12 : 10;
  if (header_bytes > file.size() - header_at) return bad_input("{}: header ends early", name);
  const std::string_view header = std::string_view(file).substr(header_at, header_bytes);

  const auto descr = value_after(header, "'descr'");
  const auto order = value_after(header, "'fortran_order'");
  const auto shape_text = value_after(header, "'shape'");
  if (!descr || !order || !shape_text || descr->size() < 5)
    return bad_input("{}: the .npy header lacks descr, fortran_order or shape", name);
  if (!order->starts_with("False")) return bad_input("{}: Fortran order; save it in C order", name);
  const auto quote = descr->front();
  const auto closing = descr->find(quote, 1);
  const std::string_view code = descr->substr(1, closing == std::string_view::npos ? 0 : closing - 1);
  if (code.size() != 3 || (code[0] != '<' && code[0] != '|') ||
      std::string_view("iufb").find(code[1]) == std::string_view::npos ||
      std::string_view("1248").find(code[2]) == std::string_view::npos)
    return bad_input("{}: element type {} is not supported (little-endian int, uint, float)", name, code);
  auto shape = parse_shape(*shape_text);
  if (!shape) return bad_input("{}: unreadable shape in the .npy header", name);
  const auto bytes = checked_bytes(*shape, static_cast<std::uint64_t>(code[2] - '0'));
  const std::size_t data_at = header_at + header_bytes;
  if (!bytes || *bytes != file.size() - data_at)
    return bad_input("{}: the data's size does not match the shape in the header", name);
  std::string type(code.substr(1));
  file.erase(0, data_at);  // in place: the data may be large
  return NpyArray{std::move(type), std::move(*shape), std::move(file)};
}

struct ZipDeleter {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

// An archive and the bytes that it is read from.
struct Archive {
  std::unique_ptr<const std::string> content;
  std::unique_ptr<zip_t, ZipDeleter> zip;
};

Result<Archive> open_npz(const std::filesystem::path& path, const ByteLimit& limit) {
  QFI_TRY(std::string content, read_file(path, limit));
  Archive archive{std::make_unique<const std::string>(std::move(content)), nullptr};
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source =
      zip_source_buffer_create(archive.content->data(), archive.content->size(), 0, &error);
  archive.zip.reset(source == nullptr ? nullptr
                                      : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error));
  const std::string reason = archive.zip ? "" : zip_error_strerror(&error);
  if (!archive.zip && source != nullptr) zip_source_free(source);
  zip_error_fini(&error);
  if (!archive.zip) return bad_input("{}: not an .npz archive ({})", path.string(), reason);
  return archive;
}

std::string member_names(zip_t* archive) {
  std::string names;
  constexpr zip_int64_t k_most_listed = 20;
  const zip_int64_t count = std::min(zip_get_num_entries(archive, 0), k_most_listed);
  for (zip_int64_t i = 0; i < count; ++i)
    names +=
        (names.empty() ? "" : ", ") + std::string(zip_get_name(archive, static_cast<zip_uint64_t>(i), 0));
  return names;
}

}  // namespace

Result<NpyArray> read_npy(const std::filesystem::path& path, const ByteLimit& limit) {
  QFI_TRY(std::string file, read_file_gunzip(path, limit));
  return parse_npy(std::move(file), path.string());
}

Result<std::vector<std::string>> npz_arrays(const std::filesystem::path& path, const ByteLimit& limit) {
  QFI_TRY(const Archive archive, open_npz(path, limit));
  constexpr std::string_view k_extension = ".npy";
  std::vector<std::string> names;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive.zip.get(), 0); ++i) {
    const char* name = zip_get_name(archive.zip.get(), static_cast<zip_uint64_t>(i), 0);
    std::string_view text = name == nullptr ? "" : name;
    if (!text.ends_with(k_extension)) continue;
    text.remove_suffix(k_extension.size());
    names.emplace_back(text);
  }
  return names;
}

Result<NpyArray> read_npz(const std::filesystem::path& path, const std::string& array,
                          const ByteLimit& limit) {
  const auto too_large = [&] {
    return bad_input("{}: array '{}' has more than {}", path.string(), array, limit.text());
  };
  QFI_TRY(const Archive archive, open_npz(path, limit));
  zip_t* zip = archive.zip.get();
  zip_stat_t stat;
  if (zip_stat(zip, (array + ".npy").c_str(), 0, &stat) != 0)
    return bad_input("{}: no array '{}'; it holds {}", path.string(), array, member_names(zip));
  if ((stat.valid & ZIP_STAT_SIZE) == 0 || stat.size > limit.bytes) return too_large();
  const std::unique_ptr<zip_file_t, ZipDeleter> file(zip_fopen_index(zip, stat.index, 0));
  if (!file) return bad_input("{}: array '{}' cannot be read: {}", path.string(), array, zip_strerror(zip));
  // Piece by piece: the size in the archive is only a claim.
  std::string bytes;
  std::vector<char> piece(1 << 20);
  for (;;) {
    const zip_int64_t count = zip_fread(file.get(), piece.data(), piece.size());
    if (count < 0) return bad_input("{}: array '{}' is damaged", path.string(), array);
    if (count == 0) break;
    bytes.append(piece.data(), static_cast<std::size_t>(count));
    if (bytes.size() > limit.bytes) return too_large();
  }
  return parse_npy(std::move(bytes), path.string() + ": " + array);
}

std::string npy_header(const std::string& type, std::span<const std::uint64_t> shape) {
  const char order = type.back() == '1' ? '|' : '<';
  std::string dimensions;
  for (const std::uint64_t dimension : shape) dimensions += fmt::format("{}, ", dimension);
  if (shape.size() > 1) dimensions.resize(dimensions.size() - 2);
  std::string header =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}", order, type, dimensions);
  const std::size_t unpadded = k_magic.size() + 4 + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ');
  header += '\n';
  std::string file(k_magic);
  file += '\x01';
  file += '\x00';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  return file;
}

std::string npy_bytes(const std::string& type, std::span<const std::uint64_t> shape,
                      std::span<const std::byte> data) {
  std::string file = npy_header(type, shape);
  file.append(reinterpret_cast<const char*>(data.data()), data.size());
  return file;
}

}  // namespace qfi
