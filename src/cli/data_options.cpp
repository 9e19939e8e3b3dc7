// SPDX-License-Identifier: Apache-2.0
#include "data_options.hpp"

#include <charconv>

#include "campaign_options.hpp"
#include "qfi/config/config_names.hpp"

namespace qfi::cli {
namespace {

namespace fs = std::filesystem;

Result<DataFormat> format_of(const DataOptions& options) {
  if (options.format) return *options.format;
  const fs::path path = options.path;
  const std::string extension = path.extension().string();
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return DataFormat::images;
  if (extension == ".npy") return DataFormat::npy;
  if (extension == ".npz") return DataFormat::npz;
  if (path.filename().string().find("-idx") != std::string::npos) return DataFormat::idx;
  return bad_input("{}: its name does not tell the format; say --format", options.path);
}

template <class T>
Result<T> number(const std::string& option, std::string_view text, bool may_be_zero = false) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
      !(value > T{0} || (may_be_zero && value == T{0})))
    return bad_input("{}: '{}' is not a {} number", option, text, may_be_zero ? "whole" : "positive");
  return value;
}

// "first:100", "list:3,5"
Result<ImageSelection> selection(const std::string& text) {
  if (text == "all") return SelectAll{};
  const auto colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  std::string_view rest =
      colon == std::string::npos ? std::string_view() : std::string_view(text).substr(colon + 1);
  if (kind == "list" && !rest.empty()) {
    SelectList list;
    for (;;) {
      const auto comma = rest.find(',');
      QFI_TRY(const auto index, number<std::uint64_t>("--select", rest.substr(0, comma), true));
      list.indices.push_back(index);
      if (comma == std::string_view::npos) return list;
      rest.remove_prefix(comma + 1);
    }
  }
  if (rest.empty() || (kind != "first" && kind != "random" && kind != "stratified"))
    return bad_input("--select {}: all, first:N, random:N, stratified:N or list:I,J,..", text);
  QFI_TRY(const auto count, number<std::uint64_t>("--select", rest));
  if (kind == "first") return SelectFirst{count};
  if (kind == "random") return SelectRandom{count};
  return SelectStratified{count};
}

// "HxW"
Result<CropSize> size(const std::string& option, const std::string& text) {
  const auto cross = text.find('x');
  if (cross == std::string::npos) return bad_input("{}: '{}' is not HEIGHTxWIDTH", option, text);
  CropSize result{};
  QFI_TRY(result.height, number<int>(option, std::string_view(text).substr(0, cross)));
  QFI_TRY(result.width, number<int>(option, std::string_view(text).substr(cross + 1)));
  if (result.height > k_max_image_side || result.width > k_max_image_side)
    return bad_input("{}: at most {}", option, k_max_image_side);
  return result;
}

Result<Crop> crop(const std::string& text) {
  if (text.empty()) return Crop{};
  if (text == "square") return CropSquare{};
  if (text.find('x') == std::string::npos) {
    QFI_TRY(const double share, number<double>("--crop", text));
    if (share > 1.0) return bad_input("--crop {}: a share is at most 1", text);
    return CropShare{share};
  }
  QFI_TRY(const CropSize result, size("--crop", text));
  return result;
}

Result<std::optional<Resize>> resize(const std::string& text) {
  if (text.empty()) return std::optional<Resize>();
  const auto colon = text.find(':');
  QFI_TRY(const CropSize result, size("--resize", text.substr(0, colon)));
  if (colon == std::string::npos) return Resize{result.height, result.width, ResizeMethod::bilinear};
  const auto method =
      std::ranges::find(k_methods, text.substr(colon + 1), &std::pair<std::string, ResizeMethod>::first);
  if (method == k_methods.end()) return bad_input("--resize {}: the method is bilinear or nearest", text);
  return Resize{result.height, result.width, method->second};
}

}  // namespace

