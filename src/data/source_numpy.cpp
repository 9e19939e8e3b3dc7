// SPDX-License-Identifier: Apache-2.0
// NumPy arrays: [images, ..], and labels [images] or class maps [images, height, width].
#include <cmath>
#include <cstring>
#include <memory>

#include "qfi/base/npy.hpp"
#include "source.hpp"

namespace qfi {
namespace {

struct NamedArray {
  std::string name;  ///< for errors
  std::shared_ptr<const NpyArray> array;
};

using ReadElement = double (*)(const char* at);

template <class T>
double read_as(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return static_cast<double>(value);
}

Result<ReadElement> element_reader(const NamedArray& named) {
  const std::string& type = named.array->type;
  if (type == "u1" || type == "b1") return read_as<std::uint8_t>;
  if (type == "i1") return read_as<std::int8_t>;
  if (type == "i2") return read_as<std::int16_t>;
  if (type == "u2") return read_as<std::uint16_t>;
  if (type == "i4") return read_as<std::int32_t>;
  if (type == "i8") return read_as<std::int64_t>;
  if (type == "f4") return read_as<float>;
  if (type == "f8") return read_as<double>;
  return bad_input("{}: element type {} is not supported here", named.name, type);
}

// Reads entry i of the first dimension.
Result<std::function<Result<Values>(std::uint64_t)>> entry_reader(const NamedArray& named) {
  QFI_TRY(const ReadElement read, element_reader(named));
  const std::vector<std::uint64_t> shape(named.array->shape.begin() + 1, named.array->shape.end());
  const std::uint64_t elements = named.array->elements() / named.array->shape[0];
  const std::uint64_t element_bytes = named.array->data.size() / named.array->elements();
  return [array = named.array, shape, elements, element_bytes, read](std::uint64_t entry) -> Result<Values> {
    Values result{shape, std::vector<float>(elements)};
    for (std::uint64_t i = 0; i < elements; ++i)
      result.values[i] =
          static_cast<float>(read(array->data.data() + (entry * elements + i) * element_bytes));
    return result;
  };
}

bool is_class_number(double value) { return value == std::floor(value) && std::fabs(value) <= 1e9; }

Result<std::function<Result<ClassMap>(std::uint64_t)>> map_reader(const NamedArray& named) {
  QFI_TRY(auto read, entry_reader(named));
  return [read = std::move(read)](std::uint64_t entry) -> Result<ClassMap> {
    QFI_TRY(const Values values, read(entry));
    ClassMap map{static_cast<int>(values.shape[0]), static_cast<int>(values.shape[1]), {}};
    for (const float value : values.values) {
      if (!is_class_number(value)) return bad_input("{} is not a class number", value);
      map.classes.push_back(static_cast<int>(value));
    }
    return map;
  };
}

Result<std::vector<std::int64_t>> classes(const NamedArray& named) {
  QFI_TRY(const ReadElement read, element_reader(named));
  const std::uint64_t element_bytes = named.array->data.size() / named.array->elements();
  std::vector<std::int64_t> labels;
  for (std::uint64_t i = 0; i < named.array->elements(); ++i) {
    const double label = read(named.array->data.data() + i * element_bytes);
    if (!is_class_number(label))
      return bad_input("{}: label {} of image {} is not a class number", named.name, label, i);
    labels.push_back(static_cast<std::int64_t>(label));
  }
  return labels;
}

// Labels may be absent.
Result<DataSource> open_arrays(const NamedArray& images, const std::optional<NamedArray>& labels) {
  if (images.array->shape.size() < 2 || images.array->elements() == 0)
    return bad_input("{}: needs the shape [images, ..]", images.name);
  DataSource source;
  source.count = images.array->shape[0];
  QFI_TRY(source.image, entry_reader(images));
  if (images.array->type == "i1") source.signed_type = TensorType::int8;
  if (images.array->type == "i2") source.signed_type = TensorType::int16;
  if (!labels) return source;
  std::vector<std::uint64_t> shape = labels->array->shape;
  if (shape.size() == 2 && shape[1] == 1) shape.pop_back();  // a column of classes
  if ((shape.size() != 1 && shape.size() != 3) || labels->array->elements() == 0)
    return bad_input("{}: needs the shape [images], or [images, height, width] for class maps", labels->name);
  if (shape[0] != source.count)
    return bad_input("{}: {} labels for {} images", labels->name, shape[0], source.count);
  if (shape.size() == 1) {
    QFI_TRY(source.labels, classes(*labels));
  } else {
    constexpr std::uint64_t k_max_side = 1 << 20;
    if (shape[1] > k_max_side || shape[2] > k_max_side)
      return bad_input("{}: class maps with sides of more than {}", labels->name, k_max_side);
    QFI_TRY(source.label_map, map_reader(*labels));
  }
  return source;
}

Result<NamedArray> read_array(const std::filesystem::path& path, const ByteLimit& limit) {
  QFI_TRY(NpyArray array, read_npy(path, limit));
  return NamedArray{path.string(), std::make_shared<const NpyArray>(std::move(array))};
}

}  // namespace

Result<DataSource> open_npy(const DataConfig& config) {
  QFI_TRY(const NamedArray images, read_array(config.images.path, data_limit(config)));
  std::optional<NamedArray> labels;
  if (!config.labels.text.empty()) {
    QFI_TRY(labels, read_array(config.labels.path, data_limit(config)));
  }
  QFI_TRY(DataSource source, open_arrays(images, labels));
  QFI_TRY(source.images_sha256, sha256_of_file(config.images.path, data_limit(config)));
  if (labels) {
    QFI_TRY(source.labels_sha256, sha256_of_file(config.labels.path, data_limit(config)));
  }
  return source;
}

Result<DataSource> open_npz(const DataConfig& config) {
  const auto member = [&](const std::string& name) -> Result<NamedArray> {
    QFI_TRY(NpyArray array, read_npz(config.images.path, name, data_limit(config)));
    return NamedArray{config.images.path.string() + ": " + name,
                      std::make_shared<const NpyArray>(std::move(array))};
  };
  QFI_TRY(const NamedArray images, member(config.images_array));
  std::optional<NamedArray> labels;
  if (!config.labels_array.empty()) {
    QFI_TRY(labels, member(config.labels_array));
  }
  QFI_TRY(DataSource source, open_arrays(images, labels));
  QFI_TRY(source.images_sha256, sha256_of_file(config.images.path, data_limit(config)));
  return source;
}

}  // namespace qfi
