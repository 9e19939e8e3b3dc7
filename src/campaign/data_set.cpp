// SPDX-License-Identifier: Apache-2.0
#include "qfi/campaign/data_set.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>

#include "qfi/base/file.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/base/random.hpp"

namespace qfi {
namespace {

// A file's content before the selection: how to get at image i.
struct Source {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> shape;
  std::vector<std::int64_t> labels;
  std::string images_sha256;
  std::string labels_sha256;
  std::function<float(std::uint64_t image, std::uint64_t element)> value;
};

// Of the file as it lies on disk, so that `sha256sum` agrees.
Result<std::string> sha256_of_file(const ConfigPath& file) {
  QFI_TRY(const std::string content, read_file(file.path));
  return sha256_hex(bytes_of(content));
}

std::uint8_t byte_at(const std::string& text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }

// One label byte, then 1024 red, green and blue values, a plane each; the engine wants HWC.
Result<Source> load_cifar10(const DataConfig& config) {
  constexpr std::uint64_t k_pixels = 1024;
  constexpr std::uint64_t k_record = 1 + 3 * k_pixels;
  QFI_TRY(auto content, read_file_gunzip(config.images.path));
  if (content.empty() || content.size() % k_record != 0)
    return bad_input("{}: {} bytes are not a whole number of CIFAR-10 records of {}",
                     config.images.path.string(), content.size(), k_record);
  Source source;
  source.count = content.size() / k_record;
  source.shape = {32, 32, 3};
  QFI_TRY(source.images_sha256, sha256_of_file(config.images));
  for (std::uint64_t i = 0; i < source.count; ++i) source.labels.push_back(byte_at(content, i * k_record));
  source.value = [content = std::move(content)](std::uint64_t image, std::uint64_t element) {
    return static_cast<float>(byte_at(content, image * k_record + 1 + element % 3 * k_pixels + element / 3));
  };
  return source;
}

// Big-endian header: 0, 0, 8 (bytes), number of dimensions, then 32 bits for each.
struct Idx {
  std::vector<std::uint64_t> shape;
  std::size_t data_at = 0;
  std::string content;
};

Result<Idx> read_idx(const ConfigPath& file) {
  Idx idx;
  QFI_TRY(idx.content, read_file_gunzip(file.path));
  const std::string name = file.path.string();
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

Result<Source> load_idx(const DataConfig& config) {
  QFI_TRY(Idx images, read_idx(config.images));
  QFI_TRY(const Idx labels, read_idx(config.labels));
  if (images.shape.size() < 3 || labels.shape.size() != 1)
    return bad_input("{}: images need 3 dimensions, labels 1", config.images.path.string());
  Source source;
  source.count = images.shape[0];
  source.shape.assign(images.shape.begin() + 1, images.shape.end());
  if (source.shape.size() == 2) source.shape.push_back(1);
  QFI_TRY(source.images_sha256, sha256_of_file(config.images));
  QFI_TRY(source.labels_sha256, sha256_of_file(config.labels));
  for (std::size_t i = labels.data_at; i < labels.content.size(); ++i)
    source.labels.push_back(byte_at(labels.content, i));
  const std::uint64_t elements = (images.content.size() - images.data_at) / source.count;
  source.value = [idx = std::move(images), elements](std::uint64_t image, std::uint64_t element) {
    return static_cast<float>(byte_at(idx.content, idx.data_at + image * elements + element));
  };
  return source;
}

// Element i of an array, as a number.
Result<std::function<double(std::uint64_t)>> npy_reader(const NpyArray& array, const std::string& name) {
  const auto reader = [&array]<class T>(T) -> std::function<double(std::uint64_t)> {
    return [&array](std::uint64_t i) {
      T value;
      std::memcpy(&value, array.data.data() + i * sizeof(T), sizeof(T));
      return static_cast<double>(value);
    };
  };
  if (array.type == "u1") return reader(std::uint8_t{});
  if (array.type == "i1") return reader(std::int8_t{});
  if (array.type == "i2") return reader(std::int16_t{});
  if (array.type == "u2") return reader(std::uint16_t{});
  if (array.type == "i4") return reader(std::int32_t{});
  if (array.type == "i8") return reader(std::int64_t{});
  if (array.type == "f4") return reader(float{});
  if (array.type == "f8") return reader(double{});
  return bad_input("{}: element type {} is not supported here", name, array.type);
}

Result<Source> load_npy(const DataConfig& config) {
  QFI_TRY(NpyArray loaded, read_npy(config.images.path));
  const auto images = std::make_shared<const NpyArray>(std::move(loaded));
  QFI_TRY(const NpyArray labels, read_npy(config.labels.path));
  QFI_TRY(auto image_value, npy_reader(*images, config.images.path.string()));
  QFI_TRY(const auto label_value, npy_reader(labels, config.labels.path.string()));
  if (images->shape.size() < 2 || images->elements() == 0)
    return bad_input("{}: needs the shape [images, ..]", config.images.path.string());
  if (labels.shape.size() != 1) return bad_input("{}: needs the shape [images]", config.labels.path.string());
  Source source;
  source.count = images->shape[0];
  source.shape.assign(images->shape.begin() + 1, images->shape.end());
  QFI_TRY(source.images_sha256, sha256_of_file(config.images));
  QFI_TRY(source.labels_sha256, sha256_of_file(config.labels));
  for (std::uint64_t i = 0; i < labels.elements(); ++i) {
    const double label = label_value(i);
    if (label != std::floor(label) || std::fabs(label) > 1e9)
      return bad_input("{}: label {} of image {} is not a class number", config.labels.path.string(), label,
                       i);
    source.labels.push_back(static_cast<std::int64_t>(label));
  }
  const std::uint64_t elements = images->elements() / source.count;
  source.value = [images, image_value = std::move(image_value), elements](std::uint64_t image,
                                                                          std::uint64_t element) {
    return static_cast<float>(image_value(image * elements + element));
  };
  return source;
}

Result<Source> load_source(const DataConfig& config) {
  switch (config.format) {
    case DataFormat::cifar10: return load_cifar10(config);
    case DataFormat::idx: return load_idx(config);
    case DataFormat::npy: return load_npy(config);
  }
  return bad_input("unknown data format");
}

// `count` images in the classes' proportions (largest remainders), random within each class.
std::vector<std::uint64_t> stratified(const std::vector<std::int64_t>& labels, std::uint64_t count,
                                      std::uint64_t seed) {
  std::map<std::int64_t, std::vector<std::uint64_t>> members;
  for (std::uint64_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(i);
  struct Share {
    std::int64_t label;
    std::uint64_t whole;
    std::uint64_t remainder;
  };
  std::vector<Share> shares;
  std::uint64_t given = 0;
  for (const auto& [label, images] : members) {
    const std::uint64_t scaled = images.size() * count;
    shares.push_back({label, scaled / labels.size(), scaled % labels.size()});
    given += shares.back().whole;
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const Share& a, const Share& b) { return a.remainder > b.remainder; });
  for (std::size_t i = 0; given < count; ++i, ++given) ++shares[i].whole;
  std::vector<std::uint64_t> chosen;
  for (const Share& share : shares) {
    const auto& images = members[share.label];
    for (const std::uint64_t k : draw_without_replacement(images.size(), share.whole, seed,
                                                          fmt::format("images of class {}", share.label)))
      chosen.push_back(images[k]);
  }
  return chosen;
}

Result<std::vector<std::uint64_t>> select(const ImageSelection& selection,
                                          const std::vector<std::int64_t>& labels, std::uint64_t seed,
                                          const std::string& name) {
  const std::uint64_t available = labels.size();
  std::vector<std::uint64_t> chosen;
  const auto check = [&](std::uint64_t count) -> Result<void> {
    if (count > available)
      return bad_input("{}: 'select' asks for {} images, the file has {}", name, count, available);
    return {};
  };
  if (std::holds_alternative<SelectAll>(selection)) {
    chosen.resize(available);
    std::iota(chosen.begin(), chosen.end(), std::uint64_t{0});
  } else if (const auto* first = std::get_if<SelectFirst>(&selection)) {
    QFI_CHECK(check(first->count));
    chosen.resize(first->count);
    std::iota(chosen.begin(), chosen.end(), std::uint64_t{0});
  } else if (const auto* random = std::get_if<SelectRandom>(&selection)) {
    QFI_CHECK(check(random->count));
    chosen = draw_without_replacement(available, random->count, seed, "images");
  } else if (const auto* by_class = std::get_if<SelectStratified>(&selection)) {
    QFI_CHECK(check(by_class->count));
    chosen = stratified(labels, by_class->count, seed);
  } else {
    chosen = std::get<SelectList>(selection).indices;
    for (const std::uint64_t index : chosen)
      if (index >= available)
        return bad_input("{}: 'select' names image {}, the file has {}", name, index, available);
  }
  std::ranges::sort(chosen);
  if (std::ranges::adjacent_find(chosen) != chosen.end())
    return bad_input("{}: 'select' names an image twice", name);
  return chosen;
}

// 28 x 28 x 1 and 1 x 28 x 28 are the same image; 3 x 32 x 32 and 32 x 32 x 3 are not.
template <class T>
std::vector<std::uint64_t> without_ones(const std::vector<T>& shape) {
  std::vector<std::uint64_t> result;
  for (const T dimension : shape)
    if (dimension != 1) result.push_back(static_cast<std::uint64_t>(dimension));
  return result;
}

template <class T>
std::vector<std::byte> quantized(const DataSet& data, const Tensor& input,
                                 const std::optional<InputScaling>& scaling) {
  constexpr int smallest = std::numeric_limits<T>::min();
  constexpr int largest = std::numeric_limits<T>::max();
  const double step = input.quantization.scales[0];
  const int zero = input.quantization.zero_points[0];
  std::vector<std::byte> bytes(data.values.size() * sizeof(T));
  for (std::size_t i = 0; i < data.values.size(); ++i) {
    const double value = data.values[i];
    const double code = scaling ? std::round(scaling->scale * (value - scaling->mean) / step) + zero
                                : std::round(value) + smallest;
    const T stored = std::isnan(code) ? T{0} : static_cast<T>(std::clamp<double>(code, smallest, largest));
    std::memcpy(bytes.data() + i * sizeof(T), &stored, sizeof(T));
  }
  return bytes;
}

}  // namespace

Result<DataSet> load_data_set(const DataConfig& config, std::uint64_t seed) {
  QFI_TRY(const Source source, load_source(config));
  const std::string name = config.images.path.string();
  if (source.labels.size() != source.count)
    return bad_input("{}: {} images but {} labels", name, source.count, source.labels.size());
  DataSet data;
  QFI_TRY(data.indices, select(config.select, source.labels, seed, name));
  data.shape = source.shape;
  data.available = source.count;
  data.images_sha256 = source.images_sha256;
  data.labels_sha256 = source.labels_sha256;
  std::uint64_t elements = 1;
  for (const std::uint64_t dimension : source.shape) elements *= dimension;
  data.values.reserve(data.indices.size() * elements);
  for (const std::uint64_t image : data.indices) {
    for (std::uint64_t element = 0; element < elements; ++element)
      data.values.push_back(source.value(image, element));
    data.labels.push_back(static_cast<int>(source.labels[image] + config.label_offset));
  }
  data.selection_hash = sha256_hex(std::as_bytes(std::span(data.indices)));
  return data;
}

Result<void> check_labels(const DataSet& data, const DataConfig& config, std::size_t classes) {
  for (std::size_t i = 0; i < data.images(); ++i)
    if (data.labels[i] < 0 || static_cast<std::size_t>(data.labels[i]) >= classes)
      return bad_input(
          "{}: image {} has class {} (label_offset {} included), the model's classes are 0 to {}",
          (config.labels.text.empty() ? config.images : config.labels).path.string(), data.indices[i],
          data.labels[i], config.label_offset, classes - 1);
  return {};
}

Result<std::vector<std::byte>> to_input_tensor(const DataSet& data, const Tensor& input,
                                               const std::optional<InputScaling>& scaling) {
  const auto image_shape = without_ones(data.shape);
  const auto input_shape = without_ones(input.shape);
  const bool is_flat = image_shape.size() <= 1 || input_shape.size() <= 1;
  if (data.elements() != input.elements() || (!is_flat && image_shape != input_shape))
    return bad_input("images have the shape {}, the model's input {}", fmt::join(data.shape, "x"),
                     fmt::join(input.shape, "x"));
  if (input.type == TensorType::float32) {
    std::vector<std::byte> bytes(data.values.size() * sizeof(float));
    for (std::size_t i = 0; i < data.values.size(); ++i) {
      const double value = data.values[i];
      const auto real = static_cast<float>(scaling ? scaling->scale * (value - scaling->mean) : value);
      std::memcpy(bytes.data() + i * sizeof(float), &real, sizeof(float));
    }
    return bytes;
  }
  if (input.quantization.scales.size() != 1 ||
      (input.type != TensorType::int8 && input.type != TensorType::uint8))
    return bad_input("model input '{}' is {}; quantized INT8, UINT8 and FLOAT32 are supported", input.name,
                     name_of(input.type));
  if (!scaling &&
      !std::ranges::all_of(data.values, [](float v) { return v >= 0 && v <= 255 && v == std::floor(v); }))
    return bad_input("images hold values other than 0..255: say in 'input' how to scale them");
  return input.type == TensorType::int8 ? quantized<std::int8_t>(data, input, scaling)
                                        : quantized<std::uint8_t>(data, input, scaling);
}

}  // namespace qfi
