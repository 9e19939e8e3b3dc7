// SPDX-License-Identifier: Apache-2.0
#include "qfi/data/data_set.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>

#include "input_writer.hpp"
#include "qfi/base/hash.hpp"
#include "qfi/base/npy.hpp"
#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"
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

// What no reader would look at.
Result<void> check(const DataConfig& config) {
  const std::string name = config.images.path.string();
  if (holds_labels(config.format) && !config.labels.text.empty())
    return bad_input("{}: holds its own labels; leave out those of {}", name, config.labels.path.string());
  const bool is_array = config.format == DataFormat::npy || config.format == DataFormat::npz;
  if (config.layout == DataLayout::nchw && !is_array)
    return bad_input("{}: layout nchw is for arrays; the reader of this format knows the order itself", name);
  constexpr int k_most = 1'000'000;
  if (std::abs(std::int64_t{config.label_offset}) > k_most)
    return bad_input("label offset {}: at most {}", config.label_offset, k_most);
  return {};
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
    for (const std::uint64_t k :
         draw_without_replacement(images.size(), share.whole, seed, purpose::images_of_class(share.label)))
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
    chosen = draw_without_replacement(available, random->count, seed, purpose::k_images);
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

// Pixels [height][width] or [height][width][1 or 3] of 0..255.
Result<Image> as_image(const Values& values) {
  const std::vector<std::uint64_t>& shape = values.shape;
  const std::uint64_t channels = shape.size() == 3 ? shape[2] : 1;
  if (shape.size() < 2 || shape.size() > 3 || (channels != 1 && channels != 3))
    return bad_input(
        "colour, crop and resize need images of [height, width] or [height, width, 1 or 3], not {}",
        fmt::join(shape, "x"));
  constexpr std::uint64_t k_max_side = 1 << 20;
  if (shape[0] > k_max_side || shape[1] > k_max_side)
    return bad_input("sides of {} are too long", k_max_side);
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

// Channel by channel to pixel by pixel.
Values interleaved(const Values& planes, std::uint64_t channels, std::uint64_t height, std::uint64_t width) {
  Values result{{height, width, channels}, std::vector<float>(planes.values.size())};
  const std::uint64_t pixels = height * width;
  for (std::uint64_t i = 0; i < result.values.size(); ++i)
    result.values[i] = planes.values[i % channels * pixels + i / channels];
  return result;
}

// Whether an image's numbers may go into the input as they follow each other.
bool fits(const std::vector<std::uint64_t>& image, const std::vector<int>& input, DataLayout layout) {
  const auto a = without_ones(image);
  const auto b = without_ones(input);
  if (a == b) return true;
  if (layout == DataLayout::flat) return a.size() <= 1 || b.size() <= 1;
  return b.size() <= 1 && a.size() <= 2;  // a row takes an image of one channel row by row
}

// A model with several inputs: an array for each, by name.
Result<std::map<std::string, DataSource>> open_inputs(const DataConfig& config,
                                                      const std::vector<std::string>& inputs) {
  const std::string name = config.images.path.string();
  if (config.format != DataFormat::npz)
    return bad_input("{}: the model has {} inputs ('{}'); give an .npz archive with an array for each", name,
                     inputs.size(), fmt::join(inputs, "', '"));
  if (changes_pixels(config))
    return bad_input("{}: color, crop and resize are for models with one input", name);
  std::map<std::string, DataSource> sources;
  for (const std::string& input : inputs) {
    DataConfig of_input = config;
    of_input.images_array = input;
    of_input.labels_array.clear();
    QFI_TRY(const DataSource source, open_npz(of_input));
    if (!sources.empty() && sources.begin()->second.count != source.count)
      return bad_input("{}: '{}' holds {} images, '{}' {}", name, input, source.count, sources.begin()->first,
                       sources.begin()->second.count);
    sources.emplace(input, source);
  }
  return sources;
}

// Labels beside the arrays of several inputs may be absent.
Result<DataConfig> with_labels_if_there(DataConfig config, const std::vector<std::string>& inputs) {
  QFI_TRY(const auto arrays, npz_arrays(config.images.path, data_limit(config)));
  config.images_array = inputs[0];
  if (std::ranges::find(arrays, config.labels_array) == arrays.end()) config.labels_array.clear();
  return config;
}

}  // namespace

Values values_of(const Image& image) {
  return {{static_cast<std::uint64_t>(image.height), static_cast<std::uint64_t>(image.width),
           static_cast<std::uint64_t>(image.channels)},
          {image.pixels.begin(), image.pixels.end()}};
}

Result<DataSet> DataSet::open(const DataConfig& config, std::uint64_t seed,
                              const std::vector<std::string>& inputs) {
  QFI_CHECK(check(config));
  DataSet data;
  data.m_config = config;
  if (!inputs.empty()) {
    QFI_TRY(data.m_inputs, open_inputs(config, inputs));
    QFI_TRY(data.m_config, with_labels_if_there(config, inputs));
  }
  QFI_TRY(data.m_source, open_source(data.m_config));
  const DataSource& source = data.m_source;
  const std::string name = config.images.path.string();
  if (!source.labels.empty() && source.labels.size() != source.count)
    return bad_input("{}: {} images but {} labels", name, source.count, source.labels.size());
  constexpr std::int64_t k_most_label = 1'000'000'000;
  for (std::size_t i = 0; i < source.labels.size(); ++i)
    if (source.labels[i] < -k_most_label || source.labels[i] > k_most_label)
      return bad_input("{}: label {} of image {} is out of range", name, source.labels[i], i);
  QFI_TRY(data.m_indices, select(config.select, source, seed, name));
  if (!source.labels.empty())
    for (const std::uint64_t image : data.m_indices)
      data.m_labels.push_back(static_cast<int>(source.labels[image] + config.label_offset));
  data.m_selection_hash = sha256_hex(std::as_bytes(std::span(data.m_indices)));
  return data;
}

void DataSet::shuffle(std::uint64_t seed) {
  const std::vector<std::uint64_t> order =
      draw_without_replacement(m_indices.size(), m_indices.size(), seed, purpose::k_image_order);
  const std::vector<std::uint64_t> indices = m_indices;
  const std::vector<int> labels = m_labels;
  for (std::size_t k = 0; k < order.size(); ++k) {
    m_indices[k] = indices[order[k]];
    if (!labels.empty()) m_labels[k] = labels[order[k]];
  }
}

std::string DataSet::place_of(std::size_t k) const {
  return fmt::format("{}: image {}", m_config.images.path.string(), m_indices[k]);
}

Result<Values> DataSet::image(std::size_t k) const {
  QFI_TRY(Values values, m_source.image(m_indices[k]));
  return changed(std::move(values), k);
}

Result<Values> DataSet::changed(Values values, std::size_t k) const {
  if (m_config.layout == DataLayout::nchw && values.shape.size() == 3)
    values = interleaved(values, values.shape[0], values.shape[1], values.shape[2]);
  if (!changes_pixels(m_config)) return values;
  auto image = as_image(values);
  if (image) image = cropped(converted(std::move(*image), m_config.color), m_config.crop);
  if (image && m_config.resize) image = resized(*image, *m_config.resize);
  if (!image) return at(place_of(k), image.error());
  return values_of(*image);
}

const DataSource& DataSet::source_of(const Tensor& input) const {
  const auto named = m_inputs.find(input.name);
  return named == m_inputs.end() ? m_source : named->second;
}

Result<Values> DataSet::image_for(std::size_t k, const Tensor& input) const {
  QFI_TRY(Values image, source_of(input).image(m_indices[k]));
  QFI_TRY(image, changed(std::move(image), k));
  const std::vector<int>& shape = input.shape;
  const bool is_row_of_planes = m_config.layout == DataLayout::nchw &&
                                without_ones(image.shape).size() <= 1 && shape.size() == 4 &&
                                image.values.size() == input.elements();
  if (is_row_of_planes)
    image = interleaved(image, static_cast<std::uint64_t>(shape[3]), static_cast<std::uint64_t>(shape[1]),
                        static_cast<std::uint64_t>(shape[2]));
  const bool is_of_size = image.values.size() == input.elements();
  if (is_of_size && fits(image.shape, shape, m_config.layout)) return image;
  const char* help = is_of_size
                         ? "; if the numbers only follow each other in another order, say it: layout nchw "
                           "(channel by channel) or flat (a row, as the model takes it)"
                     : changes_pixels(m_config) ? ""
                                                : "; nothing is cropped, resized or made grey unasked";
  return bad_input("{} has the shape {}, the model's input{} {}{}", place_of(k), fmt::join(image.shape, "x"),
                   m_inputs.empty() ? "" : " '" + input.name + "'", fmt::join(shape, "x"), help);
}

Result<ClassMap> DataSet::label_map(std::size_t k) const {
  const auto place = [&] {
    return fmt::format("{}: class map {}", m_config.labels.path.string(), m_indices[k]);
  };
  auto map = m_source.label_map(m_indices[k]);
  if (map) map = cropped(*map, m_config.crop);
  if (!map) return at(place(), map.error());
  if (m_config.resize) map = resized(*map, m_config.resize->height, m_config.resize->width);
  for (int& label : map->classes) {
    const bool is_ignored = m_config.ignore_label == label;
    label += m_config.label_offset;
    if (is_ignored) label = k_ignored;
    else if (label < 0)
      return bad_input("{}: holds class {} (label_offset {} included)", place(), label,
                       m_config.label_offset);
  }
  return map;
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
                                                    const InputScaling& scaling) const {
  QFI_TRY(const InputWriter writer, InputWriter::create(input, scaling, source_of(input).signed_type));
  std::vector<std::byte> bytes;
  bytes.reserve(count * input.bytes());
  for (std::size_t k = first; k < first + count; ++k) {
    QFI_TRY(const Values image, image_for(k, input));
    if (auto written = writer.append(image.values, bytes); !written) return at(place_of(k), written.error());
  }
  return bytes;
}

}  // namespace qfi