void add_data_options(CLI::App& command, DataOptions& o) {
  command
      .add_option("--data", o.path,
                  "images: a file or folder; or a campaign's .yaml, for its data, input, metric and seed")
      ->required()
      ->type_name("PATH");
  command.add_option("--define", o.defines, "value of ${NAME} in the .yaml's paths")->type_name("NAME=VALUE");
  const auto add = [&](CLI::Option* option) {
    o.not_with_config.push_back(option);
    return option;
  };
  add(command.add_option("--format", o.format, "of the images (default: by the name)"))
      ->transform(CLI::CheckedTransformer(k_formats));
  add(command.add_option("--labels", o.labels, "classes: a file; class maps: a file or folder"))
      ->type_name("PATH");
  add(command.add_option("--arrays", o.arrays,
                         "names in an .npz: images, or images,labels (default images,labels)"))
      ->delimiter(',')
      ->type_name("NAMES");
  add(command.add_option("--layout", o.data.layout,
                         "order of an image's numbers: flat is a row in the model's order"))
      ->transform(CLI::CheckedTransformer(k_layouts))
      ->default_str("nhwc");
  add(command.add_option("--select", o.select,
                         "which images: all, first:N, random:N, stratified:N, list:I,J,.."))
      ->capture_default_str()
      ->type_name("WHICH");
  add(command.add_option("--label-offset", o.data.label_offset, "class = label + offset"))
      ->capture_default_str();
  add(command.add_option("--ignore-label", o.data.ignore_label, "pixels of class maps that are not counted"));
  add(command.add_option("--color", o.data.color, "decode images as"))
      ->transform(CLI::CheckedTransformer(k_colors))
      ->default_str("as_stored");
  add(command.add_option("--crop", o.crop, "central part: square, a share like 0.875, or HxW"))
      ->type_name("PART");
  add(command.add_option("--resize", o.resize, "after the crop: HxW, bilinear, or HxW:nearest"))
      ->type_name("HxW");
  add(command.add_option("--scale", o.input.scale,
                         "input = scale * (value - mean); one number, or one per channel"))
      ->delimiter(',')
      ->type_name("S");
  add(command.add_option("--mean", o.input.mean, "see --scale"))->delimiter(',')->type_name("M");
  add(command.add_flag("--reverse-channels", o.input.reverse_channels,
                       "RGB images for a BGR model, or the reverse"));
  add(command.add_option("--metric", o.metric.tensor, "tensor that holds the scores, or the class map"))
      ->type_name("TENSOR")
      ->default_str("the first output");
  add(command.add_option("--threshold", o.metric.threshold,
                         "of an output of one value: class 1 lies above it (default 0.5)"))
      ->type_name("X");
  add(command.add_option("--seed", o.seed, "draws random selections"))->capture_default_str();
}

Result<DataAndInput> read_data_options(const DataOptions& o) {
  const std::string extension = fs::path(o.path).extension().string();
  if (extension == ".yaml" || extension == ".yml") {
    for (const CLI::Option* option : o.not_with_config)
      if (option->count() > 0)
        return bad_input("{}: {} says it; leave out the option", option->get_name(), o.path);
    QFI_TRY(const ConfigParams params, config_params(o.defines));
    return read_data_config(o.path, params);
  }
  DataAndInput result{o.data, o.input, o.metric, o.seed};
  DataConfig& data = result.data;
  data.images = {o.path, o.path};
  QFI_TRY(data.format, format_of(o));
  if (!o.labels.empty()) data.labels = {o.labels, o.labels};
  if (!o.arrays.empty()) {
    if (data.format != DataFormat::npz || o.arrays.size() > 2)
      return bad_input("--arrays: one or two names, for .npz files");
    data.images_array = o.arrays[0];
    data.labels_array = o.arrays.size() == 2 ? o.arrays[1] : "";
  }
  QFI_TRY(data.select, selection(o.select));
  QFI_TRY(data.crop, crop(o.crop));
  QFI_TRY(data.resize, resize(o.resize));
  return result;
}

}  // namespace qfi::cli
