// SPDX-License-Identifier: Apache-2.0
// The keys `data` and `input` of a config.
#include <limits>

#include "config_reader.hpp"
#include "qfi/config/config_names.hpp"

namespace qfi {
namespace {

constexpr std::uint64_t k_most = std::numeric_limits<std::uint64_t>::max();

// CIFAR files and archives hold their own labels; class sub-folders are labels too.
Result<void> read_labels(const ConfigReader& reader, const YamlNode& node, DataConfig& data) {
  const auto labels = node.find("labels");
  const auto arrays = node.find("arrays");
  if (data.format == DataFormat::npz) {
    if (labels) return labels->error("an archive holds its labels; name them in 'arrays'");
    if (!arrays) return {};
    QFI_CHECK(arrays->check_keys({"images", "labels"}));
    for (const auto& [key, name] : {std::pair{"images", &data.images_array}, {"labels", &data.labels_array}})
      if (const auto given = arrays->find(key)) {
        QFI_TRY(*name, given->text());
      }
    return {};
  }
  if (arrays) return arrays->error("'arrays' belongs to the npz format");
  if (holds_labels(data.format) && labels)
    return labels->error("the CIFAR formats hold their own labels; leave 'labels' out");
  if (labels) {
    QFI_TRY(data.labels, reader.path(*labels));
  }
  return {};
}

Result<CropSize> read_size(const YamlNode& node) {
  CropSize size{};
  QFI_TRY(const YamlNode height, node.at("height"));
  QFI_TRY(size.height, height.number(1, k_max_image_side));
  QFI_TRY(const YamlNode width, node.at("width"));
  QFI_TRY(size.width, width.number(1, k_max_image_side));
  return size;
}

Result<Crop> read_crop(const YamlNode& node) {
  if (node.is_scalar()) {
    QFI_TRY(const std::string text, node.text());
    if (text == "square") return CropSquare{};
    return node.error("'crop' is 'square', {{share: s}} or {{height: h, width: w}}");
  }
  QFI_CHECK(node.check_keys({"share", "height", "width"}));
  const auto share = node.find("share");
  if (!share) {
    QFI_TRY(const CropSize size, read_size(node));
    return size;
  }
  if (node.items().size() != 1) return node.error("'share' stands alone in 'crop'");
  QFI_TRY(const double value, share->number(1e-6, 1.0));
  return CropShare{value};
}

Result<ImageSelection> read_selection(const YamlNode& node) {
  if (node.is_scalar()) {
    QFI_TRY(const std::string text, node.text());
    if (text == "all") return SelectAll{};
    return node.error(
        "'select' is 'all' or one of {{first: n}}, {{random: n}}, {{stratified: n}}, {{list: [..]}}");
  }
  QFI_CHECK(node.check_keys({"first", "random", "stratified", "list"}));
  if (node.items().size() != 1)
    return node.error("'select' needs exactly one of first, random, stratified, list");
  if (const auto list = node.find("list")) {
    SelectList chosen;
    if (!list->is_list()) return list->error("'list' must be a list of image numbers");
    for (const YamlNode& item : list->items()) {
      QFI_TRY(const std::uint64_t index, item.number(std::uint64_t{0}, k_most));
      chosen.indices.push_back(index);
    }
    if (chosen.indices.empty()) return list->error("'list' is empty");
    return chosen;
  }
  for (const char* key : {"first", "random", "stratified"})
    if (const auto count_node = node.find(key)) {
      QFI_TRY(const std::uint64_t count, count_node->number(std::uint64_t{1}, k_most));
      if (std::string_view(key) == "first") return SelectFirst{count};
      if (std::string_view(key) == "random") return SelectRandom{count};
      return SelectStratified{count};
    }
  return node.error("'select' is empty");
}

// One number, or a list with one for each channel.
Result<void> read_numbers(const YamlNode& parent, const std::string& key, std::vector<double>& numbers) {
  constexpr double k_large = 1e30;
  const auto node = parent.find(key);
  if (!node) return {};
  numbers.clear();
  for (const YamlNode& item : node->is_list() ? node->items() : std::vector{*node}) {
    QFI_TRY(const double number, item.number(-k_large, k_large));
    numbers.push_back(number);
  }
  if (numbers.empty()) return node->error("'{}' is empty", key);
  return {};
}

nlohmann::json selection_json(const ImageSelection& selection) {
  return std::visit(
      [](const auto& chosen) -> nlohmann::json {
        using T = std::decay_t<decltype(chosen)>;
        if constexpr (std::is_same_v<T, SelectAll>) return "all";
        else if constexpr (std::is_same_v<T, SelectFirst>) return {{"first", chosen.count}};
        else if constexpr (std::is_same_v<T, SelectRandom>) return {{"random", chosen.count}};
        else if constexpr (std::is_same_v<T, SelectStratified>) return {{"stratified", chosen.count}};
        else return {{"list", chosen.indices}};
      },
      selection);
}

nlohmann::json crop_json(const Crop& crop) {
  if (const auto* share = std::get_if<CropShare>(&crop)) return {{"share", share->share}};
  if (const auto* size = std::get_if<CropSize>(&crop))
    return {{"height", size->height}, {"width", size->width}};
  return "square";
}

}  // namespace

Result<DataConfig> read_data(const ConfigReader& reader, const YamlNode& node) {
  QFI_CHECK(node.check_keys({"format", "images", "labels", "arrays", "select", "label_offset", "ignore_label",
                             "color", "crop", "resize"}));
  DataConfig data;
  QFI_TRY(const YamlNode format, node.at("format"));
  QFI_TRY(data.format, format.choice(k_formats));
  QFI_TRY(const YamlNode images, node.at("images"));
  QFI_TRY(data.images, reader.path(images));
  QFI_CHECK(read_labels(reader, node, data));
  if (const auto select = node.find("select")) {
    QFI_TRY(data.select, read_selection(*select));
  }
  QFI_CHECK(read_number(node, "label_offset", -1'000'000, 1'000'000, data.label_offset));
  if (const auto ignore = node.find("ignore_label")) {
    QFI_TRY(data.ignore_label, ignore->number(-1'000'000, 1'000'000));
  }
  QFI_CHECK(read_choice(node, "color", k_colors, data.color));
  if (const auto crop = node.find("crop")) {
    QFI_TRY(data.crop, read_crop(*crop));
  }
  if (const auto resize = node.find("resize")) {
    QFI_CHECK(resize->check_keys({"height", "width", "method"}));
    QFI_TRY(const CropSize size, read_size(*resize));
    data.resize = Resize{size.height, size.width, ResizeMethod::bilinear};
    QFI_CHECK(read_choice(*resize, "method", k_methods, data.resize->method));
  }
  return data;
}

Result<InputScaling> read_input(const YamlNode& node) {
  QFI_CHECK(node.check_keys({"scale", "mean", "channels"}));
  InputScaling input;
  QFI_CHECK(read_numbers(node, "scale", input.scale));
  QFI_CHECK(read_numbers(node, "mean", input.mean));
  QFI_CHECK(read_choice<bool>(node, "channels", {{"as_stored", false}, {"reversed", true}},
                              input.reverse_channels));
  if (input.scales() && input.scale.empty()) input.scale = {1.0};
  if (input.scales() && input.mean.empty()) input.mean = {0.0};
  return input;
}

nlohmann::json data_json(const DataConfig& data) {
  nlohmann::json json = {{"format", name_in(k_formats, data.format)},
                         {"images", data.images.text},
                         {"select", selection_json(data.select)},
                         {"label_offset", data.label_offset}};
  if (!data.labels.text.empty()) json["labels"] = data.labels.text;
  if (data.format == DataFormat::npz)
    json["arrays"] = {{"images", data.images_array}, {"labels", data.labels_array}};
  if (data.ignore_label) json["ignore_label"] = *data.ignore_label;
  if (data.color != ColorMode::as_stored) json["color"] = name_in(k_colors, data.color);
  if (!std::holds_alternative<std::monostate>(data.crop)) json["crop"] = crop_json(data.crop);
  if (data.resize)
    json["resize"] = {{"height", data.resize->height},
                      {"width", data.resize->width},
                      {"method", name_in(k_methods, data.resize->method)}};
  return json;
}

}  // namespace qfi
