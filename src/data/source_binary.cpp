// SPDX-License-Identifier: Apache-2.0
// CIFAR-10 and CIFAR-100 batches, and MNIST's idx files.
#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "source.hpp"

namespace qfi {
namespace {

std::uint8_t byte_at(const std::string& text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }

// Big-endian header: 0, 0, 8 (bytes), number of dimensions, then 32 bits for each.
struct Idx {
  std::vector<std::uint64_t> shape;
  std::size_t data_at = 0;
  std::string content;
};

Result<Idx> read_idx(const std::filesystem::path& path, const ByteLimit& limit) {
  Idx idx;
  QFI_TRY(idx.content, read_file_gunzip(path, limit));
  const std::string name = path.string();
  const bool has_header =
      idx.content.size() >= 4 && byte_at(idx.content, 0) == 0 && byte_at(idx.content, 1) == 0;
  if (!has_header || byte_at(idx.content, 2) != 8 || byte_at(idx.content, 3) < 1 ||
      byte_at(idx.content, 3) > 4)
    return bad_input("{}: not an idx file of bytes", name);
  const std::size_t dimensions = byte_at(idx.content, 3);
  idx.data_at = 4 + 4 * dimensions;
  if (idx.content.size() < idx.data_at) return bad_input("{}: header ends early", name);
  std::uint64_t bytes = 1;
  for (std::size_t k = 0; k < dimensions; ++k) {
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | byte_at(idx.content, 4 + 4 * k + i);
    idx.shape.push_back(size);
    if (size == 0 || bytes > idx.content.size() / size)
      return bad_input("{}: the sizes in the header do not fit the file", name);
    bytes *= size;
  }
  if (bytes != idx.content.size() - idx.data_at)
    return bad_input("{}: {} bytes of data where the header says {}", name, idx.content.size() - idx.data_at,
                     bytes);
  return idx;
}

}  // namespace

Result<std::string> sha256_of_file(const std::filesystem::path& file, const ByteLimit& limit) {
  QFI_TRY(const std::string content, read_file(file, limit));
  return sha256_hex(bytes_of(content));
}

// Label bytes (CIFAR-100: coarse, fine), then 1024 red, green and blue values, a plane each; the
// engine wants HWC.
Result<DataSource> open_cifar(const DataConfig& config) {
  constexpr std::uint64_t k_pixels = 1024;
  const std::uint64_t label_bytes = config.format == DataFormat::cifar10 ? 1 : 2;
  const std::uint64_t label_at = config.format == DataFormat::cifar100 ? 1 : 0;
  const std::uint64_t record = label_bytes + 3 * k_pixels;
  QFI_TRY(auto content, read_file_gunzip(config.images.path, data_limit(config)));
  if (content.empty() || content.size() % record != 0)
    return bad_input("{}: {} bytes are not a whole number of CIFAR-{} records of {}",
                     config.images.path.string(), content.size(), label_bytes == 1 ? 10 : 100, record);
  DataSource source;
  source.count = content.size() / record;
  QFI_TRY(source.images_sha256, sha256_of_file(config.images.path, data_limit(config)));
  for (std::uint64_t i = 0; i < source.count; ++i)
    source.labels.push_back(byte_at(content, i * record + label_at));
  source.image = [content = std::move(content), record, label_bytes](std::uint64_t image) -> Result<Values> {
    Values result{{32, 32, 3}, std::vector<float>(3 * k_pixels)};
    const std::size_t start = image * record + label_bytes;
    for (std::size_t i = 0; i < result.values.size(); ++i)
      result.values[i] = static_cast<float>(byte_at(content, start + i % 3 * k_pixels + i / 3));
    return result;
  };
  return source;
}

Result<DataSource> open_idx(const DataConfig& config) {
  QFI_TRY(Idx images, read_idx(config.images.path, data_limit(config)));
  if (images.shape.size() < 3) return bad_input("{}: images need 3 dimensions", config.images.path.string());
  DataSource source;
  source.count = images.shape[0];
  QFI_TRY(source.images_sha256, sha256_of_file(config.images.path, data_limit(config)));
  if (!config.labels.text.empty()) {
    QFI_TRY(const Idx labels, read_idx(config.labels.path, data_limit(config)));
    if (labels.shape.size() != 1)
      return bad_input("{}: labels need 1 dimension", config.labels.path.string());
    QFI_TRY(source.labels_sha256, sha256_of_file(config.labels.path, data_limit(config)));
    for (std::size_t i = labels.data_at; i < labels.content.size(); ++i)
      source.labels.push_back(byte_at(labels.content, i));
  }
  std::vector<std::uint64_t> shape(images.shape.begin() + 1, images.shape.end());
  if (shape.size() == 2) shape.push_back(1);
  const std::uint64_t elements = (images.content.size() - images.data_at) / source.count;
  source.image = [idx = std::move(images), shape, elements](std::uint64_t image) -> Result<Values> {
    Values result{shape, std::vector<float>(elements)};
    for (std::size_t i = 0; i < elements; ++i)
      result.values[i] = static_cast<float>(byte_at(idx.content, idx.data_at + image * elements + i));
    return result;
  };
  return source;
}

}  // namespace qfi
