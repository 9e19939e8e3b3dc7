// SPDX-License-Identifier: Apache-2.0
#include "qfi/data/data_set.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>

#include "qfi/base/hash.hpp"
#include "qfi/base/random.hpp"
#include "qfi/data/image.hpp"
#include "source.hpp"

namespace qfi {
namespace {

Result<DataSource> open_source(const DataConfig& config) {
  switch (config.format) {
    case DataFormat::cifar10:
    case DataFormat::cifar100:
    case DataFormat::cifar100_coarse: return open_cifar(config);
    case DataFormat::idx: return open_idx(config);
    case DataFormat::npy: return open_npy(config);
    case DataFormat::npz: return open_npz(config);
    case DataFormat::images: return open_image_folder(config);
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

Result<std::vector<std::uint64_t>> select(const ImageSelection& selection, const DataSource& source,
                                          std::uint64_t seed, const std::string& name) {
  const std::uint64_t available = source.count;
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
    if (source.labels.empty()) return bad_input("{}: a stratified selection needs a class per image", name);
    chosen = stratified(source.labels, by_class->count, seed);
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

bool is_byte(float value) { return value >= 0 && value <= 255 && value == std::floor(value); }

// Pixels [height][width] or [height][width][1 or 3] of 0..255.
Result<Image> as_image(const Values& values) {
  const std::vector<std::uint64_t>& shape = values.shape;
  const std::uint64_t channels = shape.size() == 3 ? shape[2] : 1;
  if (shape.size() < 2 || shape.size() > 3 || (channels != 1 && channels != 3))
    return bad_input(
        "colour, crop and resize need images of [height, width] or [height, width, 1 or 3], not {}",
        fmt::join(shape, "x"));
  if (!std::ranges::all_of(values.values, is_byte))
    return bad_input("colour, crop and resize need whole values of 0..255");
  Image image{static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(channels), {}};
  for (const float value : values.values) image.pixels.push_back(static_cast<std::uint8_t>(value));
  return image;
}

bool changes_pixels(const DataConfig& config) {
  return config.color != ColorMode::as_stored || !std::holds_alternative<std::monostate>(config.crop) ||
         config.resize.has_value();
}

// 28 x 28 x 1 and 1 x 28 x 28 are the same image; 3 x 32 x 32 and 32 x 32 x 3 are not.
template <class T>
std::vector<std::uint64_t> without_ones(const std::vector<T>& shape) {
  std::vector<std::uint64_t> result;
  for (const T dimension : shape)
    if (dimension != 1) result.push_back(static_cast<std::uint64_t>(dimension));
  return result;
}

float round_to(float, double value) { return static_cast<float>(value); }
template <class T>
T round_to(T, double value) {
  if (std::isnan(value)) return T{0};
  return static_cast<T>(
      std::clamp<double>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

// One number for all channels, or one for each.
Result<void> check_channels(const std::vector<double>& numbers, std::size_t channels, const char* name) {
  if (numbers.size() != 1 && numbers.size() != channels)
    return bad_input("input: {} numbers for '{}', the images have {} channels", numbers.size(), name,
                     channels);
  return {};
}

// code(value, channel) for every value, stored as T.
template <class T, class Code>
void append(const Values& image, std::size_t channels, const Code& code, std::vector<std::byte>& bytes) {
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    const T stored = round_to(T{}, code(i - i % channels, i % channels));
    const auto* raw = reinterpret_cast<const std::byte*>(&stored);
    bytes.insert(bytes.end(), raw, raw + sizeof(T));
  }
}

}  // namespace

Result<DataSet> DataSet::open(const DataConfig& config, std::uint64_t seed) {
  DataSet data;
  data.m_config = config;
  QFI_TRY(data.m_source, open_source(config));
  const DataSource& source = data.m_source;
  const std::string name = config.images.path.string();
  if (!source.labels.empty() && source.labels.size() != source.count)
    return bad_input("{}: {} images but {} labels", name, source.count, source.labels.size());
  QFI_TRY(data.m_indices, select(config.select, source, seed, name));
  if (!source.labels.empty())
    for (const std::uint64_t image : data.m_indices)
      data.m_labels.push_back(static_cast<int>(source.labels[image] + config.label_offset));
  data.m_selection_hash = sha256_hex(std::as_bytes(std::span(data.m_indices)));
  return data;
}

Result<Values> DataSet::image(std::size_t k) const {
  QFI_TRY(Values values, m_source.image(m_indices[k]));
  if (!changes_pixels(m_config)) return values;
  const auto place = [&] { return fmt::format("{}: image {}", m_config.images.path.string(), m_indices[k]); };
  auto image = as_image(values);
  if (!image) return at(place(), image.error());
  image = cropped(converted(std::move(*image), m_config.color), m_config.crop);
  if (!image) return at(place(), image.error());
  if (m_config.resize) image = resized(*image, *m_config.resize);
  values.shape = {static_cast<std::uint64_t>(image->height), static_cast<std::uint64_t>(image->width),
                  static_cast<std::uint64_t>(image->channels)};
  values.values.assign(image->pixels.begin(), image->pixels.end());
  return values;
}

Result<std::vector<int>> DataSet::label_map(std::size_t k) const {
  QFI_TRY(Values values, m_source.label_map(m_indices[k]));
  if (!std::holds_alternative<std::monostate>(m_config.crop) || m_config.resize) {
    auto image = as_image(values);
    if (image) image = cropped(*image, m_config.crop);
    if (!image)
      return at(fmt::format("{}: class map {}", m_config.labels.path.string(), m_indices[k]), image.error());
    if (m_config.resize)
      image = resized(*image, {m_config.resize->height, m_config.resize->width, ResizeMethod::nearest});
    values.values.assign(image->pixels.begin(), image->pixels.end());
  }
  std::vector<int> classes;
  classes.reserve(values.values.size());
  for (const float value : values.values) {
    if (value != std::floor(value) || std::fabs(value) > 1e6F)
      return bad_input("{}: {} is not a class number", m_config.labels.path.string(), value);
    const int label = static_cast<int>(value);
    classes.push_back(m_config.ignore_label == label ? -1 : label + m_config.label_offset);
  }
  return classes;
}

Result<void> DataSet::check_labels(std::size_t classes) const {
  for (std::size_t i = 0; i < m_labels.size(); ++i)
    if (m_labels[i] < 0 || static_cast<std::size_t>(m_labels[i]) >= classes)
      return bad_input(
          "{}: image {} has class {} (label_offset {} included), the model's classes are 0 to {}",
          (m_config.labels.text.empty() ? m_config.images : m_config.labels).path.string(), m_indices[i],
          m_labels[i], m_config.label_offset, classes - 1);
  return {};
}

Result<std::vector<std::byte>> DataSet::read_inputs(std::size_t first, std::size_t count, const Tensor& input,
                                                    const std::optional<InputScaling>& scaling) const {
  const bool is_8_bit = input.type == TensorType::int8 || input.type == TensorType::uint8;
  const bool is_quantized = is_8_bit || input.type == TensorType::int16;
  if (input.type != TensorType::float32 && (!is_quantized || input.quantization.scales.size() != 1))
    return bad_input("model input '{}' is {}; quantized INT8, UINT8, INT16 and FLOAT32 are supported",
                     input.name, name_of(input.type));
  const bool holds_codes = !scaling && m_source.signed_type == input.type;
  if (input.type == TensorType::int16 && !scaling && !holds_codes)
    return bad_input("model input '{}' is INT16: say in 'input' how to scale the images", input.name);
  const double step = is_quantized ? input.quantization.scales[0] : 1.0;
  const int zero = is_quantized ? input.quantization.zero_points[0] : 0;
  const int smallest = input.type == TensorType::int8 ? -128 : 0;
  std::vector<std::byte> bytes;
  bytes.reserve(count * input.bytes());
  for (std::size_t k = first; k < first + count; ++k) {
    QFI_TRY(const Values image, this->image(k));
    const auto image_shape = without_ones(image.shape);
    const auto input_shape = without_ones(input.shape);
    const bool is_flat = image_shape.size() <= 1 || input_shape.size() <= 1;
    if (image.values.size() != input.elements() || (!is_flat && image_shape != input_shape))
      return bad_input("{}: image {} has the shape {}, the model's input {}{}", m_config.images.path.string(),
                       m_indices[k], fmt::join(image.shape, "x"), fmt::join(input.shape, "x"),
                       changes_pixels(m_config) ? "" : "; nothing is cropped, resized or made grey unasked");
    const std::size_t channels = image.shape.size() < 3 ? 1 : image.shape.back();
    if (!scaling) {
      if (is_quantized && !holds_codes && !std::ranges::all_of(image.values, is_byte))
        return bad_input("{}: image {} holds values other than 0..255: say in 'input' how to scale them",
                         m_config.images.path.string(), m_indices[k]);
      const auto as_code = [&](std::size_t pixel, std::size_t c) {
        return double{image.values[pixel + c]} + (holds_codes ? 0 : smallest);
      };
      if (input.type == TensorType::float32) append<float>(image, channels, as_code, bytes);
      else if (input.type == TensorType::int8) append<std::int8_t>(image, channels, as_code, bytes);
      else if (input.type == TensorType::int16) append<std::int16_t>(image, channels, as_code, bytes);
      else append<std::uint8_t>(image, channels, as_code, bytes);
      continue;
    }
    QFI_CHECK(check_channels(scaling->scale, channels, "scale"));
    QFI_CHECK(check_channels(scaling->mean, channels, "mean"));
    const auto real = [&](std::size_t pixel, std::size_t c) {
      const double scale = scaling->scale[scaling->scale.size() == 1 ? 0 : c];
      const double mean = scaling->mean[scaling->mean.size() == 1 ? 0 : c];
      return scale * (image.values[pixel + (scaling->reverse_channels ? channels - 1 - c : c)] - mean);
    };
    const auto code = [&](std::size_t pixel, std::size_t c) {
      return std::round(real(pixel, c) / step) + zero;
    };
    if (input.type == TensorType::float32) append<float>(image, channels, real, bytes);
    else if (input.type == TensorType::int8) append<std::int8_t>(image, channels, code, bytes);
    else if (input.type == TensorType::uint8) append<std::uint8_t>(image, channels, code, bytes);
    else append<std::int16_t>(image, channels, code, bytes);
  }
  return bytes;
}

}  // namespace qfi
